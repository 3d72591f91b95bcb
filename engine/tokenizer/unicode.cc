#include "engine/tokenizer/unicode.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

namespace skep::engine::tokenizer {
namespace {

constexpr char32_t kCodePoints = 0x110000;

struct CategoryRun {
  char32_t first;  // up to the next run
  uint8_t category;
};
struct CodePointRange {
  char32_t first;
  char32_t last;
};
#include "engine/tokenizer/class_tables.inc"

struct NamedClass {
  std::string_view name;
  uint32_t bits;
};

// In the order of CATEGORIES in generate_unicode.py.
constexpr NamedClass kCategories[] = {
    {"Cn", 0},   {"Cc", kCc}, {"Cf", kCf}, {"Co", kCo}, {"Cs", 0},   {"Ll", kLl},
    {"Lm", kLm}, {"Lo", kLo}, {"Lt", kLt}, {"Lu", kLu}, {"Mc", kMc}, {"Me", kMe},
    {"Mn", kMn}, {"Nd", kNd}, {"Nl", kNl}, {"No", kNo}, {"Pc", kPc}, {"Pd", kPd},
    {"Pe", kPe}, {"Pf", kPf}, {"Pi", kPi}, {"Po", kPo}, {"Ps", kPs}, {"Sc", kSc},
    {"Sk", kSk}, {"Sm", kSm}, {"So", kSo}, {"Zl", kZl}, {"Zp", kZp}, {"Zs", kZs},
};
constexpr NamedClass kUnions[] = {
    {"L", kLetter}, {"M", kMark},      {"N", kNumber}, {"P", kPunctuation},
    {"S", kSymbol}, {"Z", kSeparator}, {"Han", kHan},
};

// Which entry of `kinds` each code point has; one byte each, so that a look-up is one load.
struct ClassTable {
  std::vector<uint8_t> kind;
  uint32_t kinds[3 * std::size(kCategories)] = {};

  ClassTable() : kind(kCodePoints) {
    constexpr size_t n = std::size(kCategories);
    for (size_t i = 0; i < n; ++i) {
      kinds[i] = kCategories[i].bits;
      kinds[n + i] = kCategories[i].bits | kSpace;
      kinds[2 * n + i] = kCategories[i].bits | kHan;
    }
    for (size_t run = 0; run < std::size(kCategoryRuns); ++run) {
      const bool last = run + 1 == std::size(kCategoryRuns);
      const char32_t end = last ? kCodePoints : kCategoryRuns[run + 1].first;
      const uint8_t category = kCategoryRuns[run].category;
      const bool separator = (kCategories[category].bits & kSeparator) != 0;
      std::memset(kind.data() + kCategoryRuns[run].first, separator ? n + category : category,
                  end - kCategoryRuns[run].first);
    }
    for (char32_t space : {0x9, 0xA, 0xB, 0xC, 0xD, 0x85}) kind[space] += n;
    for (const CodePointRange& range : kHanRanges) {
      for (char32_t c = range.first; c <= range.last; ++c) kind[c] += 2 * n;
    }
  }
};

const ClassTable& Table() {
  static const ClassTable* const table = new ClassTable;
  return *table;
}

}  // namespace

uint32_t ClassOf(char32_t code_point) {
  static const ClassTable& table = Table();
  return code_point < kCodePoints ? table.kinds[table.kind[code_point]] : 0;
}

bool IsRustWord(char32_t c) {
  if ((ClassOf(c) & kWordBits) != 0 || c == 0x200C || c == 0x200D) return true;
  if (c < 0x100) return false;  // only Oniguruma counts those in
  return std::any_of(std::begin(kWordRanges), std::end(kWordRanges),
                     [&](const auto& range) { return c >= range.first && c <= range.second; });
}

std::optional<uint32_t> ClassByName(std::string_view name) {
  for (const NamedClass& entry : kUnions) {
    if (entry.name == name) return entry.bits;
  }
  for (const NamedClass& entry : kCategories) {
    if (entry.name == name && entry.bits != 0) return entry.bits;
  }
  return std::nullopt;
}

namespace {

// The bytes that the character starting with `lead` has (0: no character starts so), and the range
// of its second byte (Unicode 16.0, table 3-7).
struct LeadByte {
  uint8_t length;
  uint8_t second_min;
  uint8_t second_max;
};
LeadByte ReadLead(uint8_t lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// How many bytes from `pos` on are a well-formed beginning of one character; `wanted`: how many it
// needs in all. 0 of 0: no character starts here.
size_t WellFormedPrefix(std::string_view text, size_t pos, size_t& wanted) {
  const LeadByte lead = ReadLead(static_cast<uint8_t>(text[pos]));
  wanted = lead.length;
  if (wanted <= 1) return wanted;
  size_t have = 1;
  while (have < wanted && pos + have < text.size()) {
    const uint8_t byte = static_cast<uint8_t>(text[pos + have]);
    const uint8_t low = have == 1 ? lead.second_min : 0x80;
    const uint8_t high = have == 1 ? lead.second_max : 0xBF;
    if (byte < low || byte > high) break;
    ++have;
  }
  return have;
}

}  // namespace

char32_t DecodeUtf8(std::string_view text, size_t pos, size_t& length) {
  const uint8_t first = static_cast<uint8_t>(text[pos]);
  length = 1;
  if (first < 0x80) return first;
  size_t wanted = 0;
  const size_t have = WellFormedPrefix(text, pos, wanted);
  if (wanted == 0 || have < wanted) return kInvalidByte + first;
  length = wanted;
  char32_t code_point = first & (0xFF >> (wanted + 1));
  for (size_t i = 1; i < wanted; ++i) {
    code_point = code_point << 6 | (static_cast<uint8_t>(text[pos + i]) & 0x3F);
  }
  return code_point;
}

void AppendUtf8(char32_t c, std::string& out) {
  if (c >= kInvalidByte) {
    out.push_back(static_cast<char>(c - kInvalidByte));
  } else if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | c >> 6));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | c >> 12));
    out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | c >> 18));
    out.push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

bool IsValidUtf8(std::string_view text) {
  size_t length = 0;
  for (size_t pos = 0; pos < text.size(); pos += length) {
    if (DecodeUtf8(text, pos, length) >= kInvalidByte) return false;
  }
  return true;
}

size_t AppendValidUtf8(std::string_view bytes, bool keep_incomplete, std::string& out) {
  size_t pos = 0;
  while (pos < bytes.size()) {
    size_t wanted = 0;
    const size_t have = WellFormedPrefix(bytes, pos, wanted);
    if (wanted != 0 && have == wanted) {
      out.append(bytes, pos, have);
      pos += have;
      continue;
    }
    if (keep_incomplete && wanted != 0 && pos + have == bytes.size()) break;
    AppendUtf8(0xFFFD, out);
    pos += have == 0 ? 1 : have;
  }
  return pos;
}

}  // namespace skep::engine::tokenizer
