// How a model's authors make embeddings of its hidden states: from sentence-transformers' files
// (modules.json, and the configuration of the pooling module), or GGUF's pooling_type.

#ifndef SKEP_MODELS_WEIGHTS_EMBEDDING_CONFIG_H_
#define SKEP_MODELS_WEIGHTS_EMBEDDING_CONFIG_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "models/weights/model_files.h"

namespace skep::models {

enum class PoolingMode { kLastToken, kMeanTokens, kClsToken };

// What files do not say is unset.
struct EmbeddingConfig {
  std::optional<PoolingMode> pooling;
  std::optional<bool> normalize;  // vectors to the length 1
};

// Unimplemented, with its name, for a module or a mode that Skep does not have: such a model's
// embeddings would be others than its authors'. InvalidArgument for files that say nonsense.
absl::StatusOr<EmbeddingConfig> ReadEmbeddingConfig(const ModelFiles& files);

// The parts of it. `file` names the text in messages.
struct SentenceModules {
  std::string pooling_folder;  // of the pooling module; empty: there is none
  bool normalize = false;
};
absl::StatusOr<SentenceModules> ParseModules(std::string_view modules, const std::string& file);
absl::StatusOr<PoolingMode> ParsePooling(std::string_view config, const std::string& file);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_EMBEDDING_CONFIG_H_
