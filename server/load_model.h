// From a path to everything the engine needs of a model.
#ifndef SKEP_SERVER_LOAD_MODEL_H_
#define SKEP_SERVER_LOAD_MODEL_H_

#include <functional>
#include <map>
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

// The chat templates of a model by name, as text. Most have one, "default"; of others, "tool_use"
// is for conversations with tools. Of a GGUF file: tokenizer.chat_template and
// tokenizer.chat_template.NAME. Of a folder: chat_template.jinja with
// additional_chat_templates/NAME.jinja, else chat_template.json, else "chat_template" of
// tokenizer_config.json, a text or several by name. NotFound if there is none.
absl::StatusOr<std::map<std::string, std::string>> ReadChatTemplates(const std::string& path);

// The template `name` of them; without a name the one for conversations, which turns to "tool_use"
// where there are tools. A model's only template is it, whatever its name.
absl::StatusOr<engine::ChatTemplate> CompileChatTemplate(
    const std::map<std::string, std::string>& sources, const std::string& name);

}  // namespace skep::server

#endif  // SKEP_SERVER_LOAD_MODEL_H_
