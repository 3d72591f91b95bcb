// What an embedding request gets, compared with a naive computation of the same; and models that
// only embed, or that read prompts whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/unit/engine/engine_fixture.h"

namespace skep::engine {
namespace {

using ::testing::HasSubstr;

using Ids = std::vector<TokenId>;

Ids RandomIds(std::mt19937& random, size_t length) {
  Ids ids(length);
  for (TokenId& id : ids) id = static_cast<TokenId>(2 + random() % (FakeVocabSize() - 2));
  return ids;
}

EmbeddingRequest IdsRequest(const std::vector<Ids>& inputs) {
  EmbeddingRequest request;
  for (const Ids& ids : inputs) request.inputs.push_back(TokenPrompt{ids});
  return request;
}

std::unique_ptr<ResponseStream> MustEmbed(Engine& engine, EmbeddingRequest request) {
  absl::StatusOr<std::unique_ptr<ResponseStream>> stream = engine.Embed(std::move(request));
  EXPECT_TRUE(stream.ok()) << stream.status();
  return stream.ok() ? *std::move(stream) : nullptr;
}

Answer Embed(Engine& engine, EmbeddingRequest request) {
  return ReadAll(*MustEmbed(engine, std::move(request)));
}

std::vector<double> Naive(const Ids& ids, Pooling pooling, const EmbeddingRequest& request,
                          const ModelInfo& model) {
  const std::vector<float> pooled = FakePooled(ids, pooling, model);
  std::vector<double> values(pooled.begin(), pooled.end());
  values.resize(request.dimensions.value_or(static_cast<int32_t>(model.hidden_size)));
  double squares = 0;
  for (double& value : values) {
    if (pooling == Pooling::kMean) value /= static_cast<double>(ids.size());
    squares += value * value;
  }
  for (double& value : values) value /= request.normalize.value_or(true) ? std::sqrt(squares) : 1.0;
  return values;
}

void ExpectNaive(const Embedding& actual, const Ids& ids, Pooling pooling,
                 const EmbeddingRequest& request, const ModelInfo& model) {
  const std::vector<double> expected = Naive(ids, pooling, request, model);
  ASSERT_EQ(actual.values.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    // Two roundings to float32 of values up to 100.
    EXPECT_NEAR(actual.values[i], expected[i], 100 * 2 * 0x1p-24);
  }
  EXPECT_EQ(actual.prompt_tokens, std::ssize(ids));
}

void ExpectAllFree(const Engine& engine) {
  const EngineStats stats = engine.Stats();
  EXPECT_EQ(stats.running_requests + stats.waiting_requests, 0);
  EXPECT_EQ(stats.blocks_free + stats.blocks_cached, stats.blocks_total);
}

TEST(EngineEmbedTest, EveryWayOfPooling) {
  EngineSetup setup;
  setup.options.max_batch_tokens = 16;  // long inputs come in chunks
  const auto engine = setup.Make();
  std::mt19937 random(1);
  for (const Pooling pooling : {Pooling::kLast, Pooling::kMean, Pooling::kFirst}) {
    for (const bool normalize : {true, false}) {
      const std::vector<Ids> inputs = {RandomIds(random, 1), RandomIds(random, 16),
                                       RandomIds(random, 100)};
      EmbeddingRequest request = IdsRequest(inputs);
      request.pooling = pooling;
      request.normalize = normalize;
      if (!normalize) request.dimensions = 4;
      const Answer result = Embed(*engine, request);
      ASSERT_TRUE(result.done.status.ok()) << result.done.status;
      ASSERT_EQ(result.embeddings.size(), inputs.size());
      for (size_t i = 0; i < inputs.size(); ++i) {
        ExpectNaive(result.embeddings[i], inputs[i], pooling, request, engine->model());
      }
      EXPECT_EQ(result.done.usage.prompt_tokens, 117);
      EXPECT_EQ(result.done.usage.generated_tokens, 0);
    }
  }
  EXPECT_EQ(setup.control->wrong_reads, 0);
  EXPECT_EQ(engine->Stats().prompt_tokens, 6 * 117);
  ExpectAllFree(*engine);
}

TEST(EngineEmbedTest, TextIsTokenisedAndTheDefaultIsTheLastToken) {
  EngineSetup setup;
  const auto engine = setup.Make();
  Ids ids;
  ASSERT_TRUE(engine->tokenizer().Encode("abc", {.add_special = true}, ids).ok());
  EmbeddingRequest request;
  request.inputs = {TextPrompt{.text = "abc"}, TokenPrompt{{2, 3}}};
  const Answer result = Embed(*engine, request);
  ASSERT_EQ(result.embeddings.size(), 2);
  ExpectNaive(result.embeddings[0], ids, Pooling::kLast, request, engine->model());
  ExpectNaive(result.embeddings[1], {2, 3}, Pooling::kLast, request, engine->model());
}

TEST(EngineEmbedTest, AmongOthersAndInSmallPools) {
  EngineSetup setup;
  setup.model = FakeModelInfo(FakeVocabSize(), /*num_blocks=*/24);
  setup.options.max_batch_tokens = 16;
  setup.options.output_threads = 3;
  const auto engine = setup.Make();
  std::mt19937 random(2);
  std::vector<std::vector<Ids>> inputs;
  std::vector<EmbeddingRequest> requests;
  std::vector<std::unique_ptr<ResponseStream>> embeddings, generations;
  for (int i = 0; i < 20; ++i) {
    inputs.push_back({});
    for (uint32_t k = 0; k < 1 + random() % 4; ++k) {
      inputs.back().push_back(RandomIds(random, 1 + random() % 60));
    }
    requests.push_back(IdsRequest(inputs.back()));
    requests.back().pooling = static_cast<Pooling>(i % 3);
    requests.back().priority = static_cast<int32_t>(random() % 3);
    embeddings.push_back(MustEmbed(*engine, requests.back()));
    GenerationRequest other = TokenRequest(RandomIds(random, 1 + random() % 20), 40);
    other.ignore_eos = true;
    generations.push_back(MustGenerate(*engine, other));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    const Answer result = ReadAll(*embeddings[i]);
    ASSERT_TRUE(result.done.status.ok()) << result.done.status;
    for (size_t k = 0; k < inputs[i].size(); ++k) {
      ExpectNaive(result.embeddings[k], inputs[i][k], *requests[i].pooling, requests[i],
                  engine->model());
    }
  }
  for (const auto& stream : generations) EXPECT_TRUE(ReadAll(*stream).done.status.ok());
  EXPECT_GT(engine->Stats().preemptions, 0);
  EXPECT_EQ(setup.control->wrong_reads, 0);
  ExpectAllFree(*engine);
}

TEST(EngineEmbedTest, OnlyOfTheLastTokenIsAPrefixReused) {
  EngineSetup setup;
  const auto engine = setup.Make();
  for (const Pooling pooling : {Pooling::kMean, Pooling::kLast}) {
    EmbeddingRequest request = IdsRequest({Ids(40, 5)});
    request.pooling = pooling;
    const int64_t before = setup.control->tokens;
    const Answer result = Embed(*engine, request);  // of kLast: what kMean computed
    EXPECT_EQ(result.done.usage.cached_tokens, pooling == Pooling::kLast ? 36 : 0);
    EXPECT_EQ(setup.control->tokens - before, pooling == Pooling::kLast ? 4 : 40);
    ExpectNaive(result.embeddings[0], Ids(40, 5), pooling, request, engine->model());
  }
}

TEST(EngineEmbedTest, OneInputThatFailsTakesTheOthersWithIt) {
  EngineSetup setup;
  setup.model = FakeModelInfo(FakeVocabSize(), /*num_blocks=*/8192);
  setup.model.context_length = 30'000;
  setup.options.max_sequences = 1;
  setup.options.max_unread_tokens = 30'000;
  setup.control->delay_microseconds = 1000;
  const auto engine = setup.Make();
  GenerationRequest endless = TokenRequest({2}, 29'000);  // all inputs wait behind it
  endless.ignore_eos = true;
  auto stream = MustGenerate(*engine, endless);
  const Answer result = Embed(*engine, IdsRequest({{2, 3}, Ids(30'001, 3), {4}, {5}}));
  EXPECT_EQ(ReasonOf(result.done.status), Reason::kPromptTooLong) << result.done.status;
  EXPECT_EQ(DetailsOf(result.done.status).field, "inputs[1]");
  EXPECT_TRUE(result.embeddings.empty());
  EXPECT_LE(engine->Stats().prompt_tokens, 1) << "no other input has run";
  stream.reset();
  engine->Drain(absl::InfiniteFuture());
  ExpectAllFree(*engine);
}

TEST(EngineEmbedTest, TruncationCutsToTheContext) {
  EngineSetup setup;
  const auto engine = setup.Make();
  std::mt19937 random(3);
  const int64_t context = engine->model().context_length;
  const Ids ids = RandomIds(random, context + 7);
  for (const Truncation truncation : {Truncation::kEnd, Truncation::kStart}) {
    EmbeddingRequest request = IdsRequest({ids, {2, 3}});
    request.truncation = truncation;
    const Answer result = Embed(*engine, request);
    ASSERT_TRUE(result.done.status.ok()) << result.done.status;
    const bool end = truncation == Truncation::kEnd;
    const Ids kept(end ? ids.begin() : ids.begin() + 7, end ? ids.end() - 7 : ids.end());
    ExpectNaive(result.embeddings[0], kept, Pooling::kLast, request, engine->model());
    EXPECT_TRUE(result.embeddings[0].truncated);
    EXPECT_FALSE(result.embeddings[1].truncated);
  }
}

// Holds the first step until it is released.
class Held {
 public:
  explicit Held(FakeRunnerControl& control) {
    control.before_step = [this](const Plan&) {
      reached_.store(true);
      released_.wait();
      return absl::OkStatus();
    };
  }
  void AwaitStep() const {
    EXPECT_TRUE(Eventually([this] { return reached_.load(); }));
  }
  void Release() { promise_.set_value(); }

 private:
  std::atomic<bool> reached_{false};
  std::promise<void> promise_;
  std::shared_future<void> released_ = promise_.get_future().share();
};

TEST(EngineEmbedTest, CancelEndsAllInputs) {
  EngineSetup setup;
  Held held(*setup.control);
  const auto engine = setup.Make();
  const auto stream = MustEmbed(*engine, IdsRequest({Ids(200, 2), Ids(200, 3)}));
  held.AwaitStep();
  stream->Cancel();
  held.Release();
  EXPECT_EQ(ReasonOf(ReadAll(*stream).done.status), Reason::kCancelled);
  EXPECT_EQ(setup.control->steps, 1);
  ExpectAllFree(*engine);
}

TEST(EngineEmbedTest, DestroyingTheStreamFreesEverything) {
  EngineSetup setup;
  Held held(*setup.control);
  const auto engine = setup.Make();
  auto stream = MustEmbed(*engine, IdsRequest({Ids(200, 2), Ids(200, 3)}));
  held.AwaitStep();
  stream.reset();
  held.Release();
  engine->Drain(absl::InfiniteFuture());
  EXPECT_EQ(setup.control->steps, 1);
  ExpectAllFree(*engine);
}

TEST(EngineEmbedTest, TheDeadlineEndsAllInputs) {
  FakeClock clock;
  EngineSetup setup;
  setup.clock = &clock;
  setup.control->before_step = [&](const Plan&) {
    clock.Advance(absl::Seconds(1));
    return absl::OkStatus();
  };
  const auto engine = setup.Make();
  EmbeddingRequest request = IdsRequest({Ids(200, 2), Ids(200, 3)});
  request.deadline = clock.Now() + absl::Seconds(2);
  EXPECT_EQ(ReasonOf(Embed(*engine, request).done.status), Reason::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(engine->Embed(request).status()), Reason::kDeadlineExceeded);
  ExpectAllFree(*engine);
}

TEST(EngineEmbedTest, TheCulpritOfAFailedStepFailsItsCallAlone) {
  EngineSetup setup;
  setup.control->before_step = [](const Plan& plan) {
    for (const PlanRow& row : plan.rows) {
      if (row.sequence.tokens[0] == 21) return absl::InternalError("this row is poison");
    }
    return absl::OkStatus();
  };
  const auto engine = setup.Make();
  const EmbeddingRequest good = IdsRequest({Ids(30, 2), Ids(20, 3)});
  const auto bad = MustEmbed(*engine, IdsRequest({Ids(30, 4), Ids(3, 21)}));
  const auto stream = MustEmbed(*engine, good);
  const Answer result = ReadAll(*stream);
  ASSERT_TRUE(result.done.status.ok()) << result.done.status;
  ExpectNaive(result.embeddings[0], Ids(30, 2), Pooling::kLast, good, engine->model());
  ExpectNaive(result.embeddings[1], Ids(20, 3), Pooling::kLast, good, engine->model());
  const Answer failed = ReadAll(*bad);
  EXPECT_EQ(ReasonOf(failed.done.status), Reason::kInternal);
  EXPECT_THAT(std::string(failed.done.status.message()), HasSubstr("poison"));
  ExpectAllFree(*engine);
}

TEST(EngineEmbedTest, ValuesThatAreNoNumbersFailTheCall) {
  EngineSetup setup;
  setup.control->invalid_logits = [](const SequenceView& view) { return view.tokens[0] == 21; };
  const auto engine = setup.Make();
  const Answer result = Embed(*engine, IdsRequest({{2, 3}, {21, 3}}));
  EXPECT_EQ(ReasonOf(result.done.status), Reason::kInvalidLogits);
  ExpectAllFree(*engine);
}

TEST(EngineEmbedTest, EveryInputTakesAPlaceInTheQueueOrNone) {
  EngineSetup setup;
  setup.options.max_waiting = 3;
  setup.options.max_sequences = 1;
  Held held(*setup.control);
  const auto engine = setup.Make();
  const auto first = MustEmbed(*engine, IdsRequest({{2}}));
  held.AwaitStep();  // it runs, and needs no ticket
  const auto second = MustEmbed(*engine, IdsRequest({{2}, {3}}));
  EXPECT_EQ(ReasonOf(engine->Embed(IdsRequest({{2}, {3}})).status()), Reason::kQueueFull);
  const auto third = MustEmbed(*engine, IdsRequest({{4}}));  // the place it took was given back
  EXPECT_EQ(ReasonOf(engine->Generate(TokenRequest({2}, 3)).status()), Reason::kQueueFull);
  held.Release();
  for (const auto* stream : {&first, &second, &third}) {
    EXPECT_TRUE(ReadAll(**stream).done.status.ok());
  }
  engine->Drain(absl::InfiniteFuture());
  EXPECT_EQ(ReasonOf(engine->Embed(IdsRequest({{2}})).status()), Reason::kDraining);
}

class Observer final : public EngineObserver {
 public:
  void OnRejected(const absl::Status&) override { ++rejected; }
  void OnFirstToken(absl::Duration) override { ++first_tokens; }
  void OnFinished(const Finished& finished) override {
    embeddings += finished.embedding ? 1 : 0;
    prompt_tokens += finished.prompt_tokens;
    stopped += finished.reason == FinishReason::kStop ? 1 : 0;
  }
  std::atomic<int64_t> rejected{0}, first_tokens{0}, embeddings{0}, prompt_tokens{0}, stopped{0};
};

TEST(EngineEmbedTest, TheObserverSeesEveryInput) {
  Observer observer;
  EngineSetup setup;
  setup.observer = &observer;
  const auto engine = setup.Make();
  Embed(*engine, IdsRequest({{2, 3}, {4, 5, 6}}));
  EXPECT_FALSE(engine->Embed(IdsRequest({})).ok());
  EXPECT_EQ(observer.embeddings, 2);
  EXPECT_EQ(observer.stopped, 2);
  EXPECT_EQ(observer.prompt_tokens, 5);
  EXPECT_EQ(observer.first_tokens, 0);
  EXPECT_EQ(observer.rejected, 1);
}

EngineSetup EncoderSetup() {
  EngineSetup setup;
  setup.model.whole_prompts = true;
  setup.model.generates = false;
  setup.model.embedding_defaults.pooling = Pooling::kMean;
  return setup;
}

TEST(EncoderTest, EmbedsWholeInputsAndGeneratesNothing) {
  EngineSetup setup = EncoderSetup();
  const auto engine = setup.Make();
  EXPECT_EQ(ReasonOf(engine->Healthy(absl::Seconds(60))), Reason::kNotReady);
  EXPECT_TRUE(engine->SelfTest().ok()) << engine->SelfTest();
  EXPECT_TRUE(engine->Healthy(absl::Seconds(60)).ok());
  const absl::Status refused = engine->Generate(TokenRequest({2}, 3)).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kDoesNotGenerate);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);

  std::mt19937 random(4);
  for (int round = 0; round < 2; ++round) {
    std::vector<Ids> inputs;
    for (const size_t length : {64, 1, 40, 40, 23}) inputs.push_back(RandomIds(random, length));
    inputs.push_back(inputs[0]);
    const EmbeddingRequest request = IdsRequest(inputs);
    const Answer result = Embed(*engine, request);
    ASSERT_TRUE(result.done.status.ok()) << result.done.status;
    for (size_t i = 0; i < inputs.size(); ++i) {
      ExpectNaive(result.embeddings[i], inputs[i], Pooling::kMean, request, engine->model());
    }
    EXPECT_EQ(result.done.usage.cached_tokens, 0);
  }
  EXPECT_EQ(setup.control->wrong_reads, 0);
  ExpectAllFree(*engine);
}

TEST(EncoderTest, AnInputLongerThanAStepIsRefusedOrCut) {
  EngineSetup setup = EncoderSetup();
  const auto engine = setup.Make();
  EmbeddingRequest request = IdsRequest({Ids(65, 2)});
  const absl::Status status = Embed(*engine, request).done.status;
  EXPECT_EQ(ReasonOf(status), Reason::kPromptTooLong);
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_batch_tokens"));
  request.truncation = Truncation::kEnd;
  const Answer result = Embed(*engine, request);
  ASSERT_TRUE(result.done.status.ok()) << result.done.status;
  ExpectNaive(result.embeddings[0], Ids(64, 2), Pooling::kMean, request, engine->model());
}

// Of those that generate too: preempted sequences are computed again with their prompt in one
// piece.
TEST(WholePromptsTest, GenerationIsWhatItIsAlone) {
  EngineSetup setup;
  setup.model = FakeModelInfo(FakeVocabSize(), /*num_blocks=*/32);
  setup.model.whole_prompts = true;
  setup.options.max_batch_tokens = 32;
  const auto engine = setup.Make();
  std::mt19937 random(5);
  std::vector<GenerationRequest> requests;
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 30; ++i) {
    requests.push_back(TokenRequest(RandomIds(random, 1 + random() % 32), 40));
    requests.back().ignore_eos = true;
    requests.back().n = 1 + i % 2;
    requests.back().temperature = 1.0f;
    requests.back().seed = i;
    streams.push_back(MustGenerate(*engine, requests.back()));
  }
  for (size_t i = 0; i < streams.size(); ++i) {
    const Answer answer = ReadAll(*streams[i]);
    ASSERT_TRUE(answer.done.status.ok()) << answer.done.status;
    for (int32_t k = 0; k < requests[i].n; ++k) {
      EXPECT_EQ(answer.sequences[k].ids,
                FakeGeneration(std::get<TokenPrompt>(requests[i].prompt).ids, k,
                               ExpectedSampling(requests[i], engine->model()), engine->model()));
    }
    EXPECT_EQ(answer.done.usage.cached_tokens, 0);
  }
  EXPECT_GT(engine->Stats().preemptions, 0);
  EXPECT_EQ(setup.control->wrong_reads, 0);
  ExpectAllFree(*engine);
  const auto stream = MustGenerate(*engine, TokenRequest(Ids(33, 2), 1));
  EXPECT_EQ(ReasonOf(ReadAll(*stream).done.status), Reason::kPromptTooLong);
}

}  // namespace
}  // namespace skep::engine
