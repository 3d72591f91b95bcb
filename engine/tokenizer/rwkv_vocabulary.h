// RWKV's World vocabulary, from its own text file (rwkv_vocab_v20230424.txt) or from a GGUF file.
#ifndef SKEP_ENGINE_TOKENIZER_RWKV_VOCABULARY_H_
#define SKEP_ENGINE_TOKENIZER_RWKV_VOCABULARY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/tokenizer/pipeline.h"

namespace skep::engine::tokenizer {

// The bytes of a piece as Python writes them, without quotes: \t \n \r \\ \' \xHH \uHHHH. Escapes
// above \x7f are single bytes if `is_bytes` (b'..'), else code points. nullopt: a broken escape.
std::optional<std::string> UnescapePython(std::string_view text, bool is_bytes);

// The pieces go to byte letters (byte_alphabet.h) in the vocabulary, so that each is text.
struct RwkvPiece {
  TokenId id = 0;
  std::string bytes;
};
// What all RWKV tokenizers share. `pipeline.vocabulary` holds the pieces by byte letters, and what
// else there is, with its flags.
void FillGreedyTrie(const std::vector<RwkvPiece>& pieces, Pipeline& pipeline);

// Whether a file begins as this kind does: "1 '\x00' 1".
bool LooksLikeRwkvVocabulary(std::string_view text);

// Lines "ID 'piece' LENGTH" or "ID b'piece' LENGTH". Id 0, which the file lacks, is the end of
// text. InvalidArgument names the line.
absl::StatusOr<std::unique_ptr<Pipeline>> ReadRwkvVocabulary(std::string_view text);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_RWKV_VOCABULARY_H_
