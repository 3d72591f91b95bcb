#include "models/weights/text.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace skep::models {

std::string Quoted(std::string_view text) {
  constexpr size_t kLongest = 100;
  const bool cut = text.size() > kLongest;
  return absl::StrCat("'", absl::CHexEscape(View(text.substr(0, kLongest))), cut ? "..." : "", "'");
}

}  // namespace skep::models
