#include "engine/chat_template/text.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "absl/strings/str_format.h"
#include "engine/chat_template/strings.h"

namespace skep::engine::jinja {
namespace {

struct CharRange {
  char32_t first, last;
  int stride;
};
struct CaseRange {
  char32_t first, last;
  int stride;
  int32_t delta;
};
struct CaseExpansion {
  char32_t from, to[3];
};

#include "engine/chat_template/unicode_tables.inc"

// The entry whose [first, last] holds `c` on its stride, or null.
template <typename Row, size_t kSize>
const Row* FindRow(const Row (&table)[kSize], char32_t c) {
  const Row* row = std::upper_bound(std::begin(table), std::end(table), c,
                                    [](char32_t value, const Row& r) { return value < r.first; });
  // Runs of stride 2 interleave, so that the one before may hold it as well.
  for (int back = 0; back < 2 && row != std::begin(table); ++back) {
    --row;
    if (c <= row->last && (c - row->first) % row->stride == 0) return row;
  }
  return nullptr;
}

template <size_t kSize>
bool IsIn(const CharRange (&table)[kSize], char32_t c) {
  return FindRow(table, c) != nullptr;
}

template <size_t kRanges, size_t kExpansions>
void AppendCase(const CaseRange (&ranges)[kRanges], const CaseExpansion (&expansions)[kExpansions],
                char32_t c, std::string& out) {
  if (const CaseRange* row = FindRow(ranges, c)) {
    AppendUtf8(static_cast<char32_t>(static_cast<int32_t>(c) + row->delta), out);
    return;
  }
  const auto* expansion =
      std::lower_bound(std::begin(expansions), std::end(expansions), c,
                       [](const CaseExpansion& e, char32_t value) { return e.from < value; });
  if (expansion == std::end(expansions) || expansion->from != c) return AppendUtf8(c, out);
  for (char32_t to : expansion->to) {
    if (to != 0) AppendUtf8(to, out);
  }
}

bool IsCased(char32_t c) { return IsUpper(c) || IsLower(c) || IsTitle(c); }

// A capital sigma ends a word (and becomes a final one) after a letter and before none.
bool IsFinalSigma(std::u32string_view text, size_t at) {
  return at > 0 && IsCased(text[at - 1]) && (at + 1 == text.size() || !IsCased(text[at + 1]));
}

void AppendLower(std::u32string_view text, size_t at, std::string& out) {
  constexpr char32_t kSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;
  if (text[at] == kSigma) {
    AppendUtf8(IsFinalSigma(text, at) ? kFinalSigma : kSmallSigma, out);
  } else {
    AppendCase(kToLower, kToLowerExpansions, text[at], out);
  }
}

// Reads the character at `offset`; an invalid byte stands for itself, above all characters.
constexpr char32_t kInvalidByte = 0x110000;

char32_t ReadCharacter(std::string_view text, size_t offset, size_t* bytes) {
  const auto byte = [&](size_t i) {
    return offset + i < text.size() ? static_cast<unsigned char>(text[offset + i]) : 0u;
  };
  const unsigned lead = byte(0);
  *bytes = 1;
  if (lead < 0x80) return lead;
  const int length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return kInvalidByte + lead;
  char32_t c = lead & (0x7F >> length);
  for (int i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return kInvalidByte + lead;
    c = c << 6 | (byte(i) & 0x3F);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
  if (c < kSmallest[length] || c > 0x10FFFF || surrogate) return kInvalidByte + lead;
  *bytes = length;
  return c;
}

}  // namespace

bool IsAscii(std::string_view text) {
  uint64_t bits = 0;
  size_t i = 0;
  for (; i + sizeof(bits) <= text.size(); i += sizeof(bits)) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof(word));
    bits |= word;
  }
  for (; i < text.size(); ++i) bits |= static_cast<unsigned char>(text[i]);
  return (bits & 0x8080808080808080) == 0;
}

bool IsValidUtf8(std::string_view text) {
  for (size_t i = 0, bytes = 0; i < text.size(); i += bytes) {
    if (ReadCharacter(text, i, &bytes) >= kInvalidByte) return false;
  }
  return true;
}

void AppendUtf8(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < kInvalidByte) {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(c - kInvalidByte);
  }
}

std::u32string Decode(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0, bytes = 0; i < text.size(); i += bytes) {
    out += ReadCharacter(text, i, &bytes);
  }
  return out;
}

std::string Encode(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char32_t c : text) AppendUtf8(c, out);
  return out;
}

std::vector<std::string_view> Characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t i = 0, bytes = 0; i < text.size(); i += bytes) {
    ReadCharacter(text, i, &bytes);
    out.push_back(text.substr(i, bytes));
  }
  return out;
}

int64_t CountCharacters(std::string_view text) {
  int64_t count = 0;
  for (size_t i = 0; i < text.size(); i += CharacterBytes(text, i)) ++count;
  return count;
}

char32_t CharacterAt(std::string_view text, size_t offset, size_t* bytes) {
  return ReadCharacter(text, offset, bytes);
}

size_t CharacterBytes(std::string_view text, size_t offset) {
  size_t bytes = 1;
  ReadCharacter(text, offset, &bytes);
  return bytes;
}

bool IsSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool IsPrintable(char32_t c) { return IsIn(kPrintable, c); }
bool IsAlpha(char32_t c) { return IsIn(kAlpha, c); }
bool IsAlphanumeric(char32_t c) { return IsIn(kAlpha, c) || IsIn(kNumeric, c); }
bool IsNumeric(char32_t c) { return IsIn(kNumeric, c); }
bool IsDigit(char32_t c) { return IsIn(kDigit, c); }
bool IsDecimal(char32_t c) { return IsIn(kDecimal, c); }
bool IsUpper(char32_t c) { return IsIn(kUpperCase, c); }
bool IsLower(char32_t c) { return IsIn(kLowerCase, c); }
bool IsTitle(char32_t c) { return IsIn(kTitleCase, c); }

std::string Upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0, bytes = 0; i < text.size(); i += bytes) {
    AppendCase(kToUpper, kToUpperExpansions, ReadCharacter(text, i, &bytes), out);
  }
  return out;
}

std::string Lower(std::string_view text) {
  const std::u32string characters = Decode(text);
  std::string out;
  for (size_t i = 0; i < characters.size(); ++i) AppendLower(characters, i, out);
  return out;
}

std::string Capitalize(std::string_view text) {
  const std::u32string characters = Decode(text);
  std::string out;
  for (size_t i = 0; i < characters.size(); ++i) {
    if (i == 0) {
      AppendCase(kToTitle, kToTitleExpansions, characters[i], out);
    } else {
      AppendLower(characters, i, out);
    }
  }
  return out;
}

std::string Title(std::string_view text) {
  const std::u32string characters = Decode(text);
  std::string out;
  bool in_word = false;
  for (size_t i = 0; i < characters.size(); ++i) {
    if (in_word) {
      AppendLower(characters, i, out);
    } else {
      AppendCase(kToTitle, kToTitleExpansions, characters[i], out);
    }
    in_word = IsCased(characters[i]);
  }
  return out;
}

std::string SwapCase(std::string_view text) {
  const std::u32string characters = Decode(text);
  std::string out;
  for (size_t i = 0; i < characters.size(); ++i) {
    if (IsUpper(characters[i])) {
      AppendLower(characters, i, out);
    } else if (IsLower(characters[i])) {
      AppendCase(kToUpper, kToUpperExpansions, characters[i], out);
    } else {
      AppendUtf8(characters[i], out);
    }
  }
  return out;
}

namespace {

template <typename Predicate>
std::string_view StripIf(std::string_view text, Side side, Predicate strip) {
  size_t bytes = 0;
  while (side != Side::kRight && !text.empty() && strip(ReadCharacter(text, 0, &bytes))) {
    text.remove_prefix(bytes);
  }
  while (side != Side::kLeft && !text.empty()) {
    size_t start = text.size() - 1;  // back to the start of the last character
    while (start > 0 && text.size() - start < 4 && (text[start] & 0xC0) == 0x80) --start;
    char32_t last = ReadCharacter(text, start, &bytes);
    if (start + bytes != text.size()) {
      start = text.size() - 1;
      last = ReadCharacter(text, start, &bytes);
    }
    if (!strip(last)) break;
    text = text.substr(0, start);
  }
  return text;
}

}  // namespace

std::string_view StripSpace(std::string_view text, Side side) {
  return StripIf(text, side, IsSpace);
}

std::string_view StripSet(std::string_view text, std::string_view set, Side side) {
  const std::u32string characters = Decode(set);
  return StripIf(text, side,
                 [&](char32_t c) { return characters.find(c) != std::u32string::npos; });
}

int64_t CountReplacements(std::string_view text, std::string_view from, int64_t limit) {
  int64_t count = 0;
  if (from.empty()) {
    count = CountCharacters(text) + 1;
  } else {
    for (size_t at = text.find(from); at != std::string_view::npos;
         at = text.find(from, at + from.size())) {
      ++count;
    }
  }
  return limit < 0 ? count : std::min(count, limit);
}

std::string QuoteRepr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const bool has_double = text.find('"') != std::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0, bytes = 0; i < text.size(); i += bytes) {
    const char32_t c = ReadCharacter(text, i, &bytes);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      StrAppend(&out, "\\", std::string(1, static_cast<char>(c)));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (IsPrintable(c)) {
      out.append(text.substr(i, bytes));
    } else if (c < 0x100) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned>(c));
    } else if (c < 0x10000) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      absl::StrAppendFormat(&out, "\\U%08x", static_cast<unsigned>(c));
    }
  }
  out += quote;
  return out;
}

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace skep::engine::jinja
