// How GGUF files name a pre-tokenizer (tokenizer.ggml.pre), and what each name means.
#ifndef SKEP_ENGINE_TOKENIZER_PRE_TYPES_H_
#define SKEP_ENGINE_TOKENIZER_PRE_TYPES_H_

#include <string_view>

#include "absl/types/span.h"

namespace skep::engine::tokenizer {

struct PreType {
  absl::Span<const std::string_view> names;
  // Applied in order, each to the words that the one before left; matches are isolated.
  absl::Span<const std::string_view> regexes;
  bool ignore_merges = false;
  bool add_bos = false;     // when the file does not say
  bool no_bos = false;      // none by default
  bool always_bos = false;  // whatever the file says
  bool characters = false;  // pieces are characters with word marks, not bytes by letters
};

// nullptr for a name that is not known.
const PreType* FindPreType(std::string_view name);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_PRE_TYPES_H_
