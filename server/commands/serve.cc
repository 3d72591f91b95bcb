// skep serve.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/commands/summary.h"
#include "server/load_model.h"
#include "server/logging.h"
#include "server/options.h"
#include "server/server.h"
#include "server/signals.h"
#include "server/view.h"

namespace skep::server {
namespace {

constexpr absl::Duration kHealthInterval = absl::Seconds(1);

// After the first signal. The second one ends at once what still runs.
int Drain(Server& server, SignalWatcher& signals, absl::Duration timeout) {
  Log(LogLevel::kInfo, "draining", {{"timeout", absl::FormatDuration(timeout)}});
  absl::Mutex mutex;
  bool drained = false;
  std::thread drain([&] {
    server.Drain(absl::Now() + timeout);
    absl::MutexLock lock(&mutex);
    drained = true;
  });
  bool forced = false;
  while (true) {
    {
      absl::MutexLock lock(&mutex);
      if (mutex.AwaitWithTimeout(absl::Condition(&drained), absl::Milliseconds(50))) break;
    }
    if (forced || !signals.WaitFor(/*count=*/2, absl::Now())) continue;
    forced = true;
    Log(LogLevel::kWarn, "second signal: ending all requests");
    server.StopNow();
  }
  drain.join();
  Log(LogLevel::kInfo, "stopped");
  return forced ? 1 : 0;
}

absl::StatusOr<std::unique_ptr<engine::Engine>> LoadEngine(const ServeConfig& config,
                                                           Server& server, bool& has_template) {
  const absl::Time start = absl::Now();
  absl::StatusOr<LoadedModel> model = LoadModel(config.model, MakeProgress("loading the model"));
  if (!model.ok()) return model.status();
  for (const std::string& note : model->tokenizer->notes()) {
    Log(LogLevel::kWarn, "tokenizer", {{"note", note}});
  }
  has_template = model->chat_template != nullptr;
  if (!has_template) {
    Log(LogLevel::kWarn, "no chat template", {{"reason", model->chat_template_error}});
  }
  Log(LogLevel::kInfo, "model loaded", {{"seconds", absl::ToDoubleSeconds(absl::Now() - start)}});
  engine::EngineOptions options = config.engine;
  options.max_sequences = config.model.max_sequences;
  options.max_batch_tokens = config.model.max_batch_tokens;
  return engine::Engine::Create(options, std::move(model->runner), model->tokenizer,
                                model->chat_template, server.observer());
}

int Serve(const ServeConfig& config) {
  SignalWatcher signals;  // before any other thread
  InitLogging(config.log_level);
  if (config.grpc.api_keys.empty() && std::getenv("SKEP_API_KEY") != nullptr) {
    Log(LogLevel::kWarn, "SKEP_API_KEY is for clients; without --api-keys everybody may call");
  }
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config);
  if (!server.ok()) return Fail(server.status());

  bool has_template = false;
  absl::StatusOr<std::unique_ptr<engine::Engine>> engine =
      LoadEngine(config, **server, has_template);
  if (!engine.ok()) return Fail(engine.status());
  // From here on a signal must not cut off what a client was promised.
  signals.StopExiting();
  if (absl::Status s = (*server)->Serve(*std::move(engine), has_template); !s.ok()) return Fail(s);
  LogSummary(config, **server);

  while (!signals.WaitFor(/*count=*/1, absl::Now() + kHealthInterval)) (*server)->CheckHealth();
  // Nothing is left to finish. Taking the process apart would free what the kernel frees anyway,
  // and wait up to two seconds for the metrics listener's poll.
  const int exit_code = Drain(**server, signals, config.drain_timeout);
  std::fflush(nullptr);
  std::_Exit(exit_code);
}

}  // namespace

void AddServeCommand(CLI::App& app, Run& run) {
  auto config = std::make_shared<ServeConfig>();
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("serve", "Serve a model over gRPC");
  AddServeOptions(*command, *config);
  command->add_option("--config", *file, "JSON file of these options; flags and SKEP_* win over it")
      ->type_name("FILE");
  command->callback([config, file, &run] { run = [config] { return Serve(*config); }; });
}

}  // namespace skep::server
