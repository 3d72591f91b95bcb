#include "engine/tokenizer/library_classes.h"

#include <algorithm>
#include <iterator>

#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

struct CodePointRun {
  char32_t first;
  char32_t last;
};
struct BitsRun {
  char32_t first;
  char32_t last;
  uint16_t value;
};
struct LowerRun {  // every stride-th code point is `delta` away from its lower case
  char32_t first;
  char32_t last;
  uint8_t stride;
  int32_t delta;
};
struct Compatibility {
  char32_t code_point;
  uint16_t begin;  // in kCompatibilityText
  uint8_t length;
};
#include "engine/tokenizer/library_tables.inc"

constexpr char32_t kCodePoints = 0x110000;
constexpr char32_t kDottedCapitalI = 0x130;

// The run that holds `c`, or nullptr.
template <typename Run, size_t kSize>
const Run* FindRun(const Run (&runs)[kSize], char32_t c) {
  const Run* run = std::upper_bound(std::begin(runs), std::end(runs), c,
                                    [](char32_t value, const Run& r) { return value < r.first; });
  if (run == std::begin(runs)) return nullptr;
  --run;
  return c <= run->last ? run : nullptr;
}

template <typename Value, size_t kSize>
const std::vector<Value>* MakeTable(const BitsRun (&runs)[kSize]) {
  auto* table = new std::vector<Value>(kCodePoints);
  for (const BitsRun& run : runs) {
    std::fill(table->begin() + run.first, table->begin() + run.last + 1,
              static_cast<Value>(run.value));
  }
  return table;
}

bool IsHangulLead(char32_t c) { return (c >= 0x1100 && c < 0x1160) || (c >= 0xA960 && c < 0xA97D); }
bool IsHangulVowel(char32_t c) {
  return (c >= 0x1160 && c < 0x11A8) || (c >= 0xD7B0 && c < 0xD7C7);
}
bool IsHangulTail(char32_t c) { return (c >= 0x11A8 && c < 0x1200) || (c >= 0xD7CB && c < 0xD7FC); }
bool IsHangulSyllable(char32_t c) { return c >= 0xAC00 && c < 0xD7A4; }

bool IsJoined(char32_t before, char32_t c) {
  const uint16_t left = LibraryClassOf(before);
  const uint16_t right = LibraryClassOf(c);
  if (before == '\r' && c == '\n') return true;
  constexpr uint16_t kBreaks = kGraphemeControl;
  if ((left & kBreaks) != 0 || (right & kBreaks) != 0 || before == '\r' || before == '\n' ||
      c == '\r' || c == '\n') {
    return false;
  }
  if ((right & (kGraphemeExtend | kGraphemeZwj | kGraphemeSpacingMark)) != 0) return true;
  if ((left & kGraphemePrepend) != 0) return true;
  if (IsHangulLead(before)) return IsHangulLead(c) || IsHangulVowel(c) || IsHangulSyllable(c);
  if (IsHangulVowel(before) || IsHangulSyllable(before)) return IsHangulVowel(c) || IsHangulTail(c);
  return IsHangulTail(before) && IsHangulTail(c);
}

}  // namespace

uint16_t LibraryClassOf(char32_t code_point) {
  static const std::vector<uint16_t>& table = *MakeTable<uint16_t>(kLibraryBits);
  return code_point < kCodePoints ? table[code_point] : 0;
}

uint8_t ScriptOf(char32_t code_point) {
  static const std::vector<uint8_t>& table = *MakeTable<uint8_t>(kScriptRuns);
  return code_point < kCodePoints ? table[code_point] : 0;
}

void AppendLower(char32_t code_point, std::string& out) {
  if (code_point < 128) {
    const bool upper = code_point >= 'A' && code_point <= 'Z';
    out.push_back(static_cast<char>(upper ? code_point + ('a' - 'A') : code_point));
    return;
  }
  if (code_point == kDottedCapitalI) {
    out.append("i\xCC\x87");
    return;
  }
  const LowerRun* run = FindRun(kLowerRuns, code_point);
  const bool mapped = run != nullptr && (code_point - run->first) % run->stride == 0;
  AppendUtf8(mapped ? code_point + run->delta : code_point, out);
}

bool IsKnownToNormalForms(char32_t code_point) {
  return code_point < kUnknownToNfd[0].first || FindRun(kUnknownToNfd, code_point) == nullptr;
}

std::u32string_view CompatibilityDecomposition(char32_t code_point) {
  const auto* entry =
      std::lower_bound(std::begin(kCompatibility), std::end(kCompatibility), code_point,
                       [](const Compatibility& c, char32_t value) { return c.code_point < value; });
  if (entry == std::end(kCompatibility) || entry->code_point != code_point) return {};
  return {kCompatibilityText + entry->begin, entry->length};
}

size_t GraphemeLength(std::string_view text, size_t pos) {
  size_t length = 0;
  char32_t before = DecodeUtf8(text, pos, length);
  size_t end = pos + length;
  while (end < text.size()) {
    const char32_t c = DecodeUtf8(text, end, length);
    if (!IsJoined(before, c)) break;
    before = c;
    end += length;
  }
  return end - pos;
}

}  // namespace skep::engine::tokenizer
