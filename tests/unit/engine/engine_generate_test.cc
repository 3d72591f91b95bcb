// What a request gets, compared with a naive computation of the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
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

using ::testing::ElementsAre;

// The text of ids, without one that ended the sequence.
std::string TextOf(const Tokenizer& tokenizer, std::vector<TokenId> ids) {
  if (!ids.empty() && ids.back() == kFakeEos) ids.pop_back();
  return tokenizer.Decode(ids, /*skip_special=*/true);
}

void ExpectNaive(const Answer& answer, const GenerationRequest& request, const Engine& engine) {
  const std::vector<TokenId>& prompt = std::get<TokenPrompt>(request.prompt).ids;
  const SamplingParams sampling = ExpectedSampling(request, engine.model());
  ASSERT_TRUE(answer.done.status.ok()) << answer.done.status;
  ASSERT_TRUE(answer.prompt.has_value());
  EXPECT_TRUE(answer.prompt_was_first);
  EXPECT_EQ(answer.prompt->token_ids, prompt);
  ASSERT_EQ(static_cast<int32_t>(answer.sequences.size()), request.n);
  int64_t generated = 0;
  for (int32_t i = 0; i < request.n; ++i) {
    const Answer::Sequence& sequence = answer.sequences[i];
    const std::vector<TokenId> expected = FakeGeneration(prompt, i, sampling, engine.model());
    EXPECT_EQ(sequence.ids, expected) << "sequence " << i;
    EXPECT_EQ(sequence.text, TextOf(engine.tokenizer(), expected));
    EXPECT_EQ(sequence.deltas_after_finish, 0);
    const bool stopped = expected.back() == kFakeEos && !request.ignore_eos;
    EXPECT_EQ(sequence.finish.reason, stopped ? FinishReason::kStop : FinishReason::kLength);
    EXPECT_EQ(sequence.finish.stop_token, stopped ? kFakeEos : -1);
    EXPECT_EQ(sequence.finish.generated_tokens, std::ssize(expected));
    generated += std::ssize(expected);
  }
  EXPECT_EQ(answer.done.usage.prompt_tokens, std::ssize(prompt));
  EXPECT_EQ(answer.done.usage.generated_tokens, generated);
}

void ExpectAllFree(const Engine& engine) {
  const EngineStats stats = engine.Stats();
  EXPECT_EQ(stats.running_requests, 0);
  EXPECT_EQ(stats.waiting_requests, 0);
  EXPECT_EQ(stats.blocks_free + stats.blocks_cached, stats.blocks_total);
}

TEST(EngineGenerateTest, OneRequest) {
  EngineSetup setup;
  const auto engine = setup.Make();
  const GenerationRequest request = TokenRequest({2, 3, 4, 5, 6}, 40);
  const auto stream = MustGenerate(*engine, request);
  ExpectNaive(ReadAll(*stream), request, *engine);
  ExpectAllFree(*engine);
  EXPECT_EQ(setup.control->wrong_reads, 0);
}

TEST(EngineGenerateTest, ManyRequestsAtOnce) {
  EngineSetup setup;
  const auto engine = setup.Make();
  std::mt19937 random(1);
  std::vector<GenerationRequest> requests;
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 60; ++i) {
    std::vector<TokenId> prompt(1 + random() % 100);
    for (TokenId& id : prompt) id = static_cast<TokenId>(random() % FakeVocabSize());
    requests.push_back(TokenRequest(std::move(prompt), 1 + random() % 60));
    requests.back().temperature = i % 2 == 0 ? 0.0f : 0.7f;
    requests.back().seed = random();
    requests.back().n = 1 + i % 3;
    requests.back().ignore_eos = i % 5 == 0;
    requests.back().min_tokens = i % 4 == 0 ? std::min(5, *requests.back().max_tokens) : 0;
    streams.push_back(MustGenerate(*engine, requests.back()));
  }
  int64_t prompt_tokens = 0;
  int64_t generated_tokens = 0;
  for (size_t i = 0; i < streams.size(); ++i) {
    const Answer answer = ReadAll(*streams[i]);
    ExpectNaive(answer, requests[i], *engine);
    prompt_tokens += answer.done.usage.prompt_tokens;
    generated_tokens += answer.done.usage.generated_tokens;
  }
  ExpectAllFree(*engine);
  EXPECT_EQ(setup.control->wrong_reads, 0);
  EXPECT_EQ(engine->Stats().prompt_tokens, prompt_tokens);
  EXPECT_EQ(engine->Stats().generated_tokens, generated_tokens);
}

}  // namespace
}  // namespace skep::engine
