// Code points: their classes as regular expressions see them, UTF-8 that may be broken, and
// the normal forms.
// Unicode 16.0 (the .inc files, written by generate_unicode.py).
#ifndef SKEP_ENGINE_TOKENIZER_UNICODE_H_
#define SKEP_ENGINE_TOKENIZER_UNICODE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace skep::engine::tokenizer {

// One bit for each class that patterns ask for. A code point has the bit of its category, and the
// bits of white space (\s: the White_Space property) and of the Han script.
enum ClassBits : uint32_t {
  kLl = 1u << 0,
  kLm = 1u << 1,
  kLo = 1u << 2,
  kLt = 1u << 3,
  kLu = 1u << 4,
  kMc = 1u << 5,
  kMe = 1u << 6,
  kMn = 1u << 7,
  kNd = 1u << 8,
  kNl = 1u << 9,
  kNo = 1u << 10,
  kPc = 1u << 11,
  kPd = 1u << 12,
  kPe = 1u << 13,
  kPf = 1u << 14,
  kPi = 1u << 15,
  kPo = 1u << 16,
  kPs = 1u << 17,
  kSc = 1u << 18,
  kSk = 1u << 19,
  kSm = 1u << 20,
  kSo = 1u << 21,
  kZl = 1u << 22,
  kZp = 1u << 23,
  kZs = 1u << 24,
  kCc = 1u << 25,
  kCf = 1u << 26,
  kCo = 1u << 27,
  kSpace = 1u << 28,
  kHan = 1u << 29,

  kLetter = kLl | kLm | kLo | kLt | kLu,
  kMark = kMc | kMe | kMn,
  kNumber = kNd | kNl | kNo,
  kPunctuation = kPc | kPd | kPe | kPf | kPi | kPo | kPs,
  kSymbol = kSc | kSk | kSm | kSo,
  kSeparator = kZl | kZp | kZs,
};

// The bits of a code point; 0 for unassigned ones, surrogates and anything above U+10FFFF.
uint32_t ClassOf(char32_t code_point);

// \w of the engine that tokenizers are written for (Oniguruma): these bits, letter-like symbols,
// and some of Latin-1's digits.
inline constexpr uint32_t kWordBits = kLetter | kMark | kNd | kNl | kPc;
inline constexpr std::pair<char32_t, char32_t> kWordRanges[] = {
    {0xB2, 0xB3},       {0xB9, 0xB9},       {0xBC, 0xBE},      {0x24B6, 0x24E9},
    {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
// \w of Rust's crate regex, by which the library looks at added tokens and white space.
bool IsRustWord(char32_t code_point);

// The bits of a name as in \p{Name}: "L", "Lu", "P", "Han" ...; nullopt for an unknown one.
std::optional<uint32_t> ClassByName(std::string_view name);

// A byte that is part of no character is read as this value plus the byte: not a code point, so
// that it has no class and can be told from U+FFFD.
inline constexpr char32_t kInvalidByte = 0x110000;

// Reads the character at `pos` (which must be inside `text`); `length` is set to its bytes.
// Overlong forms, surrogates and values above U+10FFFF are invalid bytes, one at a time.
char32_t DecodeUtf8(std::string_view text, size_t pos, size_t& length);
void AppendUtf8(char32_t code_point, std::string& out);  // kInvalidByte + b appends the byte b

bool IsValidUtf8(std::string_view text);
// Appends `bytes` with U+FFFD for each maximal part that is no character (Unicode 16.0, 3.9, U+FFFD
// substitution of maximal subparts). When `keep_incomplete`, stops before an end that could still
// become a character; returns the number of bytes consumed.
size_t AppendValidUtf8(std::string_view bytes, bool keep_incomplete, std::string& out);

// Unicode Standard Annex 15. Invalid bytes stay as they are.
enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
std::string ToNormalForm(std::string_view text, NormalForm form);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_UNICODE_H_
