// "model" of tokenizer.json: its vocabulary and the model itself.
#ifndef SKEP_ENGINE_TOKENIZER_JSON_MODEL_H_
#define SKEP_ENGINE_TOKENIZER_JSON_MODEL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/pipeline.h"

namespace skep::engine::tokenizer {

// Errors as ReadTokenizerJson.

// "BPE", "Unigram", "WordPiece" or "WordLevel"; old files do not say.
absl::StatusOr<std::string> ReadModelType(const JsonNode& model);

// The pieces of the model and their ids.
absl::StatusOr<std::vector<Vocabulary::Entry>> ReadModelVocabulary(const JsonNode& model,
                                                                   std::string_view type);

// Makes pipeline.model from `model` and the vocabulary, which is complete; pipeline.pre_tokenizer
// may change to deliver words as the model wants them.
absl::Status FillModel(const JsonNode& model, std::string_view type, Pipeline& pipeline);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_JSON_MODEL_H_
