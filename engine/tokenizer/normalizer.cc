#include "engine/tokenizer/normalizer.h"

#include <algorithm>

#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

absl::Status Normalize(const NfcNormalizer&, std::string& text) {
  text = ToNfc(text);
  return absl::OkStatus();
}

absl::Status Normalize(const PrependNormalizer& step, std::string& text) {
  if (!text.empty()) text.insert(0, step.text);
  return absl::OkStatus();
}

absl::Status Normalize(const ReplaceNormalizer& step, std::string& text) {
  std::vector<Range> matches;
  if (absl::Status status = step.pattern->FindAll(text, matches); !status.ok()) return status;
  if (matches.empty()) return absl::OkStatus();
  std::string result;
  result.reserve(text.size() + matches.size() * step.content.size());
  size_t done = 0;
  for (const Range& match : matches) {
    result.append(text, done, match.begin - done);
    result.append(step.content);
    done = match.end;
  }
  result.append(text, done);
  text = std::move(result);
  return absl::OkStatus();
}

absl::Status Normalize(const StripNormalizer& step, std::string& text) {
  // Of an all-white text nothing is left, from whichever side it is stripped.
  size_t first = text.size(), last = 0, length = 0;
  for (size_t pos = 0; pos < text.size(); pos += length) {
    if ((ClassOf(DecodeUtf8(text, pos, length)) & kSpace) != 0) continue;
    if (first == text.size()) first = pos;
    last = pos + length;
  }
  const size_t begin = step.left ? first : 0;
  const size_t end = step.right ? std::max(begin, last) : text.size();
  text = text.substr(begin, end - begin);
  return absl::OkStatus();
}

}  // namespace

absl::Status Normalizer::Apply(std::string& text) const {
  for (const NormalizerStep& step : steps) {
    absl::Status status = std::visit([&](const auto& s) { return Normalize(s, text); }, step);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
