// SentencePiece's normalization as models keep it ("precompiled charsmap"): a trie of byte
// sequences, each with its replacement.
#ifndef SKEP_ENGINE_TOKENIZER_CHARSMAP_H_
#define SKEP_ENGINE_TOKENIZER_CHARSMAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace skep::engine::tokenizer {

// Immutable and thread-safe.
class CharsMap final {
 public:
  struct Match {
    size_t length = 0;  // bytes of the text that are replaced
    std::string_view replacement;
  };

  // `bytes`: the size of the trie (u32, little endian), the trie (a double array of u32, as the
  // library darts-clone writes it), and the replacements, each ended by a zero byte.
  // InvalidArgument: truncated, or replacements that are not UTF-8. Links that lead out of the trie
  // are found when they are followed, and match nothing.
  static absl::StatusOr<CharsMap> Parse(std::string_view bytes);

  // The shortest and the longest key that `text` begins with.
  std::optional<Match> ShortestPrefix(std::string_view text) const {
    return Find(text, /*longest=*/false);
  }
  std::optional<Match> LongestPrefix(std::string_view text) const {
    return Find(text, /*longest=*/true);
  }

  // As Hugging Face's library applies it: grapheme clusters of up to five bytes are replaced as a
  // whole by what the shortest key at their beginning stands for, all else character by character.
  // Ends early once there are more than `max_bytes`.
  std::string Apply(std::string_view text, size_t max_bytes = SIZE_MAX) const;

  // What Parse read.
  std::string bytes() const;

 private:
  CharsMap() = default;
  std::optional<Match> Find(std::string_view text, bool longest) const;

  std::vector<uint32_t> trie_;
  std::string replacements_;
  size_t replacements_end_ = 0;  // behind the last one that is ended
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_CHARSMAP_H_
