// Opens a model as users name it: a .gguf file or a Hugging Face folder.

#ifndef SKEP_MODELS_WEIGHTS_MODEL_FILES_H_
#define SKEP_MODELS_WEIGHTS_MODEL_FILES_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/weights/config_view.h"
#include "models/weights/gguf.h"
#include "models/weights/weight_source.h"

namespace skep::models {

struct ModelFiles {
  std::unique_ptr<WeightSource> weights;  // never null
  ConfigView config;
  const GgufFile* gguf = nullptr;  // `weights` if it is GGUF, else null
  std::string folder;              // where tokenizer.json and its like would lie
};

// `path` is a .gguf file (the first part of a split one) or a folder with config.json and
// SafeTensors. Anything else (pickled .bin and .pt files above all) is refused with a message that
// says so.
absl::StatusOr<ModelFiles> OpenModel(const std::string& path);

// Reads a file of at most `max_bytes`. NotFound, InvalidArgument if longer or no regular file.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, uint64_t max_bytes);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_MODEL_FILES_H_
