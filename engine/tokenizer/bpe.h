// Byte-pair encoding: over bytes (GPT-2 and its descendants) or over characters (SentencePiece's
// BPE models as tokenizer.json writes them).
#ifndef SKEP_ENGINE_TOKENIZER_BPE_H_
#define SKEP_ENGINE_TOKENIZER_BPE_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/tokenizer/merge_symbols.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/token_model.h"
#include "engine/tokenizer/vocabulary.h"

namespace skep::engine::tokenizer {

struct BpeOptions {
  bool byte_level = false;     // words are bytes, written in the vocabulary by the byte alphabet
  bool ignore_merges = false;  // a word that is a piece is that piece
  bool byte_fallback = false;  // unknown characters become <0xHH> pieces
  bool fuse_unk = false;       // neighbouring unknown characters become one unknown token
  std::optional<TokenId> unk;
  std::string continuing_subword_prefix;  // written before all characters of a word but the first
  std::string end_of_word_suffix;         // written after the last
};

class Bpe final : public TokenModel {
 public:
  using MergeRule = std::pair<std::string_view, std::string_view>;

  // `merges` by rank; what a merge yields is the concatenation (less the continuing prefix of the
  // right part). A merge of pieces that `vocabulary` lacks is InvalidArgument if `strict`, else
  // left out. `vocabulary` must outlive the model.
  static absl::StatusOr<std::unique_ptr<Bpe>> Make(const Vocabulary& vocabulary,
                                                   const std::vector<MergeRule>& merges,
                                                   bool strict, BpeOptions options);

  // Whether `vocabulary` has a piece for each letter of the byte alphabet: no word is unknown.
  static bool HasAllBytes(const Vocabulary& vocabulary);

  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const override;
  std::string_view kind() const override { return "BPE"; }
  bool splits_at_word_marks() const override { return splits_at_word_marks_; }

  const BpeOptions& options() const { return options_; }
  // The merges by rank, as pairs of ids.
  std::vector<std::pair<TokenId, TokenId>> Merges() const;

 private:
  Bpe(const Vocabulary& vocabulary, BpeOptions options);

  absl::Status AddMerges(const std::vector<MergeRule>& merges, bool strict);
  std::optional<TokenId> FindWholeWord(std::string_view word) const;
  void SplitBytes(std::string_view word, std::vector<Symbol>& symbols) const;
  void SplitCharacters(std::string_view word, std::vector<Symbol>& symbols) const;
  TokenId FindCharacter(std::string_view word, size_t begin, size_t length) const;
  bool AppendBytePieces(std::string_view word, size_t begin, size_t length,
                        std::vector<Symbol>& symbols) const;

  const Vocabulary& vocabulary_;
  BpeOptions options_;
  std::array<TokenId, 256> byte_ids_;  // byte level: of the single bytes; else of ASCII characters
  std::array<TokenId, 256> byte_pieces_;         // <0x00> to <0xFF> where there are such
  absl::flat_hash_map<uint64_t, Merge> merges_;  // left id << 32 | right id
  absl::flat_hash_map<std::string, TokenId, StringHash, StringEqual>
      whole_words_;  // byte level and ignore_merges: by bytes
  bool splits_at_word_marks_ = false;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_BPE_H_
