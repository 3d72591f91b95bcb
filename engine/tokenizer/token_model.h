// The middle of a tokenizer: a word, that is, a piece of text after normalizing and pre-tokenizing,
// becomes token ids.
#ifndef SKEP_ENGINE_TOKENIZER_TOKEN_MODEL_H_
#define SKEP_ENGINE_TOKENIZER_TOKEN_MODEL_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "scheduler/types.h"

namespace skep::engine::tokenizer {

// Thread-safe. Models do not remember words: word_tokenizer.h does that for all of them.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the ids of `word`, any bytes, in O(n log n).
  virtual absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const = 0;
  virtual std::string_view kind() const = 0;  // "BPE", "SPM", "Unigram" ...
  // Whether a text may be cut before every "▁" that follows another character and its parts
  // tokenized one by one, with the same result.
  virtual bool splits_at_word_marks() const { return false; }
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_TOKEN_MODEL_H_
