// Finds stop strings in text that arrives piece by piece.
#ifndef SKEP_ENGINE_STOP_MATCHER_H_
#define SKEP_ENGINE_STOP_MATCHER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace skep::engine {

// The match is the one that ends first and, of those that end there, the longest; so it does not
// depend on how the text was cut into pieces. Every stop string is followed by its own
// Knuth-Morris-Pratt automaton: the cost of a byte is that of a few table look-ups for each string,
// whatever the text. Thread-compatible.
class StopMatcher final {
 public:
  explicit StopMatcher(absl::Span<const std::string> stop_strings);

  struct Match {
    int32_t stop_string = -1;  // index; -1: none found
    size_t end = 0;            // bytes of the piece up to the end of the match
  };

  // Continues with `piece`. With `armed` false, matches that end in it are ignored (but it may
  // begin one). After a match the matcher is spent.
  Match Feed(std::string_view piece, bool armed);

  // Bytes at the end of the text so far that may yet become (a part of) a match.
  size_t held_bytes() const;

 private:
  struct Pattern {
    std::string text;
    std::vector<uint32_t> fallback;  // [i]: longest proper border of the first i bytes
    uint32_t matched = 0;
  };

  std::vector<Pattern> patterns_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_STOP_MATCHER_H_
