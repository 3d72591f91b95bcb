// Embeddings against transformers' (embeddings.py), and their bits under any schedule.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "tests/golden/engine_harness.h"
#include "tests/golden/golden_path.h"

namespace skep::engine {
namespace {

using nlohmann::json;

constexpr Pooling kPoolings[] = {Pooling::kLast, Pooling::kMean, Pooling::kFirst};

EmbeddingRequest Request(const std::vector<std::vector<TokenId>>& inputs, Pooling pooling) {
  EmbeddingRequest request;
  for (const auto& ids : inputs) request.inputs.push_back(TokenPrompt{ids});
  request.pooling = pooling;
  request.normalize = false;
  return request;
}

std::vector<std::vector<float>> Read(ResponseStream& stream) {
  std::vector<std::vector<float>> values;
  while (true) {
    ResponseEvent event = stream.Wait();
    if (const auto* embeddings = std::get_if<Embeddings>(&event)) {
      for (const Embedding& input : embeddings->inputs) values.push_back(input.values);
    } else if (const auto* done = std::get_if<RequestDone>(&event)) {
      EXPECT_TRUE(done->status.ok()) << done->status;
      return values;
    }
  }
}

std::vector<std::vector<float>> Embed(Engine& engine, const EmbeddingRequest& request) {
  auto stream = engine.Embed(request);
  EXPECT_TRUE(stream.ok()) << stream.status();
  return Read(**stream);
}

// The root mean square of the difference, over that of what is expected.
double Difference(const std::vector<float>& actual, const std::vector<double>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double squares = 0, expected_squares = 0;
  for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
    squares += std::pow(actual[i] - expected[i], 2);
    expected_squares += std::pow(expected[i], 2);
  }
  return std::sqrt(squares / expected_squares);
}

// float32 against float32 with other summation orders.
constexpr double kTolerance = 1e-5;

void Compare(Engine& engine, const json& model) {
  const char* const names[] = {"last", "mean", "cls"};
  std::vector<std::vector<TokenId>> inputs;
  for (const json& sequence : model["sequences"]) {
    inputs.push_back(sequence["tokens"].get<std::vector<TokenId>>());
  }
  const auto expected = [&](size_t sequence, const char* name) {
    return model["sequences"][sequence][name].get<std::vector<double>>();
  };
  for (const Pooling pooling : kPoolings) {
    const char* const name = names[static_cast<int>(pooling)];
    const auto values = Embed(engine, Request(inputs, pooling));
    ASSERT_EQ(values.size(), inputs.size());
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_LT(Difference(values[i], expected(i, name)), kTolerance) << name << " " << i;
    }
  }
  EmbeddingRequest cut = Request(inputs, Pooling::kMean);
  cut.dimensions = static_cast<int32_t>(expected(0, "cut").size());
  cut.normalize = true;
  const auto values = Embed(engine, cut);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_LT(Difference(values[i], expected(i, "cut")), kTolerance) << "cut " << i;
  }
}

// What a request that does not say gets: what the model's files say.
void CompareDefaults(Engine& engine, const json& model) {
  for (const json& sequence : model["sequences"]) {
    EmbeddingRequest request;
    request.inputs.emplace_back(TokenPrompt{sequence["tokens"].get<std::vector<TokenId>>()});
    auto expected = sequence[model["pooling"].get<std::string>()].get<std::vector<double>>();
    double squares = 0;
    for (const double value : expected) squares += value * value;
    for (double& value : expected) value /= model["normalize"].get<bool>() ? std::sqrt(squares) : 1;
    EXPECT_LT(Difference(Embed(engine, request).at(0), expected), kTolerance);
  }
}

TEST(Embedding, IsTransformersInChunksAndWhole) {
  std::ifstream file(GoldenPath("embeddings/index.json"));
  const json index = json::parse(file);
  ASSERT_EQ(index["models"].size(), 6u);
  for (const json& model : index["models"]) {
    for (const char* ops : {"reference", "fused"}) {
      for (const int32_t max_batch_tokens : {7, 128}) {
        SCOPED_TRACE(model["name"].get<std::string>() + " " + ops);
        Harness harness("embeddings/" + model["name"].get<std::string>(),
                        {.ops = ops, .kv_cache_type = "f32", .max_batch_tokens = max_batch_tokens});
        EXPECT_EQ(harness.engine().model().hidden_size, model["hidden_size"].get<int64_t>());
        if (harness.engine().model().whole_prompts && max_batch_tokens < 60) continue;
        Compare(harness.engine(), model);
        CompareDefaults(harness.engine(), model);
      }
    }
  }
}

// Needles: one input for each pooling, all with the same tokens.
std::vector<TokenId> NeedleTokens() {
  std::mt19937 random(6);
  return Tokens(random, 75);
}

using Needles = std::vector<std::vector<float>>;

Needles RunAlone(const std::string& model, Kernels kernels) {
  Needles needles;
  for (const Pooling pooling : kPoolings) {
    Harness harness(model, {.kernels = kernels});
    needles.push_back(Embed(harness.engine(), Request({NeedleTokens()}, pooling)).at(0));
  }
  return needles;
}

struct Coverage {
  int needles = 0;
  int different = 0;
  int64_t preemptions = 0;
  int64_t prefix_hits = 0;
};

std::unique_ptr<ResponseStream> StartOther(Engine& engine, std::mt19937& random) {
  std::vector<TokenId> prompt = Tokens(random, 1 + random() % 90);
  const std::vector<TokenId> shared = NeedleTokens();
  if (random() % 3 == 0) {
    std::copy_n(shared.begin(), std::min(shared.size(), prompt.size()), prompt.begin());
  }
  if (random() % 2 == 0) {
    return *engine.Embed(Request({prompt, Tokens(random, 5)}, kPoolings[random() % 3]));
  }
  GenerationRequest request;
  request.prompt = TokenPrompt{std::move(prompt)};
  request.max_tokens = 1 + static_cast<int32_t>(random() % 100);
  request.ignore_eos = true;
  request.priority = -1;  // so that needles are those that are preempted
  return *engine.Generate(std::move(request));
}

// One engine of random size, and in it some rounds of the needles among random other requests.
void RunSchedules(const std::string& model, Kernels kernels, int64_t block_bytes, uint32_t seed,
                  const Needles& expected, Coverage& coverage) {
  std::mt19937 random(seed);
  const auto max_sequences = static_cast<int32_t>(3 + random() % 6);
  Harness harness(model, {.kernels = kernels,
                          .max_batch_tokens = max_sequences + static_cast<int32_t>(random() % 40),
                          .max_sequences = max_sequences,
                          .cache_bytes = block_bytes * static_cast<int64_t>(8 + random() % 6)});
  for (int round = 0; round < 4; ++round) {
    std::vector<std::unique_ptr<ResponseStream>> others, needles;
    for (const Pooling pooling : kPoolings) {
      for (uint32_t i = random() % 5; i > 0; --i) {
        others.push_back(StartOther(harness.engine(), random));
        if (random() % 5 == 0) others.back()->Cancel();
      }
      needles.push_back(*harness.engine().Embed(Request({NeedleTokens()}, pooling)));
    }
    for (size_t i = 0; i < needles.size(); ++i) {
      coverage.different += Read(*needles[i]).at(0) == expected[i] ? 0 : 1;
      ++coverage.needles;
    }
  }
  const EngineStats stats = harness.engine().Stats();
  coverage.preemptions += stats.preemptions;
  coverage.prefix_hits += stats.prefix_hit_tokens;
}

struct Model {
  const char* path;
  int64_t block_bytes;  // all groups together, float16
};

// Llama: 2 layers of 2 key-value heads of 16 channels. Gemma 3: 6 layers of 2 of 32.
const Model kModels[] = {{"models/llama3_rope/q8_0.gguf", 2 * 2 * 2 * 16 * 32 * 2},
                         {"models/gemma3/float32", 6 * 2 * 2 * 32 * 32 * 2}};

TEST(Embedding, NoScheduleChangesABit) {
  constexpr uint32_t kSeeds = 60;
  for (const Model& model : kModels) {
    SCOPED_TRACE(model.path);
    const Needles expected = RunAlone(model.path, Kernels::kReal);
    Coverage coverage;
    for (uint32_t seed = 0; seed < kSeeds; ++seed) {
      RunSchedules(model.path, Kernels::kReal, model.block_bytes, seed, expected, coverage);
    }
    EXPECT_EQ(coverage.different, 0);
    EXPECT_EQ(coverage.needles, static_cast<int>(kSeeds) * 4 * 3);
    EXPECT_GT(coverage.preemptions, 10);
    EXPECT_GT(coverage.prefix_hits, 500);
  }
}

// The test above can fail: with an operation whose result depends on the size of the batch it does.
TEST(Embedding, ABatchDependentKernelIsFound) {
  const Needles expected = RunAlone(kModels[0].path, Kernels::kBroken);
  Coverage coverage;
  for (uint32_t seed = 0; seed < 3; ++seed) {
    RunSchedules(kModels[0].path, Kernels::kBroken, kModels[0].block_bytes, seed, expected,
                 coverage);
  }
  EXPECT_GT(coverage.different, 0);
}

}  // namespace
}  // namespace skep::engine
