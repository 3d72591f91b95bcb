// Abseil's string functions for std::string_view, which Debian's Abseil (built as C++14) does not
// take: its own string_view is another type there. With a newer Abseil these only pass on.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_STRINGS_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_STRINGS_H_

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace skep::engine::jinja {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

template <typename T>
decltype(auto) ToPiece(const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return ToAbsl(value);
  } else {
    return (value);
  }
}

template <typename... Parts>
std::string StrCat(const Parts&... parts) {
  return absl::StrCat(ToPiece(parts)...);
}

template <typename... Parts>
void StrAppend(std::string* out, const Parts&... parts) {
  absl::StrAppend(out, ToPiece(parts)...);
}

inline bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix);
}
inline bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.ends_with(suffix);
}
inline bool StrContains(std::string_view text, char c) {
  return text.find(c) != std::string_view::npos;
}
inline bool SimpleAtoi(std::string_view text, int64_t* out) {
  return absl::SimpleAtoi(ToAbsl(text), out);
}
inline bool SimpleAtod(std::string_view text, double* out) {
  return absl::SimpleAtod(ToAbsl(text), out);
}

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_STRINGS_H_
