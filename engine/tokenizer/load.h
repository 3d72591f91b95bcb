// Reads a tokenizer from a model's files.
#ifndef SKEP_ENGINE_TOKENIZER_LOAD_H_
#define SKEP_ENGINE_TOKENIZER_LOAD_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/tokenizer/tokenizer.h"

namespace skep::engine {

// `path` is a .gguf file (one that holds only a vocabulary will do), a folder with tokenizer.json
// (preferred) or tokenizer.model, next to tokenizer_config.json, or one of these two files itself.
// NotFound: no such file, or none of them in the folder. InvalidArgument: malformed, names what and
// where. Unimplemented: a part that Skep does not know, by its name.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& path);

}  // namespace skep::engine

#endif  // SKEP_ENGINE_TOKENIZER_LOAD_H_
