#include "engine/output_format/marker_scanner.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skep::engine::output {

void MarkerScanner::SetMarkers(std::vector<std::string_view> markers) {
  markers_ = std::move(markers);
  std::fill(std::begin(starts_), std::end(starts_), false);
  for (std::string_view marker : markers_) {
    if (!marker.empty()) starts_[static_cast<unsigned char>(marker[0])] = true;
  }
}

bool MarkerScanner::Next(Token& token) {
  if (held_.empty()) return false;
  int longest = -1;
  size_t length = 0;
  if (starts_[static_cast<unsigned char>(held_[0])]) {
    for (size_t i = 0; i < markers_.size(); ++i) {
      const std::string_view marker = markers_[i];
      if (marker.size() > held_.size()) {
        if (!closed_ && marker.starts_with(held_)) return false;  // may still become this one
      } else if (marker.size() > length && std::string_view(held_).starts_with(marker)) {
        longest = static_cast<int>(i);
        length = marker.size();
      }
    }
  }
  token_.assign(held_, 0, longest < 0 ? 1 : length);
  held_.erase(0, token_.size());
  token = {.marker = longest, .text = token_};
  return true;
}

std::string MarkerScanner::TakeHeld() { return std::exchange(held_, std::string()); }

}  // namespace skep::engine::output
