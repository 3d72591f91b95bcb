// The kinds of GGUF vocabularies; private to gguf_*.cc.
#ifndef SKEP_ENGINE_TOKENIZER_GGUF_KINDS_H_
#define SKEP_ENGINE_TOKENIZER_GGUF_KINDS_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/tokenizer/gguf_vocabulary.h"
#include "engine/tokenizer/pipeline.h"

namespace skep::engine::tokenizer {

// What holds where the file does not say.
struct GgufDefaults {
  std::optional<TokenId> bos, eos, unk, pad;
  bool add_bos = false;
  bool add_eos = false;
};

// The type of a token: what the file says, except for ends of turns that a converter took for text.
GgufTokenType TypeOf(const GgufVocabulary& gguf, size_t id);

// Whether a token takes the white space before it along, which GGUF files do not say.
bool TakesSpaceBefore(const GgufVocabulary& gguf, std::string_view text);

// Sets the special ids, and the prefix and suffix that consist of BOS and EOS.
absl::Status SetSpecialIds(const GgufVocabulary& gguf, const GgufDefaults& defaults,
                           Pipeline& pipeline);

// A pipeline with the vocabulary, its flags and its added tokens. `texts`: what stands in the
// vocabulary, one a token.
absl::StatusOr<std::unique_ptr<Pipeline>> StartPipeline(const GgufVocabulary& gguf,
                                                        std::vector<std::string> texts);

absl::StatusOr<std::unique_ptr<Pipeline>> MakeBpe(const GgufVocabulary& gguf);  // gpt2, gemma4
absl::StatusOr<std::unique_ptr<Pipeline>> MakeSpm(const GgufVocabulary& gguf);
absl::StatusOr<std::unique_ptr<Pipeline>> MakeUnigram(const GgufVocabulary& gguf);
absl::StatusOr<std::unique_ptr<Pipeline>> MakeWordPiece(const GgufVocabulary& gguf);
absl::StatusOr<std::unique_ptr<Pipeline>> MakeRwkv(const GgufVocabulary& gguf);
absl::StatusOr<std::unique_ptr<Pipeline>> MakeFromJson(const GgufVocabulary& gguf);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_GGUF_KINDS_H_
