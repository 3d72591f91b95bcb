// WordPiece (BERT): from left to right the longest piece that fits; a word that does not come out
// even is unknown as a whole.
#ifndef SKEP_ENGINE_TOKENIZER_WORD_PIECE_H_
#define SKEP_ENGINE_TOKENIZER_WORD_PIECE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/tokenizer/byte_trie.h"
#include "engine/tokenizer/token_model.h"

namespace skep::engine::tokenizer {

struct WordPieceOptions {
  std::optional<TokenId> unk;
  std::string continuing_prefix = "##";  // written before pieces that do not begin a word
  int64_t max_characters = 100;          // longer words are unknown
};

class WordPiece final : public TokenModel {
 public:
  using Piece = ByteTrie::Entry;  // a piece, with its prefix, and its id

  // The pieces are not kept; of equal ones the last one counts.
  WordPiece(const std::vector<Piece>& pieces, WordPieceOptions options);

  // O(bytes), as long words are unknown. InvalidArgument: an unknown word, and no `unk`.
  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const override;
  std::string_view kind() const override { return "WordPiece"; }

  const WordPieceOptions& options() const { return options_; }

 private:
  bool AppendPieces(std::string_view word, std::vector<TokenId>& out) const;

  WordPieceOptions options_;
  ByteTrie first_;  // what words may begin with
  ByteTrie later_;  // what may follow, without the prefix
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_WORD_PIECE_H_
