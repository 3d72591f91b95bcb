// Characters as Hugging Face's library sees them outside regular expressions: its normalizers and
// pre-tokenizers ask Rust's standard library and several crates, of different versions of Unicode.
// The tables (library_tables.inc, by generate_library_tables.py) are read off the library.
#ifndef SKEP_ENGINE_TOKENIZER_LIBRARY_CLASSES_H_
#define SKEP_ENGINE_TOKENIZER_LIBRARY_CLASSES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skep::engine::tokenizer {

enum LibraryClass : uint16_t {
  kLibraryPunctuation = 1 << 0,     // Punctuation, BertPreTokenizer
  kLibraryNumber = 1 << 1,          // Digits
  kLibraryMark = 1 << 2,            // StripAccents
  kLibraryNonspacingMark = 1 << 3,  // BertNormalizer's strip_accents
  kLibraryControl = 1 << 4,         // BertNormalizer's clean_text removes it
  // Properties of grapheme clusters.
  kGraphemeExtend = 1 << 5,
  kGraphemeZwj = 1 << 6,
  kGraphemeSpacingMark = 1 << 7,
  kGraphemePrepend = 1 << 8,
  kGraphemeControl = 1 << 9,
};

// The LibraryClass bits of a code point; 0 for kInvalidByte and above.
uint16_t LibraryClassOf(char32_t code_point);

// A number for each script that the pre-tokenizer UnicodeScripts tells apart; 0: it never cuts
// there.
uint8_t ScriptOf(char32_t code_point);

// Appends the lower case of a character: one character, but two for U+0130.
void AppendLower(char32_t code_point, std::string& out);

// Whether the library's normal forms know the character's decomposition and order (they are older
// than our tables).
bool IsKnownToNormalForms(char32_t code_point);

// The full compatibility decomposition of a character that has one and no canonical one; empty.
std::u32string_view CompatibilityDecomposition(char32_t code_point);

// The bytes of the grapheme cluster at `pos` (inside `text`). Pictures joined by U+200D, flags and
// Indic conjuncts come in parts: they are longer than anyone here asks about.
size_t GraphemeLength(std::string_view text, size_t pos);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_LIBRARY_CLASSES_H_
