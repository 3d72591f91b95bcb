#include "engine/tokenizer/vocabulary.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {

absl::StatusOr<Vocabulary> Vocabulary::Make(std::vector<Entry> entries) {
  // Real vocabularies have few holes; the slack is for small ones with special tokens far out.
  const size_t max_size = 2 * entries.size() + (size_t{1} << 20);
  TokenId largest = -1;
  for (const Entry& entry : entries) {
    if (entry.second < 0) {
      return absl::InvalidArgumentError(Concat("token id ", entry.second, " is negative"));
    }
    largest = std::max(largest, entry.second);
  }
  if (static_cast<size_t>(largest + int64_t{1}) > max_size) {
    return absl::InvalidArgumentError(
        Concat("token id ", largest, " is out of proportion to a vocabulary of ", entries.size(),
               " pieces (at most ", max_size - 1, ")"));
  }
  Vocabulary result;
  result.texts_.resize(largest + 1);
  result.flags_.assign(largest + 1, kAbsent);
  for (Entry& entry : entries) {
    std::string& text = result.texts_[entry.second];
    uint8_t& flags = result.flags_[entry.second];
    if (flags != kAbsent && text != entry.first) {
      return absl::InvalidArgumentError(Concat("token id ", entry.second, " is given to '", text,
                                               "' and to '", entry.first, "'"));
    }
    text = std::move(entry.first);
    flags = 0;
  }
  result.ids_.reserve(entries.size());
  for (const Entry& entry : entries) {  // views of the table's own strings, the last piece wins
    result.ids_.insert_or_assign(result.texts_[entry.second], entry.second);
  }
  return result;
}

std::optional<TokenId> Vocabulary::Find(std::string_view text) const {
  const auto found = ids_.find(text);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::optional<TokenId> Vocabulary::FindText(std::string_view text) const {
  const std::optional<TokenId> id = Find(text);
  return id && (flags_[*id] & kNotText) == 0 ? id : std::nullopt;
}

std::optional<uint8_t> Vocabulary::ParseBytePiece(std::string_view text) {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return std::nullopt;
  int value = 0;
  for (char c : text.substr(3, 2)) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
    value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return static_cast<uint8_t>(value);
}

std::optional<std::vector<TokenId>> Vocabulary::BytePieces() const {
  std::vector<TokenId> result(256);
  for (int byte = 0; byte < 256; ++byte) {
    const std::optional<TokenId> id = Find(absl::StrFormat("<0x%02X>", byte));
    if (!id) return std::nullopt;
    result[byte] = *id;
  }
  return result;
}

}  // namespace skep::engine::tokenizer
