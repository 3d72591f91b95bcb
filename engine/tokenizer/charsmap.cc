#include "engine/tokenizer/charsmap.h"

#include <utility>

#include "engine/tokenizer/library_classes.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

// A unit of the double array (darts-clone).
bool HasLeaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t Value(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t Label(uint32_t unit) { return unit & 0x800000FF; }
size_t Offset(uint32_t unit) { return size_t{unit >> 10} << ((unit & 1u << 9) >> 6); }

uint32_t ReadU32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value |= uint32_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  }
  return value;
}

void AppendU32(uint32_t value, std::string& out) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

}  // namespace

absl::StatusOr<CharsMap> CharsMap::Parse(std::string_view bytes) {
  if (bytes.size() < 4) return absl::InvalidArgumentError("a charsmap has at least 4 bytes");
  const size_t trie_bytes = ReadU32(bytes, 0);
  if (trie_bytes % 4 != 0 || trie_bytes == 0 || trie_bytes > bytes.size() - 4) {
    return absl::InvalidArgumentError(
        Concat("a charsmap of ", bytes.size(), " bytes names a trie of ", trie_bytes));
  }
  CharsMap result;
  result.trie_.reserve(trie_bytes / 4);
  for (size_t at = 4; at < 4 + trie_bytes; at += 4) result.trie_.push_back(ReadU32(bytes, at));
  result.replacements_ = std::string(bytes.substr(4 + trie_bytes));
  if (!IsValidUtf8(result.replacements_)) {
    return absl::InvalidArgumentError("the replacements of a charsmap are not UTF-8");
  }
  const size_t last_end = result.replacements_.rfind('\0');
  result.replacements_end_ = last_end == std::string::npos ? 0 : last_end + 1;
  return result;
}

std::string CharsMap::bytes() const {
  std::string result;
  AppendU32(static_cast<uint32_t>(4 * trie_.size()), result);
  for (uint32_t unit : trie_) AppendU32(unit, result);
  return result + replacements_;
}

std::optional<CharsMap::Match> CharsMap::Find(std::string_view text, bool longest) const {
  std::optional<Match> found;
  size_t node = Offset(trie_[0]);
  for (size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (node >= trie_.size() || Label(trie_[node]) != byte) break;
    const uint32_t unit = trie_[node];
    node ^= Offset(unit);
    if (!HasLeaf(unit) || node >= trie_.size()) continue;
    const size_t begin = Value(trie_[node]);
    if (begin >= replacements_end_) continue;
    const size_t end = replacements_.find('\0', begin);
    found = {i + 1, std::string_view(replacements_).substr(begin, end - begin)};
    if (!longest) break;
  }
  return found;
}

std::string CharsMap::Apply(std::string_view text, size_t max_bytes) const {
  constexpr size_t kMaxWholeBytes = 5;
  std::string out;
  out.reserve(text.size());
  size_t cluster = 0, character = 0;
  for (size_t begin = 0; begin < text.size() && out.size() <= max_bytes; begin += cluster) {
    cluster = GraphemeLength(text, begin);
    if (cluster <= kMaxWholeBytes) {
      if (const auto match = ShortestPrefix(text.substr(begin, cluster))) {
        out.append(match->replacement);
        continue;
      }
    }
    for (size_t pos = begin; pos < begin + cluster && out.size() <= max_bytes; pos += character) {
      DecodeUtf8(text, pos, character);
      const std::string_view part = text.substr(pos, character);
      const auto match = ShortestPrefix(part);
      out.append(match ? match->replacement : part);
    }
  }
  return out;
}

}  // namespace skep::engine::tokenizer
