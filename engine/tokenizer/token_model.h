// The middle of a tokenizer: a word, that is, a piece of text after normalizing and pre-tokenizing,
// becomes token ids.
#ifndef SKEP_ENGINE_TOKENIZER_TOKEN_MODEL_H_
#define SKEP_ENGINE_TOKENIZER_TOKEN_MODEL_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "scheduler/types.h"

namespace skep::engine::tokenizer {

// Thread-safe.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the ids of `word`, any bytes, in O(n log n).
  virtual absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const = 0;
  virtual std::string_view kind() const = 0;  // "BPE", "SPM", ...
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_TOKEN_MODEL_H_
