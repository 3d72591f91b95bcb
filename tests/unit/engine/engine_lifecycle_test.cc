// How requests and the engine end: cancel, deadline, slow readers, drain, destruction; and what
// probes see meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "tests/unit/engine/engine_fixture.h"

namespace skep::engine {
namespace {

bool AllFree(const Engine& engine) {
  const EngineStats stats = engine.Stats();
  return stats.running_requests == 0 && stats.waiting_requests == 0 &&
         stats.blocks_free + stats.blocks_cached == stats.blocks_total;
}

// Runs until it is cut short.
GenerationRequest Endless() {
  GenerationRequest request = TokenRequest({2, 3, 4}, 500);
  request.ignore_eos = true;
  return request;
}

// A runner that stands still while the test wants it to.
class Brake {
 public:
  void Install(FakeRunnerControl& control) {
    control.before_step = [this](const Plan&) {
      std::unique_lock<std::mutex> lock(mutex_);
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !held_; });
      --waiting_;
      return absl::OkStatus();
    };
  }
  void Hold() {
    std::lock_guard<std::mutex> lock(mutex_);
    held_ = true;
  }
  void AwaitStep() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }
  void Release() {
    std::lock_guard<std::mutex> lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  int waiting_ = 0;
};

TEST(EngineLifecycleTest, CancelEndsWithinAStep) {
  EngineSetup setup;
  setup.control->delay_microseconds = 500;
  const auto engine = setup.Make();
  const auto stream = MustGenerate(*engine, Endless());
  stream->Wait();  // it runs
  stream->Cancel();
  stream->Cancel();
  const Answer answer = ReadAll(*stream);
  EXPECT_EQ(ReasonOf(answer.done.status), Reason::kCancelled);
  EXPECT_EQ(answer.sequences[0].finish.reason, FinishReason::kCancelled);
  EXPECT_EQ(answer.done.usage.generated_tokens, std::ssize(answer.sequences[0].ids));
  EXPECT_LT(answer.done.usage.generated_tokens, 500);
  EXPECT_TRUE(AllFree(*engine));
}

TEST(EngineLifecycleTest, DestroyingTheStreamFreesEverything) {
  EngineSetup setup;
  setup.control->delay_microseconds = 500;
  const auto engine = setup.Make();
  auto stream = MustGenerate(*engine, Endless());
  stream->Wait();
  stream.reset();
  EXPECT_TRUE(Eventually([&] { return AllFree(*engine); }));
  EXPECT_LT(engine->Stats().steps, 500);
}

TEST(EngineLifecycleTest, WaitingRequestsAreCancelledToo) {
  EngineSetup setup;
  setup.options.max_sequences = 1;
  setup.control->delay_microseconds = 500;
  const auto engine = setup.Make();
  const auto runs = MustGenerate(*engine, Endless());
  runs->Wait();
  const auto waits = MustGenerate(*engine, Endless());
  EXPECT_TRUE(Eventually([&] { return engine->Stats().waiting_requests == 1; }));
  waits->Cancel();
  const Answer answer = ReadAll(*waits);
  EXPECT_EQ(ReasonOf(answer.done.status), Reason::kCancelled);
  EXPECT_FALSE(answer.prompt.has_value());
  EXPECT_TRUE(answer.sequences.empty());
  EXPECT_EQ(engine->Stats().waiting_requests, 0);
}

TEST(EngineLifecycleTest, DeadlinesEndRunningRequests) {
  FakeClock clock;
  EngineSetup setup;
  setup.clock = &clock;
  setup.control->delay_microseconds = 500;
  const auto engine = setup.Make();
  GenerationRequest request = Endless();
  request.deadline = clock.Now() + absl::Seconds(5);
  const auto stream = MustGenerate(*engine, std::move(request));
  stream->Wait();
  clock.Advance(absl::Seconds(6));
  const Answer answer = ReadAll(*stream);
  EXPECT_EQ(ReasonOf(answer.done.status), Reason::kDeadlineExceeded);
  EXPECT_EQ(answer.sequences[0].finish.reason, FinishReason::kDeadline);
  EXPECT_TRUE(AllFree(*engine));
}

TEST(EngineLifecycleTest, DeadlinesWakeASleepingLoop) {
  FakeClock clock;
  EngineSetup setup;
  setup.clock = &clock;
  setup.options.max_unread_tokens = 4;
  setup.options.stalled_reader_limit = absl::Hours(1);
  const auto engine = setup.Make();
  GenerationRequest request = Endless();
  request.deadline = clock.Now() + absl::Seconds(5);
  const auto stream = MustGenerate(*engine, std::move(request));
  // Nobody reads: the only request pauses, and the loop sleeps.
  EXPECT_TRUE(Eventually([&] { return engine->Stats().generated_tokens >= 5; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  clock.Advance(absl::Seconds(6));
  EXPECT_EQ(ReasonOf(ReadAll(*stream).done.status), Reason::kDeadlineExceeded);
  EXPECT_TRUE(AllFree(*engine));
}

TEST(EngineLifecycleTest, ANeverReadingClientSlowsNobodyAndHoldsLittle) {
  EngineSetup setup;
  setup.options.max_unread_tokens = 8;
  const auto engine = setup.Make();
  const auto lazy = MustGenerate(*engine, Endless());
  for (int i = 0; i < 5; ++i) {
    const auto stream = MustGenerate(*engine, Endless());
    const Answer answer = ReadAll(*stream);
    EXPECT_TRUE(answer.done.status.ok());
    EXPECT_EQ(std::ssize(answer.sequences[0].ids), 500);
  }
  // The lazy one stands where it was: what it may hold unread, and a step's worth.
  EXPECT_LE(engine->Stats().generated_tokens, 5 * 500 + 8 + 2);
  // It goes on as it is read.
  const Answer answer = ReadAll(*lazy);
  EXPECT_TRUE(answer.done.status.ok()) << answer.done.status;
  EXPECT_EQ(
      answer.sequences[0].ids,
      FakeGeneration({2, 3, 4}, 0, ExpectedSampling(Endless(), engine->model()), engine->model()));
  EXPECT_TRUE(AllFree(*engine));
}

TEST(EngineLifecycleTest, AStalledReaderIsEnded) {
  FakeClock clock;
  EngineSetup setup;
  setup.clock = &clock;
  setup.options.max_unread_tokens = 8;
  const auto engine = setup.Make();
  const auto stream = MustGenerate(*engine, Endless());
  EXPECT_TRUE(Eventually([&] { return engine->Stats().generated_tokens >= 9; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the alarm is set
  clock.Advance(absl::Seconds(59));
  EXPECT_EQ(engine->Stats().running_requests, 1);
  clock.Advance(absl::Seconds(2));
  EXPECT_TRUE(Eventually([&] { return AllFree(*engine); }));
  const Answer answer = ReadAll(*stream);
  EXPECT_EQ(ReasonOf(answer.done.status), Reason::kStalledReader);
  EXPECT_EQ(std::ssize(answer.sequences[0].ids), answer.done.usage.generated_tokens);
}

TEST(EngineLifecycleTest, ASlowReaderIsNotStalled) {
  FakeClock clock;
  EngineSetup setup;
  setup.clock = &clock;
  setup.options.max_unread_tokens = 8;
  const auto engine = setup.Make();
  const auto stream = MustGenerate(*engine, Endless());
  Answer answer;
  while (answer.done.usage.generated_tokens == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    clock.Advance(absl::Seconds(40));
    answer.Add(stream->Wait());
  }
  EXPECT_TRUE(answer.done.status.ok()) << answer.done.status;
}

TEST(EngineLifecycleTest, TheQueueHasAnEnd) {
  EngineSetup setup;
  setup.options.max_sequences = 1;
  setup.options.max_waiting = 2;
  Brake brake;
  brake.Install(*setup.control);
  brake.Hold();
  const auto engine = setup.Make();
  std::vector<std::unique_ptr<ResponseStream>> streams;
  streams.push_back(MustGenerate(*engine, TokenRequest({2}, 3)));
  brake.AwaitStep();  // the first one runs, and needs no ticket
  streams.push_back(MustGenerate(*engine, TokenRequest({2}, 3)));
  streams.push_back(MustGenerate(*engine, TokenRequest({2}, 3)));
  const auto refused = engine->Generate(TokenRequest({2}, 3));
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kQueueFull);
  brake.Release();
  for (const auto& stream : streams) EXPECT_TRUE(ReadAll(*stream).done.status.ok());
  EXPECT_TRUE(ReadAll(*MustGenerate(*engine, TokenRequest({2}, 3))).done.status.ok());
}

TEST(EngineLifecycleTest, DrainLetsRunningRequestsEnd) {
  EngineSetup setup;
  setup.control->delay_microseconds = 200;
  const auto engine = setup.Make();
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 20; ++i) streams.push_back(MustGenerate(*engine, TokenRequest({2, 3}, 40)));
  engine->Drain(absl::InfiniteFuture());
  EXPECT_TRUE(AllFree(*engine));
  EXPECT_EQ(ReasonOf(engine->Generate(TokenRequest({2}, 3)).status()), Reason::kDraining);
  for (const auto& stream : streams) EXPECT_TRUE(ReadAll(*stream).done.status.ok());
  engine->Drain(absl::InfiniteFuture());
}

TEST(EngineLifecycleTest, DrainEndsTheRestAtTheDeadline) {
  EngineSetup setup;
  setup.control->delay_microseconds = 2000;
  setup.options.max_sequences = 2;
  const auto engine = setup.Make();
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 5; ++i) streams.push_back(MustGenerate(*engine, Endless()));
  streams[0]->Wait();
  // A second, earlier deadline shortens the first.
  std::thread patient([&] { engine->Drain(absl::InfiniteFuture()); });
  engine->Drain(absl::Now() + absl::Milliseconds(50));
  patient.join();
  EXPECT_TRUE(AllFree(*engine));
  for (const auto& stream : streams) {
    EXPECT_EQ(ReasonOf(ReadAll(*stream).done.status), Reason::kDraining);
  }
}

TEST(EngineLifecycleTest, StreamsOutliveTheEngine) {
  EngineSetup setup;
  setup.options.max_sequences = 2;
  setup.control->delay_microseconds = 500;
  auto engine = setup.Make();
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 6; ++i) streams.push_back(MustGenerate(*engine, Endless()));
  GenerationRequest text;
  text.prompt = TextPrompt{.text = "abc"};
  streams.push_back(MustGenerate(*engine, std::move(text)));
  streams[0]->Wait();
  engine.reset();
  for (const auto& stream : streams) {
    EXPECT_EQ(ReasonOf(ReadAll(*stream).done.status), Reason::kDraining);
  }
  streams[0]->Cancel();
}

TEST(EngineLifecycleTest, SelfTestComesBeforeHealth) {
  EngineSetup setup;
  const auto engine = setup.Make();
  EXPECT_EQ(ReasonOf(engine->Healthy(absl::Seconds(60))), Reason::kNotReady);
  EXPECT_TRUE(engine->SelfTest().ok()) << engine->SelfTest();
  EXPECT_TRUE(engine->Healthy(absl::Seconds(60)).ok());
  // It is nobody's request.
  EXPECT_EQ(engine->Stats().generated_tokens, 0);
  EXPECT_EQ(engine->Stats().prompt_tokens, 0);
  EXPECT_TRUE(AllFree(*engine));
}

TEST(EngineLifecycleTest, AStuckLoopIsNotHealthy) {
  FakeClock clock;
  EngineSetup setup;
  setup.clock = &clock;
  Brake brake;
  brake.Install(*setup.control);
  const auto engine = setup.Make();
  ASSERT_TRUE(engine->SelfTest().ok());
  clock.Advance(absl::Hours(1));  // idle is healthy, and idle comes soon after the self-test's end
  EXPECT_TRUE(Eventually([&] { return engine->Healthy(absl::Seconds(60)).ok(); }));
  brake.Hold();
  const auto stream = MustGenerate(*engine, TokenRequest({2, 3}, 5));
  brake.AwaitStep();
  EXPECT_TRUE(engine->Healthy(absl::Seconds(60)).ok());
  clock.Advance(absl::Seconds(61));
  EXPECT_EQ(ReasonOf(engine->Healthy(absl::Seconds(60))), Reason::kNotReady);
  brake.Release();
  EXPECT_TRUE(ReadAll(*stream).done.status.ok());
  EXPECT_TRUE(Eventually([&] { return engine->Healthy(absl::Seconds(60)).ok(); }));
}

TEST(EngineLifecycleTest, WhatCanNeverFitIsRefused) {
  EngineSetup setup;
  setup.model.cache.groups[0].num_blocks = 4;  // of 4 tokens
  const auto engine = setup.Make();
  const auto stream = MustGenerate(*engine, TokenRequest(std::vector<TokenId>(30, 2), 5));
  const Answer answer = ReadAll(*stream);
  EXPECT_EQ(ReasonOf(answer.done.status), Reason::kNeverFits) << answer.done.status;
  EXPECT_EQ(engine->Stats().waiting_requests, 0);
}

TEST(EngineLifecycleTest, ThePrefixCacheIsSaltedByTenant) {
  EngineSetup setup;
  const auto engine = setup.Make();
  const auto run = [&](const std::string& tenant) {
    GenerationRequest request = TokenRequest(std::vector<TokenId>(41, 2), 2);
    request.tenant = tenant;
    return ReadAll(*MustGenerate(*engine, std::move(request))).done.usage.cached_tokens;
  };
  EXPECT_EQ(run("a"), 0);
  EXPECT_GT(run("a"), 30);
  EXPECT_EQ(run("b"), 0);
}

class CountingObserver final : public EngineObserver {
 public:
  void OnRejected(const absl::Status&) override { ++rejected; }
  void OnFirstToken(absl::Duration) override { ++first_tokens; }
  void OnInterTokenLatency(absl::Duration) override { ++latencies; }
  void OnStep(int64_t tokens, absl::Duration) override { step_tokens += tokens; }
  void OnFinished(const Finished& summary) override {
    ++finished;
    generated += summary.generated_tokens;
    last = summary;
  }
  std::atomic<int64_t> rejected{0}, first_tokens{0}, latencies{0}, step_tokens{0}, finished{0},
      generated{0};
  Finished last;  // of the last request: read when none runs
};

TEST(EngineLifecycleTest, TheObserverSeesEveryRequestOnce) {
  CountingObserver observer;
  EngineSetup setup;
  setup.observer = &observer;
  const auto engine = setup.Make();
  GenerationRequest request = TokenRequest({2, 3, 4}, 10);
  request.ignore_eos = true;
  request.n = 2;
  ReadAll(*MustGenerate(*engine, request));
  request.n = 0;
  EXPECT_FALSE(engine->Generate(request).ok());
  request.n = 1;
  request.prompt = TokenPrompt{std::vector<TokenId>(510, 2)};
  ReadAll(*MustGenerate(*engine, request));  // too long: found out behind the queue
  EXPECT_EQ(observer.rejected, 2);
  EXPECT_EQ(observer.finished, 1);
  EXPECT_EQ(observer.first_tokens, 1);
  EXPECT_EQ(observer.latencies, 2 * 9);
  EXPECT_EQ(observer.generated, 20);
  EXPECT_EQ(observer.step_tokens, setup.control->tokens);
  EXPECT_EQ(observer.last.reason, FinishReason::kLength);
  EXPECT_EQ(observer.last.prompt_tokens, 3);
  EXPECT_GE(observer.last.total, observer.last.decode);
}

}  // namespace
}  // namespace skep::engine
