// Finds markers in text that arrives byte by byte.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_MARKER_SCANNER_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_MARKER_SCANNER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace skep::engine::output {

// At each place the longest marker, from left to right. What may become one is held back: never
// more than the longest marker has. A byte costs at most (markers x their length) comparisons, and
// next to nothing in text without the beginning of one. Thread-compatible.
class MarkerScanner final {
 public:
  // The views must outlive it; empty ones are ignored.
  void SetMarkers(std::vector<std::string_view> markers);

  // Takes a byte. Call Next until it returns false.
  void Push(char c) { held_ += c; }
  // No more bytes follow: nothing is held back any longer.
  void Close() { closed_ = true; }

  struct Token {
    int marker = -1;        // index, or -1: text
    std::string_view text;  // until the next call
  };
  // The next piece of the text, or false if it needs more bytes to tell.
  bool Next(Token& token);

  // What is held back; Next will not return it again.
  std::string TakeHeld();

 private:
  std::vector<std::string_view> markers_;
  bool starts_[256] = {};
  std::string held_;
  std::string token_;
  bool closed_ = false;
};

}  // namespace skep::engine::output

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_MARKER_SCANNER_H_
