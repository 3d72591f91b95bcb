// SentencePiece's unigram model: of all ways to write a text as pieces, the one whose scores (log
// probabilities) add up to most.
#ifndef SKEP_ENGINE_TOKENIZER_UNIGRAM_H_
#define SKEP_ENGINE_TOKENIZER_UNIGRAM_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/tokenizer/byte_trie.h"
#include "engine/tokenizer/token_model.h"

namespace skep::engine::tokenizer {

struct UnigramPiece {
  std::string text;
  double score = 0;
  bool in_text = true;  // off: no text ever becomes this piece (control, byte, unused pieces)
};

struct UnigramOptions {
  std::optional<TokenId> unk;
  // The ids of <0x00> to <0xFF>, by which unknown characters are written; empty: they become `unk`.
  std::vector<TokenId> byte_pieces;
  bool fuse_unk = true;  // neighbouring unknown characters become one unknown token
};

class Unigram final : public TokenModel {
 public:
  // `pieces` by id. InvalidArgument: a score that is no number, `unk` outside the vocabulary, or
  // byte pieces that are not 256.
  static absl::StatusOr<std::unique_ptr<Unigram>> Make(std::vector<UnigramPiece> pieces,
                                                       UnigramOptions options);

  // O(bytes * longest piece). Among equally good ways the one with the longer last piece wins, as
  // in Hugging Face's library (scores add up in double precision from the left there, too).
  // InvalidArgument: an unknown character, and no `unk`.
  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const override;
  std::string_view kind() const override { return "Unigram"; }

  const std::vector<UnigramPiece>& pieces() const { return pieces_; }
  const UnigramOptions& options() const { return options_; }

 private:
  // The best way to write the text up to some byte: its last piece, from `begin`.
  struct Best {
    double score = 0;
    uint32_t begin = kNowhere;
    TokenId id = -1;
  };
  static constexpr uint32_t kNowhere = UINT32_MAX;

  Unigram(std::vector<UnigramPiece> pieces, UnigramOptions options);
  absl::Status FindBest(std::string_view word, std::vector<Best>& best) const;
  void AppendUnknown(std::string_view text, std::vector<TokenId>& out) const;

  std::vector<UnigramPiece> pieces_;
  UnigramOptions options_;
  ByteTrie trie_;
  double unk_score_ = 0;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_UNIGRAM_H_
