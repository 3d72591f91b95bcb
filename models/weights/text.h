// Small helpers for names and messages, private to models/weights.
//
// Abseil may be built with a string_view type of its own (Debian's is); the public headers here use
// std::string_view, and View() crosses over.

#ifndef SKEP_MODELS_WEIGHTS_TEXT_H_
#define SKEP_MODELS_WEIGHTS_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace skep::models {

inline absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// 'text' in quotes for a message: control and non-ASCII bytes escaped, long texts cut.
std::string Quoted(std::string_view text);

// Hash and equality for containers of strings that are searched by std::string_view.
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

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_TEXT_H_
