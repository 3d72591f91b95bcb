// Reads tokenizer.ggml.* of a GGUF file.
#ifndef SKEP_ENGINE_TOKENIZER_GGUF_READER_H_
#define SKEP_ENGINE_TOKENIZER_GGUF_READER_H_

#include "absl/status/statusor.h"
#include "engine/tokenizer/gguf_vocabulary.h"
#include "models/weights/gguf.h"

namespace skep::engine::tokenizer {

// InvalidArgument: the file has no tokenizer, or a key of the wrong type, by its name.
absl::StatusOr<GgufVocabulary> ReadGgufVocabulary(const models::GgufFile& file);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_GGUF_READER_H_
