// The pieces of a vocabulary by id, and back.
#ifndef SKEP_ENGINE_TOKENIZER_VOCABULARY_H_
#define SKEP_ENGINE_TOKENIZER_VOCABULARY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/tokenizer/text.h"
#include "scheduler/types.h"

namespace skep::engine::tokenizer {

// What is particular about a piece.
enum TokenFlags : uint8_t {
  kAbsent = 1,    // a hole: no piece has this id
  kSpecial = 2,   // structure, not text: skip_special leaves it out
  kLiteral = 4,   // decodes to its own text, whatever the decoder does to others
  kByte = 8,      // "<0xHH>": stands for one byte
  kHidden = 16,   // decodes to nothing
  kNotText = 32,  // no text ever becomes this piece, only an added token that is found in the text
  kAddedOnly = 64,  // an added token that the model's own vocabulary lacks
};

// Immutable after Make and SetFlags; movable (views of pieces stay valid).
class Vocabulary final {
 public:
  using Entry = std::pair<std::string, TokenId>;

  Vocabulary() = default;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  // Of entries with the same piece the last one is found. InvalidArgument: a negative id, one id
  // for two pieces (Hugging Face's library decodes it to either, by chance), or ids so sparse that
  // a table of them would be out of proportion.
  static absl::StatusOr<Vocabulary> Make(std::vector<Entry> entries);

  void AddFlags(TokenId id, uint8_t flags) { flags_[id] |= flags; }

  TokenId size() const { return static_cast<TokenId>(texts_.size()); }  // largest id + 1
  bool Contains(TokenId id) const { return id >= 0 && id < size() && !(flags_[id] & kAbsent); }
  std::string_view text(TokenId id) const { return Contains(id) ? texts_[id] : std::string_view(); }
  uint8_t flags(TokenId id) const { return Contains(id) ? flags_[id] : uint8_t{kAbsent}; }
  std::optional<TokenId> Find(std::string_view text) const;
  // Only pieces that text may become.
  std::optional<TokenId> FindText(std::string_view text) const;
  // The byte that "<0xHH>" stands for.
  static std::optional<uint8_t> ParseBytePiece(std::string_view text);
  // The ids of "<0x00>" to "<0xFF>", when all are there.
  std::optional<std::vector<TokenId>> BytePieces() const;

 private:
  std::vector<std::string> texts_;
  std::vector<uint8_t> flags_;
  absl::flat_hash_map<std::string_view, TokenId, StringHash, StringEqual> ids_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_VOCABULARY_H_
