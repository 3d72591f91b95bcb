// A tokenizer.model as the parts of which Hugging Face's library makes tokenizers, so that a
// tokenizer.json can be written from it.
#ifndef SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_PARTS_H_
#define SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_PARTS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/sentencepiece_model.h"

namespace skep::engine::tokenizer {

// `pipeline`, whose model is `model`. What SentencePiece's normalizer does are steps of
// replacement; BPE by scores is SpmBpe, and pieces that the user defined are added tokens there; of
// a unigram model these are pieces that cost nearly nothing, as in the original.
// Known differences of the library: a text (or a stretch between special tokens) that is exactly
// one user-defined piece of a BPE model gets no space before it, and its precompiled charsmaps go
// by grapheme clusters.
// Unimplemented: words or characters as pieces, white space as a suffix or as it is, texts that
// change after decoding, scores that are no numbers, and unused pieces that BPE would make.
absl::StatusOr<std::unique_ptr<Pipeline>> MakePartsOfSentencePiece(const Pipeline& pipeline,
                                                                   const SentencePieceModel& model);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_PARTS_H_
