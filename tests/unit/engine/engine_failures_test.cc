// When the model runner fails: only the culprit pays, unless it is the device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/unit/engine/engine_fixture.h"

namespace skep::engine {
namespace {

constexpr TokenId kPoison = 21;  // a prompt that begins with it makes a step fail

bool Poisoned(const SequenceView& sequence) { return sequence.tokens[0] == kPoison; }

absl::Status FailPoisoned(const Plan& plan) {
  for (const PlanRow& row : plan.rows) {
    if (Poisoned(row.sequence)) return absl::InternalError("this row is poison");
  }
  return absl::OkStatus();
}

GenerationRequest Request(TokenId first, uint64_t seed) {
  GenerationRequest request = TokenRequest({first, 3, 4}, 30);
  request.temperature = 1.0f;
  request.seed = seed;
  request.ignore_eos = true;
  return request;
}

void ExpectWhole(const Answer& answer, const GenerationRequest& request, const Engine& engine) {
  ASSERT_TRUE(answer.done.status.ok()) << answer.done.status;
  for (int32_t i = 0; i < request.n; ++i) {
    EXPECT_EQ(answer.sequences[i].ids,
              FakeGeneration(std::get<TokenPrompt>(request.prompt).ids, i,
                             ExpectedSampling(request, engine.model()), engine.model()));
  }
}

void ExpectAllFree(const Engine& engine) {
  const EngineStats stats = engine.Stats();
  EXPECT_EQ(stats.running_requests + stats.waiting_requests, 0);
  EXPECT_EQ(stats.blocks_free + stats.blocks_cached, stats.blocks_total);
}

void RunWithPoison(EngineSetup& setup) {
  const auto engine = setup.Make();
  std::vector<GenerationRequest> requests;
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 30; ++i) {
    requests.push_back(Request(i % 6 == 3 ? kPoison : 2 + i % 10, i));
    requests.back().n = 1 + i % 2;
    streams.push_back(MustGenerate(*engine, requests.back()));
  }
  for (int i = 0; i < 30; ++i) {
    const Answer answer = ReadAll(*streams[i]);
    if (i % 6 != 3) {
      ExpectWhole(answer, requests[i], *engine);
      continue;
    }
    EXPECT_EQ(ReasonOf(answer.done.status), Reason::kInternal);
    EXPECT_THAT(std::string(answer.done.status.message()), ::testing::HasSubstr("poison"));
  }
  ExpectAllFree(*engine);
  EXPECT_EQ(setup.control->wrong_reads, 0);
}

TEST(EngineFailuresTest, OnlyTheCulpritFails) {
  EngineSetup setup;
  setup.control->before_step = FailPoisoned;
  RunWithPoison(setup);
}

TEST(EngineFailuresTest, ExceptionsAreFailures) {
  EngineSetup setup;
  setup.control->before_step = [](const Plan& plan) {
    if (!FailPoisoned(plan).ok()) throw std::runtime_error("poison");
    return absl::OkStatus();
  };
  RunWithPoison(setup);
}

TEST(EngineFailuresTest, APassingFaultIsNotSeen) {
  EngineSetup setup;
  auto calls = std::make_shared<std::atomic<int>>(0);
  setup.control->before_step = [calls](const Plan&) {
    return ++*calls % 5 == 0 ? absl::UnavailableError("try again") : absl::OkStatus();
  };
  const auto engine = setup.Make();
  std::vector<GenerationRequest> requests;
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 2; ++i) {
    requests.push_back(Request(2 + i, i));
    streams.push_back(MustGenerate(*engine, requests.back()));
  }
  for (int i = 0; i < 2; ++i) ExpectWhole(ReadAll(*streams[i]), requests[i], *engine);
}

TEST(EngineFailuresTest, NanFailsOneSequence) {
  EngineSetup setup;
  setup.control->invalid_logits = [](const SequenceView& sequence) {
    return Poisoned(sequence) && sequence.index == 1 &&
           static_cast<int64_t>(sequence.tokens.size()) >= sequence.prompt_length + 5;
  };
  const auto engine = setup.Make();
  GenerationRequest several = Request(kPoison, 1);
  several.n = 3;
  const auto stream = MustGenerate(*engine, several);
  const GenerationRequest other = Request(2, 2);
  const auto other_stream = MustGenerate(*engine, other);
  const Answer answer = ReadAll(*stream);
  EXPECT_TRUE(answer.done.status.ok()) << answer.done.status;  // two of three are an answer
  EXPECT_EQ(answer.sequences[0].ids.size(), 30);
  EXPECT_EQ(answer.sequences[1].ids.size(), 5);
  EXPECT_EQ(answer.sequences[1].finish.reason, FinishReason::kError);
  EXPECT_EQ(answer.sequences[2].ids.size(), 30);
  ExpectWhole(ReadAll(*other_stream), other, *engine);
  ExpectAllFree(*engine);
}

TEST(EngineFailuresTest, NanEverywhereFailsTheRequest) {
  EngineSetup setup;
  setup.control->invalid_logits = Poisoned;
  const auto engine = setup.Make();
  const Answer answer = ReadAll(*MustGenerate(*engine, Request(kPoison, 1)));
  EXPECT_EQ(ReasonOf(answer.done.status), Reason::kInvalidLogits);
  EXPECT_EQ(answer.done.usage.generated_tokens, 0);
  ExpectAllFree(*engine);
}

TEST(EngineFailuresTest, ABrokenDeviceIsReported) {
  EngineSetup setup;
  auto broken = std::make_shared<std::atomic<bool>>(false);
  setup.control->before_step = [broken](const Plan&) {
    return *broken ? absl::InternalError("device lost") : absl::OkStatus();
  };
  setup.control->delay_microseconds = 200;
  const auto engine = setup.Make();
  ASSERT_TRUE(engine->SelfTest().ok());
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 10; ++i) {
    GenerationRequest request = Request(2 + i, i);
    request.max_tokens = 500;
    streams.push_back(MustGenerate(*engine, std::move(request)));
  }
  for (const auto& stream : streams) stream->Wait();
  *broken = true;
  for (const auto& stream : streams) {
    EXPECT_EQ(ReasonOf(ReadAll(*stream).done.status), Reason::kInternal);
  }
  EXPECT_EQ(ReasonOf(engine->Healthy(absl::Seconds(60))), Reason::kNotReady);
  EXPECT_EQ(ReasonOf(engine->Generate(Request(2, 1)).status()), Reason::kNotReady);
  EXPECT_FALSE(engine->SelfTest().ok());
  ExpectAllFree(*engine);
  *broken = false;
  EXPECT_TRUE(engine->SelfTest().ok());
  EXPECT_TRUE(engine->Healthy(absl::Seconds(60)).ok());
  EXPECT_TRUE(ReadAll(*MustGenerate(*engine, Request(2, 1))).done.status.ok());
}

}  // namespace
}  // namespace skep::engine
