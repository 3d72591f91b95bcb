// What a ConfigView holds; private to models/weights.

#ifndef SKEP_MODELS_WEIGHTS_CONFIG_DATA_H_
#define SKEP_MODELS_WEIGHTS_CONFIG_DATA_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "models/weights/config_view.h"
#include "models/weights/json_file.h"

namespace skep::models {

struct ConfigView::Data {
  Data() noexcept(false) = default;
  Data(const Data&) = delete;  // `text` points into `config`
  Data& operator=(const Data&) = delete;

  // The value of a key or of one of its aliases, in text_config first; nullptr if absent or null.
  const nlohmann::json* Find(std::string_view key) const;

  // "'file': 'key'", the key as the file spells it.
  std::string Describe(std::string_view key) const;
  absl::Status Missing(std::string_view key) const;
  absl::Status Wrong(std::string_view key, const nlohmann::json& value,
                     std::string_view expected) const;

  // The fields of rope_parameters for one kind of layer, whatever the file's dialect.
  absl::StatusOr<nlohmann::json> RopeFields(std::string_view layer_type,
                                            const RopeDefaults& defaults) const;

  bool is_gguf = false;
  std::string file;
  std::string architecture;
  std::string model_type;
  nlohmann::json config;
  nlohmann::json generation;
  const nlohmann::json* text = nullptr;  // text_config of a multimodal wrapper
};

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_CONFIG_DATA_H_
