// Whole words only: a word is a piece, or unknown.
#ifndef SKEP_ENGINE_TOKENIZER_WORD_LEVEL_H_
#define SKEP_ENGINE_TOKENIZER_WORD_LEVEL_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/token_model.h"

namespace skep::engine::tokenizer {

class WordLevel final : public TokenModel {
 public:
  // Of equal words the last one counts.
  WordLevel(const std::vector<std::pair<std::string_view, TokenId>>& words,
            std::optional<TokenId> unk);

  // InvalidArgument: an unknown word, and no `unk`.
  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const override;
  std::string_view kind() const override { return "WordLevel"; }

  std::optional<TokenId> unk() const { return unk_; }

 private:
  absl::flat_hash_map<std::string, TokenId, StringHash, StringEqual> ids_;
  std::optional<TokenId> unk_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_WORD_LEVEL_H_
