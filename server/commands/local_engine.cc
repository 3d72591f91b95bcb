#include "server/commands/local_engine.h"

#include <utility>
#include <variant>

#include "server/commands/io.h"
#include "server/load_model.h"

namespace skep::server {
absl::StatusOr<std::unique_ptr<engine::Engine>> OpenLocalEngine(const ModelOptions& options) {
  absl::StatusOr<LoadedModel> model = LoadModel(options, MakeProgress("loading the model"));
  if (!model.ok()) return model.status();
  PrintNotes(model->tokenizer->notes());
  engine::EngineOptions engine_options;
  engine_options.max_sequences = options.max_sequences;
  engine_options.max_batch_tokens = options.max_batch_tokens;
  // The requests of one command have nobody else to let through, and bench measures whole steps.
  engine_options.max_step_seconds = 0;
  return engine::Engine::Create(engine_options, std::move(model->runner), model->tokenizer,
                                model->chat_template, /*observer=*/nullptr);
}

absl::StatusOr<Completion> Complete(
    engine::Engine& engine, engine::GenerationRequest request,
    const std::function<void(const engine::OutputDelta&)>& on_delta) {
  absl::StatusOr<std::unique_ptr<engine::ResponseStream>> stream =
      engine.Generate(std::move(request));
  if (!stream.ok()) return stream.status();
  Completion out;
  while (true) {
    engine::ResponseEvent event = (*stream)->Wait();
    if (auto* prompt = std::get_if<engine::PromptProcessed>(&event)) {
      out.prompt = std::move(*prompt);
    } else if (auto* delta = std::get_if<engine::OutputDelta>(&event)) {
      if (on_delta != nullptr) on_delta(*delta);
      engine::Append(out.output, std::move(*delta));
    } else {
      const engine::RequestDone& done = std::get<engine::RequestDone>(event);
      if (!done.status.ok()) return done.status;
      out.usage = done.usage;
      return out;
    }
  }
}

}  // namespace skep::server
