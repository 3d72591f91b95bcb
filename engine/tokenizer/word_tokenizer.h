// A model with a memory for words: what one call of Tokenizer::Encode uses.
#ifndef SKEP_ENGINE_TOKENIZER_WORD_TOKENIZER_H_
#define SKEP_ENGINE_TOKENIZER_WORD_TOKENIZER_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engine/tokenizer/token_model.h"
#include "engine/tokenizer/vocabulary.h"
#include "engine/tokenizer/word_cache.h"

namespace skep::engine::tokenizer {

// Whether no piece of text holds a word mark behind another character. Then no merge ever crosses
// the place before a mark: a model that only merges neighbours splits_at_word_marks().
bool SplitsAtWordMarks(const Vocabulary& vocabulary);

// Not thread-safe; both arguments must outlive it.
class WordTokenizer final {
 public:
  WordTokenizer(const TokenModel& model, WordCachePool& caches)
      : model_(model), caches_(caches), cache_(caches.Take()) {}
  ~WordTokenizer() { caches_.Return(std::move(cache_)); }
  WordTokenizer(const WordTokenizer&) = delete;
  WordTokenizer& operator=(const WordTokenizer&) = delete;

  // As TokenModel::Tokenize.
  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out);

 private:
  absl::Status TokenizePart(std::string_view word, std::vector<TokenId>& out);

  const TokenModel& model_;
  WordCachePool& caches_;
  std::unique_ptr<WordCache> cache_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_WORD_TOKENIZER_H_
