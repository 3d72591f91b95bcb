// The components of tokenizer.json, written from the parts of a pipeline that was read from
// something else.
#ifndef SKEP_ENGINE_TOKENIZER_JSON_WRITERS_H_
#define SKEP_ENGINE_TOKENIZER_JSON_WRITERS_H_

#include "absl/status/statusor.h"
#include "engine/tokenizer/pipeline.h"
#include "nlohmann/json.hpp"

namespace skep::engine::tokenizer {

// Null where there is nothing to do. Unimplemented: what the library cannot express.
absl::StatusOr<nlohmann::json> WriteNormalizer(const Normalizer& normalizer);
absl::StatusOr<nlohmann::json> WritePreTokenizer(const Pipeline& pipeline);
nlohmann::json WritePostProcessor(const Pipeline& pipeline);
absl::StatusOr<nlohmann::json> WriteDecoder(const Pipeline& pipeline);

// The vocabulary and the model.
absl::StatusOr<nlohmann::json> WriteModel(const Pipeline& pipeline);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_JSON_WRITERS_H_
