// SentencePiece's BPE by scores, as GGUF files of kind "llama" keep it (no merges there): of all
// neighbours that together are a piece, those of the highest score merge.
#ifndef SKEP_ENGINE_TOKENIZER_SPM_BPE_H_
#define SKEP_ENGINE_TOKENIZER_SPM_BPE_H_

#include <optional>
#include <string_view>
#include <vector>

#include "engine/tokenizer/token_model.h"
#include "engine/tokenizer/vocabulary.h"
#include "engine/tokenizer/word_cache.h"

namespace skep::engine::tokenizer {

class SpmBpe final : public TokenModel {
 public:
  // `scores` by id. `vocabulary` must outlive the model. Characters that are no piece become <0xHH>
  // pieces where there are all of these, else `unk` (else nothing).
  SpmBpe(const Vocabulary& vocabulary, const std::vector<float>& scores,
         std::optional<TokenId> unk);

  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const override;
  std::string_view kind() const override { return "SPM"; }

 private:
  void TokenizePart(std::string_view word, std::vector<TokenId>& out) const;
  void TokenizeUncached(std::string_view word, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary_;
  std::vector<uint32_t> ranks_;  // by id: equal scores share one, 0 is the highest score
  std::vector<TokenId> byte_pieces_;
  std::optional<TokenId> unk_;
  size_t longest_piece_ = 0;  // bytes
  bool words_start_at_mark_;
  mutable WordCache cache_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_SPM_BPE_H_
