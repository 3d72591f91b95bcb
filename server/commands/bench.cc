// skep bench.
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "server/commands/bench_report.h"
#include "server/commands/client.h"
#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/commands/local_engine.h"
#include "server/options.h"

namespace skep::server {
namespace {

using nlohmann::ordered_json;

struct BenchOptions {
  ModelOptions model;
  TargetOptions target;
  int32_t prompt_tokens = 512;
  int32_t generate_tokens = 128;
  std::vector<int32_t> concurrency = {1, 4, 8, 16, 32};
  bool json = false;
};

using OnDelta = std::function<void(int64_t tokens, std::string_view text)>;
// Runs one request to its end, here or on a server.
using RunRequest = std::function<absl::Status(engine::GenerationRequest, const OnDelta&)>;

// Random ids: every stream has its own prompt, and the same one in every run of the program.
engine::GenerationRequest MakeRequest(const BenchShape& shape, int32_t stream, int64_t vocab_size) {
  std::mt19937_64 random(static_cast<uint64_t>(shape.concurrency) * 1000 + stream);
  engine::TokenPrompt prompt;
  for (int32_t i = 0; i < shape.prompt_tokens; ++i) {
    prompt.ids.push_back(static_cast<TokenId>(random() % static_cast<uint64_t>(vocab_size)));
  }
  engine::GenerationRequest request;
  request.prompt = std::move(prompt);
  request.temperature = 0.0f;
  request.max_tokens = shape.generate_tokens;
  request.ignore_eos = true;
  request.bypass_prefix_cache = true;
  return request;
}

// All streams of one run at once, a thread each.
absl::StatusOr<ordered_json> RunOnce(const BenchShape& shape, int64_t vocab_size,
                                     const RunRequest& run_request) {
  std::vector<StreamTrace> traces(shape.concurrency);
  std::vector<std::thread> threads;
  std::mutex mutex;
  absl::Status failure;
  for (int32_t stream = 0; stream < shape.concurrency; ++stream) {
    threads.emplace_back([&, stream] {
      engine::GenerationRequest request = MakeRequest(shape, stream, vocab_size);
      StreamTrace& trace = traces[stream];
      trace.start = absl::Now();
      const absl::Status status =
          run_request(std::move(request), [&trace](int64_t tokens, std::string_view) {
            if (tokens > 0) trace.arrivals.push_back({absl::Now(), tokens});
          });
      std::lock_guard<std::mutex> lock(mutex);
      if (!status.ok()) failure = status;
      if (status.ok() && trace.arrivals.empty()) failure = absl::InternalError("no token came");
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (!failure.ok()) return failure;
  return Report(shape, traces);
}

absl::StatusOr<ordered_json> RunAll(const BenchOptions& options, int64_t vocab_size,
                                    const RunRequest& run_request) {
  // Not counted: first touch of memory, threads, caches.
  const BenchShape warm_up = {.concurrency = 1, .prompt_tokens = 32, .generate_tokens = 4};
  if (auto run = RunOnce(warm_up, vocab_size, run_request); !run.ok()) return run.status();
  ordered_json runs = ordered_json::array();
  for (const int32_t concurrency : options.concurrency) {
    const BenchShape shape = {concurrency, options.prompt_tokens, options.generate_tokens};
    absl::StatusOr<ordered_json> run = RunOnce(shape, vocab_size, run_request);
    if (!run.ok()) return run.status();
    std::cerr << absl::StrFormat(
        "%3d streams: prefill %8.1f tok/s, decode %7.1f tok/s, %6.1f a stream\n", concurrency,
        (*run)["prefill_tokens_per_second"].get<double>(),
        (*run)["decode_tokens_per_second"].get<double>(),
        (*run)["decode_tokens_per_second_per_stream"].get<double>());
    runs.push_back(*std::move(run));
  }
  return runs;
}

int64_t PeakMemory() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

int Finish(const BenchOptions& options, ordered_json head, absl::StatusOr<ordered_json> runs) {
  if (!runs.ok()) return Fail(runs.status());
  head["peak_rss_bytes"] =
      options.target.address.empty() ? ordered_json(PeakMemory()) : ordered_json();
  head["runs"] = *std::move(runs);
  if (options.json) PrintJson(head);
  return 0;
}

int BenchLocal(BenchOptions options) {
  const int32_t most = *std::max_element(options.concurrency.begin(), options.concurrency.end());
  options.model.max_sequences = std::max(options.model.max_sequences, most);
  const absl::Time start = absl::Now();
  absl::StatusOr<std::unique_ptr<engine::Engine>> engine = OpenLocalEngine(options.model);
  if (!engine.ok()) return Fail(engine.status());
  const double load_seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const ModelInfo& model = (*engine)->model();
  const RunRequest run = [&](engine::GenerationRequest request, const OnDelta& on_delta) {
    const auto forward = [&](const engine::OutputDelta& delta) {
      on_delta(static_cast<int64_t>(delta.token_ids.size()), delta.text);
    };
    return Complete(**engine, std::move(request), forward).status();
  };
  const int32_t threads = options.model.threads > 0
                              ? options.model.threads
                              : static_cast<int32_t>(std::thread::hardware_concurrency());
  return Finish(options,
                {{"model", model.name},
                 {"device", model.device},
                 {"threads", threads},
                 {"load_seconds", load_seconds}},
                RunAll(options, model.vocab_size, run));
}

int BenchRemote(const BenchOptions& options) {
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options.target);
  if (!client.ok()) return Fail(client.status());
  absl::StatusOr<RemoteModel> model = (*client)->GetModel();
  if (!model.ok()) return Fail(model.status());
  const RunRequest run = [&](engine::GenerationRequest request, const OnDelta& on_delta) {
    const auto forward = [&](int64_t tokens, const engine::OutputDelta& delta) {
      on_delta(tokens, delta.text);
    };
    return (*client)->Stream(request, forward).status();
  };
  return Finish(options,
                {{"model", model->name},
                 {"device", model->device},
                 {"threads", nullptr},
                 {"load_seconds", nullptr}},
                RunAll(options, model->vocab_size, run));
}

}  // namespace

void AddBenchCommand(CLI::App& app, Run& run) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure speed, here or of a server");
  AddModelOptions(*command, options->model);
  command->get_option("--model")->required(false);
  AddTargetOptions(*command, options->target, "Measure the server there");
  command->add_option("--prompt-tokens", options->prompt_tokens, "Tokens of each prompt")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  command->add_option("--generate-tokens", options->generate_tokens, "Tokens each stream generates")
      ->check(CLI::Range(2, 1 << 24))
      ->capture_default_str();
  command->add_option("--concurrency", options->concurrency, "Streams at once; one run for each")
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &run] {
    if (options->model.path.empty() == options->target.address.empty()) {
      throw CLI::ValidationError("bench", "give either --model or --target");
    }
    run = [options] {
      return options->target.address.empty() ? BenchLocal(*options) : BenchRemote(*options);
    };
  });
}

}  // namespace skep::server
