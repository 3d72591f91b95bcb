// A stretch of a text, in bytes.
#ifndef SKEP_ENGINE_TEXT_SPAN_H_
#define SKEP_ENGINE_TEXT_SPAN_H_

#include <cstddef>

namespace skep::engine {

struct TextSpan {
  size_t begin = 0;
  size_t end = 0;  // behind the last byte

  friend bool operator==(const TextSpan&, const TextSpan&) = default;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_TEXT_SPAN_H_
