#include "server/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/view.h"

namespace skep::server {

absl::Status CheckApiKey(std::string_view key) {
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::all_of(key.begin(), key.end(), visible)) {
    return absl::InvalidArgumentError(
        "the API key holds a space, or something else that is not visible ASCII");
  }
  if (key.size() < kMinApiKeyBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the API key has ", key.size(), " characters; at least ", kMinApiKeyBytes, " are needed"));
  }
  return absl::OkStatus();
}

ApiKeys::Digest ApiKeys::DigestOf(std::string_view key) {
  static_assert(std::tuple_size_v<Digest> == SHA256_DIGEST_LENGTH);
  Digest out;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), out.data());
  return out;
}

const ApiKeys::Entry* ApiKeys::Find(const Digest& digest) const {
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {  // all of them, wherever the right one is
    if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) found = &entry;
  }
  return found;
}

absl::StatusOr<ApiKeys> ApiKeys::Parse(std::string_view text, std::string_view file) {
  ApiKeys out;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(View(text), '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const auto error = [&](absl::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat(View(file), ":", number, ": ", what));
    };
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    const absl::string_view tenant = absl::StripAsciiWhitespace(parts.first);
    const absl::string_view key = absl::StripAsciiWhitespace(parts.second);
    if (tenant.empty() || key.empty()) return error("the line is not TENANT:KEY");
    if (absl::Status s = CheckApiKey(StdView(key)); !s.ok()) return error(s.message());
    const Digest digest = DigestOf(StdView(key));
    if (out.Find(digest) != nullptr) return error("the API key stands in an earlier line too");
    out.entries_.push_back({digest, std::string(tenant)});
  }
  if (out.entries_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(View(file), ": holds no API key; write one TENANT:KEY a line"));
  }
  return out;
}

std::optional<std::string> ApiKeys::TenantOf(std::string_view key) const {
  const Entry* found = Find(DigestOf(key));
  if (found == nullptr) return std::nullopt;
  return found->tenant;
}

}  // namespace skep::server
