// Small helpers for strings, private to engine/tokenizer.
//
// Abseil may be built with a string_view type of its own (Debian's is): what crosses to it goes
// through View().
#ifndef SKEP_ENGINE_TOKENIZER_TEXT_H_
#define SKEP_ENGINE_TOKENIZER_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace skep::engine::tokenizer {

// "▁" (U+2581), SentencePiece's space.
inline constexpr std::string_view kWordMark = "\xE2\x96\x81";

inline absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// absl::StrCat that also takes std::string_view.
template <typename Part>
decltype(auto) CrossOver(const Part& part) {
  if constexpr (std::is_same_v<Part, std::string_view>) {
    return View(part);
  } else {
    return (part);
  }
}
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  return absl::StrCat(CrossOver(parts)...);
}

// The text holds a byte for which the vocabulary, which should have all 256, has no token.
inline absl::Status NoTokenFor(char byte) {
  return absl::InvalidArgumentError(
      absl::StrCat("the vocabulary has no token for the byte 0x",
                   absl::Hex(static_cast<unsigned char>(byte), absl::kZeroPad2)));
}

// `text` with every `from` (not empty) replaced.
inline std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  size_t done = 0;
  for (size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, done)) {
    result.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  result.append(text, done);
  return result;
}

// For containers of strings that are searched by std::string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const {
    return absl::Hash<absl::string_view>{}(View(text));
  }
};
struct StringEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_TEXT_H_
