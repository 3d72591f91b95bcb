// Many threads at once: every request ends once, with a true account, and everything comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "tests/unit/engine/engine_fixture.h"

namespace skep::engine {
namespace {

GenerationRequest RandomRequest(std::mt19937& random) {
  GenerationRequest request;
  if (random() % 3 == 0) {
    request.prompt = TextPrompt{.text = std::string(1 + random() % 40, "abc"[random() % 3])};
  } else {
    std::vector<TokenId> ids(1 + random() % 40);
    for (TokenId& id : ids) id = static_cast<TokenId>(2 + random() % 3);
    request.prompt = TokenPrompt{std::move(ids)};
  }
  request.max_tokens = 1 + random() % 30;
  request.n = 1 + random() % 3;
  if (random() % 2 == 0) request.stop_strings = {"ab", "c a"};
  if (random() % 4 == 0) request.deadline = absl::Now() + absl::Milliseconds(random() % 20 + 1);
  request.priority = static_cast<int32_t>(random() % 3);
  request.tenant = "ab"[random() % 2];
  return request;
}

EmbeddingRequest RandomEmbedding(std::mt19937& random) {
  EmbeddingRequest request;
  for (uint32_t i = 0; i < 1 + random() % 4; ++i) {
    request.inputs.push_back(RandomRequest(random).prompt);
  }
  request.pooling = static_cast<Pooling>(random() % 3);
  if (random() % 4 == 0) request.deadline = absl::Now() + absl::Milliseconds(random() % 20 + 1);
  request.tenant = "ab"[random() % 2];
  return request;
}

absl::StatusOr<std::unique_ptr<ResponseStream>> StartRandom(Engine& engine, std::mt19937& random) {
  if (random() % 4 == 0) return engine.Embed(RandomEmbedding(random));
  return engine.Generate(RandomRequest(random));
}

struct Totals {
  std::atomic<int64_t> started{0}, ended{0}, refused{0}, tokens{0};
};

// One request, left alone, cancelled or dropped at a random moment.
void RunOne(Engine& engine, std::mt19937& random, Totals& totals) {
  absl::StatusOr<std::unique_ptr<ResponseStream>> stream = StartRandom(engine, random);
  if (!stream.ok()) {
    EXPECT_NE(ReasonOf(stream.status()), Reason::kInternal) << stream.status();
    ++totals.refused;
    return;
  }
  ++totals.started;
  const uint32_t fate = random() % 4;
  uint32_t events = random() % 10;
  Answer answer;
  while (true) {
    if (events-- == 0) {
      if (fate == 1) (*stream)->Cancel();
      if (fate == 2) return;  // dropped
    }
    ResponseEvent event = (*stream)->Wait();
    const bool last = std::holds_alternative<RequestDone>(event);
    answer.Add(std::move(event));
    if (last) break;
  }
  ++totals.ended;
  int64_t tokens = 0;
  for (const Answer::Sequence& sequence : answer.sequences) {
    EXPECT_EQ(sequence.deltas_after_finish, 0);
    EXPECT_EQ(sequence.finish.generated_tokens, std::ssize(sequence.ids));
    tokens += std::ssize(sequence.ids);
  }
  EXPECT_EQ(answer.done.usage.generated_tokens, tokens);
  if (fate == 0 || fate == 3) {
    EXPECT_TRUE(answer.done.status.ok() ||
                ReasonOf(answer.done.status) == Reason::kDeadlineExceeded)
        << answer.done.status;
  }
  totals.tokens += tokens;
}

bool AllFree(const Engine& engine) {
  const EngineStats stats = engine.Stats();
  return stats.running_requests == 0 && stats.waiting_requests == 0 &&
         stats.blocks_free + stats.blocks_cached == stats.blocks_total;
}

void Hammer(EngineSetup& setup, int threads, int requests_each) {
  const auto engine = setup.Make();
  Totals totals;
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < requests_each; ++i) RunOne(*engine, random, totals);
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_TRUE(Eventually([&] { return AllFree(*engine); }));
  EXPECT_EQ(setup.control->wrong_reads, 0);
  EXPECT_GT(totals.ended, totals.started / 2);
  EXPECT_GE(engine->Stats().generated_tokens, totals.tokens);
  EXPECT_TRUE(engine->SelfTest().ok());
}

TEST(EngineRacesTest, SixtyFourThreads) {
  EngineSetup setup;
  setup.options.output_threads = 2;
  setup.options.tokenizer_threads = 2;
  Hammer(setup, /*threads=*/64, /*requests_each=*/25);
}

TEST(EngineRacesTest, ASmallPoolAndAShortQueue) {
  EngineSetup setup;
  setup.model = FakeModelInfo(FakeVocabSize(), /*num_blocks=*/80);
  setup.options.max_waiting = 12;
  setup.options.max_unread_tokens = 4;
  setup.options.max_batch_tokens = 24;
  Hammer(setup, /*threads=*/24, /*requests_each=*/30);
}

TEST(EngineRacesTest, FailuresOnTheWay) {
  EngineSetup setup;
  auto calls = std::make_shared<std::atomic<int>>(0);
  setup.control->before_step = [calls](const Plan& plan) {
    return plan.rows.size() > 1 && ++*calls % 3 == 0 ? absl::InternalError("now and then")
                                                     : absl::OkStatus();
  };
  Hammer(setup, /*threads=*/16, /*requests_each=*/30);
}

TEST(EngineRacesTest, DestroyedAtRandomMoments) {
  for (int round = 0; round < 40; ++round) {
    EngineSetup setup;
    auto engine = setup.Make();
    std::mt19937 random(round);
    std::vector<std::unique_ptr<ResponseStream>> streams;
    for (int i = 0; i < 12; ++i) {
      auto stream = StartRandom(*engine, random);
      if (stream.ok()) streams.push_back(*std::move(stream));
    }
    std::vector<std::thread> readers;
    for (auto& stream : streams) {
      readers.emplace_back([&stream] {
        const absl::Status status = ReadAll(*stream).done.status;
        EXPECT_TRUE(status.ok() || ReasonOf(status) == Reason::kDraining ||
                    ReasonOf(status) == Reason::kDeadlineExceeded)
            << status;
      });
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    if (round % 3 == 0) engine->Drain(absl::Now() + absl::Milliseconds(random() % 5));
    engine.reset();
    for (std::thread& reader : readers) reader.join();
  }
}

TEST(EngineRacesTest, CallbacksInsteadOfWaiting) {
  EngineSetup setup;
  const auto engine = setup.Make();
  struct Reader : std::enable_shared_from_this<Reader> {
    std::unique_ptr<ResponseStream> stream;
    std::atomic<bool> done{false};
    int64_t tokens = 0;
    void Read() {
      ResponseEvent event;
      while (stream->Next(event, [self = weak_from_this()] {
        if (const auto reader = self.lock()) reader->Read();
      })) {
        if (const auto* delta = std::get_if<OutputDelta>(&event)) {
          tokens += std::ssize(delta->token_ids);
        } else if (const auto* end = std::get_if<RequestDone>(&event)) {
          EXPECT_EQ(end->usage.generated_tokens, tokens);
          done = true;
          return;
        }
      }
    }
  };
  std::vector<std::shared_ptr<Reader>> readers;
  for (int i = 0; i < 100; ++i) {
    auto reader = std::make_shared<Reader>();
    reader->stream = MustGenerate(*engine, TokenRequest({2, 3, static_cast<TokenId>(i % 20)}, 20));
    reader->Read();
    readers.push_back(std::move(reader));
  }
  for (const auto& reader : readers) EXPECT_TRUE(Eventually([&] { return reader->done.load(); }));
}

}  // namespace
}  // namespace skep::engine
