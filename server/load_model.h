// From a path to everything the engine needs of a model.
#ifndef SKEP_SERVER_LOAD_MODEL_H_
#define SKEP_SERVER_LOAD_MODEL_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/chat_template/chat_template.h"
#include "engine/engine.h"
#include "engine/tokenizer/tokenizer.h"
#include "models/runner.h"
#include "server/config.h"

namespace skep::server {

struct LoadedModel {
  std::unique_ptr<ModelRunner> runner;
  std::shared_ptr<const engine::Tokenizer> tokenizer;
  // Null: the model has none, or one that does not compile; then `chat_template_error` says why.
  std::shared_ptr<const engine::ChatTemplate> chat_template;
  std::string chat_template_error;
};

// `progress` gets the share that is done, 0 to 1; it may be null. Errors name the file.
absl::StatusOr<LoadedModel> LoadModel(const ModelOptions& options,
                                      std::function<void(double)> progress);

// The chat template of a model, as text: tokenizer.chat_template of GGUF; of a folder
// chat_template.jinja, else chat_template of tokenizer_config.json. NotFound if it has none.
absl::StatusOr<std::string> ReadChatTemplate(const std::string& path);

}  // namespace skep::server

#endif  // SKEP_SERVER_LOAD_MODEL_H_
