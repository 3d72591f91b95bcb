// Byte-pair encoding by the ranks of the pieces themselves, as the tiktoken library does it: of all
// neighbours that together are a piece, those that make the piece of the lowest id merge.
//
// A list of merges would not give quite the same: where one piece can be made of two different
// pairs, these have one rank here, and different ones there.
#ifndef SKEP_ENGINE_TOKENIZER_RANK_BPE_H_
#define SKEP_ENGINE_TOKENIZER_RANK_BPE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/token_model.h"

namespace skep::engine::tokenizer {

// Source: https://github.com/openai/tiktoken, src/lib.rs.
class RankBpe final : public TokenModel {
 public:
  using Piece = std::pair<std::string, TokenId>;  // bytes, not empty, and id

  // Of equal pieces the last one counts.
  explicit RankBpe(std::vector<Piece> pieces);

  // A word that is a piece is that piece. A byte that no piece covers: InvalidArgument.
  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const override;
  std::string_view kind() const override { return "tiktoken"; }

  // The merges that come closest: every way to write a piece as two others, by the piece's id.
  std::vector<std::pair<TokenId, TokenId>> Merges() const;

 private:
  absl::flat_hash_map<std::string, TokenId, StringHash, StringEqual> ids_;
  size_t longest_piece_ = 0;  // bytes
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_RANK_BPE_H_
