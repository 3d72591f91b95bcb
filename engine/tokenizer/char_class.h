// A set of characters as regular expressions write it, tested quickly.
#ifndef SKEP_ENGINE_TOKENIZER_CHAR_CLASS_H_
#define SKEP_ENGINE_TOKENIZER_CHAR_CLASS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {

class CharClass final {
 public:
  void AddRange(char32_t first, char32_t last);
  void AddBits(uint32_t bits);     // \p{..}
  void AddNotBits(uint32_t bits);  // \P{..}, \S
  void Exclude(uint32_t bits);     // &&[^\p{..}]
  void AddOtherCase();             // of what was added so far, as (?i:..) does for letters a to z
  void Negate() { negated_ = !negated_; }
  // Call once when nothing is added any more.
  void Finish();

  bool Contains(char32_t c) const {
    if (c < 128) return (ascii_[c >> 6] >> (c & 63) & 1) != 0;
    return ContainsWide(c);
  }

 private:
  bool ContainsWide(char32_t c) const;

  uint64_t ascii_[2] = {0, 0};
  uint32_t bits_ = 0;
  uint32_t not_bits_ = 0;  // 0: none
  uint32_t excluded_ = 0;
  bool negated_ = false;
  std::vector<std::pair<char32_t, char32_t>> ranges_;
};

// Reads one class at `pos` of a regular expression: "[...]", "\p{L}", "\s", an escaped or an
// ordinary character. Moves `pos` behind it. nullopt: not a class, or more than this parser knows
// (nested sets other than "&&[^...]", POSIX names ...).
std::optional<CharClass> ParseCharClass(std::string_view regex, size_t& pos, bool ignore_case);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_CHAR_CLASS_H_
