// Batch invariance through the whole engine: whatever else runs, and however the scheduler cuts,
// preempts and reuses, a request's tokens and log-probabilities have the same bits.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/golden/engine_harness.h"

namespace skep::engine {
namespace {

constexpr int32_t kNeedleSequences = 3;
constexpr int32_t kNeedleTokens = 24;

// What came of a request: for each sequence, its tokens and the bits of their log-probabilities.
struct Outcome {
  std::vector<std::vector<TokenId>> tokens;
  std::vector<std::vector<float>> logprobs;
  bool operator==(const Outcome&) const = default;
};

GenerationRequest Request(std::vector<TokenId> prompt, int32_t max_tokens) {
  GenerationRequest request;
  request.prompt = TokenPrompt{std::move(prompt)};
  request.max_tokens = max_tokens;
  request.ignore_eos = true;
  request.temperature = 0.8f;
  request.seed = 11;
  return request;
}

GenerationRequest Needle() {
  std::mt19937 random(5);
  GenerationRequest request = Request(Tokens(random, 75), kNeedleTokens);
  request.n = kNeedleSequences;
  request.logprobs = 2;
  return request;
}

Outcome Read(ResponseStream& stream, int32_t n) {
  Outcome outcome{std::vector<std::vector<TokenId>>(n), std::vector<std::vector<float>>(n)};
  for (;;) {
    ResponseEvent event = stream.Wait();
    if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      for (TokenId id : delta->token_ids) outcome.tokens[delta->index].push_back(id);
      for (const TokenLogprobs& logprobs : delta->logprobs) {
        outcome.logprobs[delta->index].push_back(logprobs.chosen.logprob);
        for (const TokenLogprob& top : logprobs.top) {
          outcome.logprobs[delta->index].push_back(top.logprob);
        }
      }
    } else if (const auto* done = std::get_if<RequestDone>(&event)) {
      EXPECT_TRUE(done->status.ok()) << done->status;
      return outcome;
    }
  }
}

Outcome RunAlone(const std::string& model, Kernels kernels) {
  Harness harness(model, {.kernels = kernels});
  auto stream = harness.engine().Generate(Needle());
  EXPECT_TRUE(stream.ok()) << stream.status();
  return Read(**stream, kNeedleSequences);
}

struct Coverage {
  int schedules = 0;
  int different = 0;  // schedules in which the needle's outcome was another one
  int64_t preemptions = 0;
  int64_t prefix_hits = 0;
};

// One engine of random size, and in it some rounds of the needle among random other requests.
void RunSchedules(const std::string& model, Kernels kernels, int64_t block_bytes, uint32_t seed,
                  const Outcome& expected, Coverage& coverage) {
  std::mt19937 random(seed);
  const auto in = [&](int low, int high) {
    return low + static_cast<int>(random() % static_cast<uint32_t>(high - low + 1));
  };
  const int32_t max_sequences = in(kNeedleSequences, 8);
  const int32_t max_batch_tokens = in(max_sequences, 64);
  Harness harness(model, {.kernels = kernels,
                          .max_batch_tokens = max_batch_tokens,
                          .max_sequences = max_sequences,
                          .cache_bytes = block_bytes * in(8, 14)});
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<ResponseStream>> others;
    std::unique_ptr<ResponseStream> needle;
    const int count = in(0, 6), turn = in(0, count);
    for (int i = 0; i <= count; ++i) {
      if (i == turn) {
        auto stream = harness.engine().Generate(Needle());
        ASSERT_TRUE(stream.ok()) << stream.status();
        needle = *std::move(stream);
        continue;
      }
      // Some share a beginning with the needle.
      std::vector<TokenId> prompt = Tokens(random, in(1, 90));
      const std::vector<TokenId> shared = std::get<TokenPrompt>(Needle().prompt).ids;
      if (in(0, 2) == 0)
        std::copy_n(shared.begin(), std::min(shared.size(), prompt.size()), prompt.begin());
      GenerationRequest request = Request(std::move(prompt), in(1, 100));
      request.n = in(1, 2);
      request.priority = in(-1, 1);
      auto stream = harness.engine().Generate(std::move(request));
      ASSERT_TRUE(stream.ok()) << stream.status();
      others.push_back(*std::move(stream));
      if (in(0, 4) == 0) others.back()->Cancel();
    }
    coverage.different += Read(*needle, kNeedleSequences) == expected ? 0 : 1;
    ++coverage.schedules;
  }
  const EngineStats stats = harness.engine().Stats();
  coverage.preemptions += stats.preemptions;
  coverage.prefix_hits += stats.prefix_hit_tokens;
}

struct Model {
  const char* path;
  int64_t block_bytes;  // all groups together, float16
};

// Llama: 2 layers of 2 key-value heads of 16 channels. Gemma 3: 6 layers of 2 of 32. Gemma 3n: 6
// layers, of which 2 read the keys and values of others, of 2 of 16.
const Model kModels[] = {{"models/llama3_rope/q8_0.gguf", 2 * 2 * 2 * 16 * 32 * 2},
                         {"models/gemma3/float32", 6 * 2 * 2 * 32 * 32 * 2},
                         {"models/gemma3n/float32", 4 * 2 * 2 * 16 * 32 * 2}};

TEST(Invariance, NoScheduleChangesABitOfARequest) {
  for (const Model& model : kModels) {
    SCOPED_TRACE(model.path);
    const Outcome expected = RunAlone(model.path, Kernels::kReal);
    ASSERT_EQ(expected.tokens[2].size(), static_cast<size_t>(kNeedleTokens));
    Coverage coverage;
    for (uint32_t seed = 0; seed < 24; ++seed) {
      RunSchedules(model.path, Kernels::kReal, model.block_bytes, seed, expected, coverage);
    }
    EXPECT_EQ(coverage.different, 0);
    EXPECT_GE(coverage.schedules, 100);
    EXPECT_GT(coverage.preemptions, 20);
    EXPECT_GT(coverage.prefix_hits, 1000);
  }
}

// The test above can fail: with an operation whose result depends on the size of the batch it does.
TEST(Invariance, ABatchDependentKernelIsFound) {
  const Outcome expected = RunAlone(kModels[0].path, Kernels::kBroken);
  Coverage coverage;
  for (uint32_t seed = 0; seed < 3; ++seed) {
    RunSchedules(kModels[0].path, Kernels::kBroken, kModels[0].block_bytes, seed, expected,
                 coverage);
  }
  EXPECT_GT(coverage.different, 0);
}

}  // namespace
}  // namespace skep::engine
