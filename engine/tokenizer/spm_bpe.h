// SentencePiece's BPE by scores, as GGUF files of kind "llama" keep it (no merges there): of all
// neighbours that together are a piece, those of the highest score merge.
#ifndef SKEP_ENGINE_TOKENIZER_SPM_BPE_H_
#define SKEP_ENGINE_TOKENIZER_SPM_BPE_H_

#include <optional>
#include <string_view>
#include <vector>

#include "engine/tokenizer/token_model.h"
#include "engine/tokenizer/vocabulary.h"

namespace skep::engine::tokenizer {

class SpmBpe final : public TokenModel {
 public:
  // `scores` by id. `vocabulary` must outlive the model. Characters that are no piece become <0xHH>
  // pieces where there are all of these, else a run of them becomes one `unk` (else nothing).
  SpmBpe(const Vocabulary& vocabulary, const std::vector<float>& scores,
         std::optional<TokenId> unk);

  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const override;
  std::string_view kind() const override { return "SPM"; }
  bool splits_at_word_marks() const override { return splits_at_word_marks_; }

  // By id, 0 is the highest score.
  const std::vector<uint32_t>& ranks() const { return ranks_; }
  std::optional<TokenId> unk() const { return unk_; }

 private:
  const Vocabulary& vocabulary_;
  std::vector<uint32_t> ranks_;  // by id: equal scores share one, 0 is the highest score
  std::vector<TokenId> byte_pieces_;
  std::optional<TokenId> unk_;
  size_t longest_piece_ = 0;  // bytes
  bool splits_at_word_marks_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_SPM_BPE_H_
