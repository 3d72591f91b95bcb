// An engine inside this process, for the commands that need no server.
#ifndef SKEP_SERVER_COMMANDS_LOCAL_ENGINE_H_
#define SKEP_SERVER_COMMANDS_LOCAL_ENGINE_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/engine.h"
#include "engine/request.h"
#include "engine/response.h"
#include "server/config.h"

namespace skep::server {

// Loads the model, with progress on stderr, and starts an engine.
absl::StatusOr<std::unique_ptr<engine::Engine>> OpenLocalEngine(const ModelOptions& options);

// What a finished request gave, of all its events.
struct Completion {
  engine::PromptProcessed prompt;
  engine::OutputDelta output;  // of sequence 0, whole
  engine::Usage usage;
};

// Runs one request to its end. `on_delta`, which may be null, is called for each piece.
absl::StatusOr<Completion> Complete(
    engine::Engine& engine, engine::GenerationRequest request,
    const std::function<void(const engine::OutputDelta&)>& on_delta);

}  // namespace skep::server

#endif  // SKEP_SERVER_COMMANDS_LOCAL_ENGINE_H_
