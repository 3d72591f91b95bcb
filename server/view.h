// Debian's Abseil has a string_view of its own, which does not know the standard one.
#ifndef SKEP_SERVER_VIEW_H_
#define SKEP_SERVER_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace skep::server {

inline absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view StdView(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace skep::server

#endif  // SKEP_SERVER_VIEW_H_
