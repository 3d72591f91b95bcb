// An engine over the fake runner, and a reader that collects a whole answer.
#ifndef SKEP_TESTS_UNIT_ENGINE_ENGINE_FIXTURE_H_
#define SKEP_TESTS_UNIT_ENGINE_ENGINE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "engine/engine_impl.h"
#include "engine/error.h"
#include "engine/request.h"
#include "engine/response.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_runner.h"
#include "tests/fakes/fake_tokenizer.h"

namespace skep::engine {

// All that a stream said, put together.
struct Answer {
  struct Sequence {
    std::string text;
    std::string reasoning;
    std::vector<ToolCallDelta> tool_calls;
    std::vector<TokenId> ids;
    std::vector<TokenLogprobs> logprobs;
    FinishInfo finish;
    int deltas_after_finish = 0;
  };
  std::optional<PromptProcessed> prompt;
  std::vector<Sequence> sequences;
  std::vector<Embedding> embeddings;
  RequestDone done;
  bool prompt_was_first = true;

  void Add(ResponseEvent event) {
    if (auto* processed = std::get_if<PromptProcessed>(&event)) {
      prompt_was_first &= sequences.empty() && !prompt.has_value();
      prompt = std::move(*processed);
    } else if (auto* delta = std::get_if<OutputDelta>(&event)) {
      if (sequences.size() <= delta->index) sequences.resize(delta->index + 1);
      Sequence& sequence = sequences[delta->index];
      sequence.deltas_after_finish += sequence.finish.reason != FinishReason::kNone;
      sequence.text += delta->text;
      sequence.reasoning += delta->reasoning;
      AppendToolCalls(sequence.tool_calls, delta->tool_calls);
      sequence.ids.insert(sequence.ids.end(), delta->token_ids.begin(), delta->token_ids.end());
      sequence.logprobs.insert(sequence.logprobs.end(), delta->logprobs.begin(),
                               delta->logprobs.end());
      if (delta->finish.reason != FinishReason::kNone) sequence.finish = delta->finish;
    } else if (auto* embedded = std::get_if<Embeddings>(&event)) {
      embeddings = std::move(embedded->inputs);
    } else {
      done = std::get<RequestDone>(std::move(event));
    }
  }
};

inline Answer ReadAll(ResponseStream& stream) {
  Answer answer;
  while (true) {
    ResponseEvent event = stream.Wait();
    const bool last = std::holds_alternative<RequestDone>(event);
    answer.Add(std::move(event));
    if (last) return answer;
  }
}

// Waits, on the machine's clock, for what other threads are about to do.
inline bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 20000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

struct EngineSetup {
  ModelInfo model = FakeModelInfo(FakeVocabSize(), /*num_blocks=*/256);
  EngineOptions options = {.max_sequences = 16, .max_batch_tokens = 64, .max_step_seconds = 0};
  std::shared_ptr<FakeRunnerControl> control = std::make_shared<FakeRunnerControl>();
  std::shared_ptr<const ChatTemplate> chat_template;
  EngineObserver* observer = nullptr;
  Clock* clock = &Clock::Steady();

  std::unique_ptr<EngineImpl> Make() {
    model.eos_token_ids = {kFakeEos};
    absl::StatusOr<std::unique_ptr<EngineImpl>> engine =
        EngineImpl::Create({.options = options,
                            .runner = std::make_unique<FakeRunner>(model, control),
                            .tokenizer = MakeFakeTokenizer(),
                            .chat_template = chat_template,
                            .observer = observer,
                            .clock = clock});
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() ? *std::move(engine) : nullptr;
  }
};

inline GenerationRequest TokenRequest(std::vector<TokenId> ids, int32_t max_tokens) {
  GenerationRequest request;
  request.prompt = TokenPrompt{std::move(ids)};
  request.max_tokens = max_tokens;
  request.temperature = 0.0f;
  return request;
}

inline std::unique_ptr<ResponseStream> MustGenerate(Engine& engine, GenerationRequest request) {
  absl::StatusOr<std::unique_ptr<ResponseStream>> stream = engine.Generate(std::move(request));
  EXPECT_TRUE(stream.ok()) << stream.status();
  return stream.ok() ? *std::move(stream) : nullptr;
}

// The parameters that the engine should have made of `request`.
inline SamplingParams ExpectedSampling(const GenerationRequest& request, const ModelInfo& model) {
  SamplingParams params;
  params.temperature = request.temperature.value_or(1.0f);
  params.seed = request.seed.value_or(0);
  params.n = request.n;
  params.min_tokens = request.min_tokens;
  params.ignore_eos = request.ignore_eos;
  params.eos_token_ids = {kFakeEos};
  params.stop_token_ids = request.stop_token_ids;
  params.bad_token_ids = request.bad_token_ids;
  params.allowed_token_ids = request.allowed_token_ids;
  const auto* tokens = std::get_if<TokenPrompt>(&request.prompt);
  const int64_t length = tokens == nullptr ? 0 : static_cast<int64_t>(tokens->ids.size());
  params.max_tokens =
      request.max_tokens.value_or(static_cast<int32_t>(model.context_length - length));
  return params;
}

}  // namespace skep::engine

#endif  // SKEP_TESTS_UNIT_ENGINE_ENGINE_FIXTURE_H_
