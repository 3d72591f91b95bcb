// Translates GGUF metadata into the keys of config.json; private to models/weights.

#ifndef SKEP_MODELS_WEIGHTS_GGUF_CONFIG_H_
#define SKEP_MODELS_WEIGHTS_GGUF_CONFIG_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "models/weights/gguf.h"

namespace skep::models {

struct GgufConfig {
  nlohmann::json config;      // as config.json of the released dialect
  nlohmann::json generation;  // as generation_config.json
};

// Keys that the file lacks are absent, so that a family's required keys stay required. Values keep
// their types: per-layer arrays stay arrays.
absl::StatusOr<GgufConfig> TranslateGgufConfig(const GgufFile& gguf);

// The GGUF key behind a Hugging Face key ("llama.block_count" for "num_hidden_layers"), for
// messages; the key itself if there is none.
std::string GgufKeyFor(std::string_view architecture, std::string_view key);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_GGUF_CONFIG_H_
