#include "engine/stop_matcher.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace skep::engine {
namespace {

// Length of the longest beginning of `text` that ends at the byte `c`, given that a beginning of
// `matched` bytes ended before it.
uint32_t Advance(std::string_view text, const std::vector<uint32_t>& fallback, uint32_t matched,
                 char c) {
  while (matched > 0 && (matched == text.size() || text[matched] != c)) matched = fallback[matched];
  return text[matched] == c ? matched + 1 : 0;
}

}  // namespace

StopMatcher::StopMatcher(absl::Span<const std::string> stop_strings) {
  patterns_.reserve(stop_strings.size());
  for (const std::string& text : stop_strings) {
    Pattern pattern{.text = text, .fallback = std::vector<uint32_t>(text.size() + 1, 0)};
    for (size_t i = 1; i < text.size(); ++i) {
      pattern.fallback[i + 1] = Advance(text, pattern.fallback, pattern.fallback[i], text[i]);
    }
    patterns_.push_back(std::move(pattern));
  }
}

StopMatcher::Match StopMatcher::Feed(std::string_view piece, bool armed) {
  if (patterns_.empty()) return {};
  for (size_t i = 0; i < piece.size(); ++i) {
    Match match;
    size_t longest = 0;
    for (size_t p = 0; p < patterns_.size(); ++p) {
      Pattern& pattern = patterns_[p];
      pattern.matched = Advance(pattern.text, pattern.fallback, pattern.matched, piece[i]);
      if (armed && pattern.matched == pattern.text.size() && pattern.text.size() > longest) {
        longest = pattern.text.size();
        match = {.stop_string = static_cast<int32_t>(p), .end = i + 1};
      }
    }
    if (match.stop_string >= 0) return match;
  }
  return {};
}

size_t StopMatcher::held_bytes() const {
  size_t held = 0;
  for (const Pattern& pattern : patterns_) {
    // A whole (ignored) match is over; only its longest border may go on.
    const uint32_t open = pattern.matched == pattern.text.size() ? pattern.fallback[pattern.matched]
                                                                 : pattern.matched;
    held = std::max<size_t>(held, open);
  }
  return held;
}

}  // namespace skep::engine
