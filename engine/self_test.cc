#include "engine/self_test.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/error.h"
#include "engine/request.h"
#include "engine/response.h"
#include "engine/tokenizer/tokenizer.h"
#include "models/runner.h"
#include "scheduler/types.h"

namespace skep::engine {
namespace {

constexpr int32_t kTokens = 4;
constexpr std::chrono::seconds kLimit(60);  // on the machine's clock: the loop may be stuck

// Raised from a thread of the engine, awaited here.
struct Flag {
  std::mutex mutex;
  std::condition_variable changed;
  bool raised = false;
};

// The next event, or nothing if none came in time.
std::optional<ResponseEvent> AwaitEvent(ResponseStream& stream) {
  ResponseEvent event;
  const auto flag = std::make_shared<Flag>();
  const auto raise = [flag] {
    std::lock_guard<std::mutex> lock(flag->mutex);
    flag->raised = true;
    flag->changed.notify_all();
  };
  if (stream.Next(event, raise)) return event;
  {
    std::unique_lock<std::mutex> lock(flag->mutex);
    if (!flag->changed.wait_for(lock, kLimit, [&] { return flag->raised; })) return std::nullopt;
  }
  if (!stream.Next(event, nullptr)) return std::nullopt;
  return event;
}

absl::Status Failed(absl::string_view why) {
  return MakeError(Reason::kNotReady, absl::StrCat("the self-test failed: ", why));
}

absl::Status CheckDelta(const OutputDelta& delta, const ModelInfo& model) {
  for (const TokenId id : delta.token_ids) {
    if (id >= 0 && id < model.vocab_size) continue;
    return Failed(absl::StrCat("token id ", id, " is not in [0, ", model.vocab_size, ")"));
  }
  for (const TokenLogprobs& logprobs : delta.logprobs) {
    if (std::isfinite(logprobs.chosen.logprob)) continue;
    return Failed(absl::StrCat("log-probability ", logprobs.chosen.logprob, " is not finite"));
  }
  return absl::OkStatus();
}

TokenPrompt SmallestPrompt(const ModelInfo& model, const Tokenizer& tokenizer) {
  const TokenId first = tokenizer.bos_id().value_or(0);
  return TokenPrompt{{first < 0 || first >= model.vocab_size ? 0 : first}};
}

// Reads to the end; `check` judges each event before that.
absl::StatusOr<RequestDone> ReadStream(
    ResponseStream& stream, absl::FunctionRef<absl::Status(const ResponseEvent&)> check) {
  while (true) {
    const std::optional<ResponseEvent> event = AwaitEvent(stream);
    if (!event.has_value()) return Failed("the model took too long");
    if (const auto* done = std::get_if<RequestDone>(&*event)) {
      if (!done->status.ok()) return Failed(done->status.message());
      return *done;
    }
    if (absl::Status status = check(*event); !status.ok()) return status;
  }
}

}  // namespace

absl::Status TestGeneration(
    const ModelInfo& model, const Tokenizer& tokenizer,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<ResponseStream>>(GenerationRequest)> start) {
  GenerationRequest request;
  request.prompt = SmallestPrompt(model, tokenizer);
  request.temperature = 0.0f;
  request.max_tokens =
      static_cast<int32_t>(std::clamp<int64_t>(model.context_length - 1, 1, kTokens));
  request.ignore_eos = true;
  request.logprobs = 0;
  request.bypass_prefix_cache = true;
  const absl::StatusOr<std::unique_ptr<ResponseStream>> stream = start(request);
  if (!stream.ok()) return stream.status();
  const absl::StatusOr<RequestDone> done = ReadStream(**stream, [&](const ResponseEvent& event) {
    const auto* delta = std::get_if<OutputDelta>(&event);
    return delta == nullptr ? absl::OkStatus() : CheckDelta(*delta, model);
  });
  if (!done.ok()) return done.status();
  if (done->usage.generated_tokens == *request.max_tokens) return absl::OkStatus();
  return Failed(absl::StrCat("generated ", done->usage.generated_tokens, " tokens instead of ",
                             *request.max_tokens));
}

absl::Status TestEmbedding(
    const ModelInfo& model, const Tokenizer& tokenizer,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<ResponseStream>>(EmbeddingRequest)> start) {
  EmbeddingRequest request;
  request.inputs = {SmallestPrompt(model, tokenizer)};
  request.bypass_prefix_cache = true;
  const absl::StatusOr<std::unique_ptr<ResponseStream>> stream = start(request);
  if (!stream.ok()) return stream.status();
  size_t values = 0;
  const absl::StatusOr<RequestDone> done = ReadStream(**stream, [&](const ResponseEvent& event) {
    if (const auto* embeddings = std::get_if<Embeddings>(&event)) {
      for (const Embedding& input : embeddings->inputs) {
        values += input.values.size();
        for (const float value : input.values) {
          if (!std::isfinite(value)) return Failed(absl::StrCat("value ", value, " is not finite"));
        }
      }
    }
    return absl::OkStatus();
  });
  if (!done.ok()) return done.status();
  if (static_cast<int64_t>(values) == model.hidden_size) return absl::OkStatus();
  return Failed(absl::StrCat("embedded to ", values, " values instead of ", model.hidden_size));
}

}  // namespace skep::engine
