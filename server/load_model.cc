#include "server/load_model.h"

#include <utility>

#include "engine/tokenizer/load.h"
#include "models/load_runner.h"

namespace skep::server {
namespace {

models::RunnerOptions ToRunnerOptions(const ModelOptions& options) {
  models::RunnerOptions out;
  out.device = options.device;
  out.ops = options.ops;
  out.threads = options.threads;
  out.kv_cache_memory = options.kv_cache_memory;
  out.kv_cache_type = options.kv_cache_type;
  out.context_length = options.context_length;
  out.max_sequences = options.max_sequences;
  out.max_batch_tokens = options.max_batch_tokens;
  return out;
}

// A model answers plain prompts even if its template is unusable.
void LoadChatTemplate(const std::string& path, LoadedModel& model) {
  absl::StatusOr<std::map<std::string, std::string>> sources = ReadChatTemplates(path);
  if (!sources.ok()) {
    model.chat_template_error = std::string(sources.status().message());
    return;
  }
  absl::StatusOr<engine::ChatTemplate> compiled = CompileChatTemplate(*sources, /*name=*/"");
  if (!compiled.ok()) {
    model.chat_template_error = std::string(compiled.status().message());
    return;
  }
  model.chat_template = std::make_shared<const engine::ChatTemplate>(*std::move(compiled));
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const ModelOptions& options,
                                      std::function<void(double)> progress) {
  LoadedModel model;
  // The tokenizer first: it takes a moment, and most that can be wrong with a folder is wrong here.
  absl::StatusOr<std::unique_ptr<engine::Tokenizer>> tokenizer =
      engine::LoadTokenizer(options.path);
  if (!tokenizer.ok()) return tokenizer.status();
  model.tokenizer = *std::move(tokenizer);
  LoadChatTemplate(options.path, model);

  models::RunnerOptions runner_options = ToRunnerOptions(options);
  runner_options.progress = std::move(progress);
  absl::StatusOr<std::unique_ptr<ModelRunner>> runner =
      models::LoadModelRunner(options.path, runner_options);
  if (!runner.ok()) return runner.status();
  model.runner = *std::move(runner);
  return model;
}

}  // namespace skep::server
