#include "models/sampling/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

namespace skep::models {
namespace {

using nlohmann::json;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

SamplingParams ParametersOf(const json& values) {
  SamplingParams p;
  p.temperature = values.value("temperature", 1.0f);
  p.top_k = values.value("top_k", 0);
  p.top_p = values.value("top_p", 1.0f);
  p.min_p = values.value("min_p", 0.0f);
  p.typical_p = values.value("typical_p", 1.0f);
  p.repetition_penalty = values.value("repetition_penalty", 1.0f);
  p.presence_penalty = values.value("presence_penalty", 0.0f);
  p.frequency_penalty = values.value("frequency_penalty", 0.0f);
  if (values.contains("logit_bias")) {
    p.logit_bias = values["logit_bias"].get<std::vector<std::pair<TokenId, float>>>();
  }
  p.bad_token_ids = values.value("bad_token_ids", p.bad_token_ids);
  p.allowed_token_ids = values.value("allowed_token_ids", p.allowed_token_ids);
  return p;
}

SequenceView View(const std::vector<TokenId>& tokens, int64_t prompt_length,
                  const SamplingParams& sampling) {
  SequenceView view;
  view.tokens = tokens;
  view.prompt_length = prompt_length;
  view.sampling = &sampling;
  return view;
}

// Draws often, with a seed for each draw, and compares how often each token came up with the
// probability that transformers' processors give it.
TEST(SamplerTest, DrawsFromTheDistributionOfTransformersProcessors) {
  constexpr int kDraws = 20000;
  std::ifstream file(std::string(std::getenv("SKEP_GOLDEN_DIR")) + "/sampling/sampling.json");
  const json cases = json::parse(file);
  ASSERT_GT(cases.size(), 40u);
  for (const json& c : cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    SamplingParams sampling = ParametersOf(c["parameters"]);
    auto tokens = c["prompt"].get<std::vector<TokenId>>();
    const auto prompt_length = static_cast<int64_t>(tokens.size());
    for (TokenId id : c["generated"]) tokens.push_back(id);
    const auto logits = c["logits"].get<std::vector<float>>();
    const auto expected = c["probabilities"].get<std::vector<double>>();
    std::vector<int> counts(logits.size(), 0);
    Sampler sampler(static_cast<int64_t>(logits.size()));
    SampleResult result;
    for (int i = 0; i < kDraws; ++i) {
      sampling.seed = static_cast<uint64_t>(i);
      std::vector<float> row = logits;
      sampler.Sample(View(tokens, prompt_length, sampling), row, result);
      ASSERT_EQ(result.status, SampleStatus::kOk);
      ++counts[result.token];
    }
    for (size_t id = 0; id < expected.size(); ++id) {
      const double p = expected[id];
      // Five standard deviations of a binomial count; a cut token never comes up.
      const double tolerance = p == 0 ? 0 : 5 * std::sqrt(kDraws * p * (1 - p)) + 1e-3 * kDraws * p;
      EXPECT_NEAR(counts[id], kDraws * p, tolerance) << "token " << id;
    }
  }
}

TEST(SamplerTest, GreedyIsTheArgMaxAndTakesTheLowestIdOnTies) {
  SamplingParams sampling;
  sampling.temperature = 0;
  const std::vector<TokenId> tokens = {0};
  Sampler sampler(6);
  SampleResult result;
  std::vector<float> row = {-1, 3.5, -kInfinity, 3.5, 2, 3.4999998f};
  sampler.Sample(View(tokens, 1, sampling), row, result);
  EXPECT_EQ(result.token, 1);
}

TEST(SamplerTest, ALogitThatIsNoNumberFailsTheSequence) {
  SamplingParams sampling;
  const std::vector<TokenId> tokens = {0};
  Sampler sampler(3);
  SampleResult result;
  for (const std::vector<float>& logits : {std::vector<float>{1, kNan, 2},
                                           {kNan, kNan, kNan},
                                           {1, kInfinity, 2},
                                           {-kInfinity, -kInfinity, -kInfinity}}) {
    for (float temperature : {0.0f, 1.0f}) {
      for (int32_t logprobs : {-1, 2}) {
        sampling.temperature = temperature;
        sampling.logprobs = logprobs;
        std::vector<float> row = logits;
        sampler.Sample(View(tokens, 1, sampling), row, result);
        EXPECT_EQ(result.status, SampleStatus::kInvalidLogits);
      }
    }
  }
}

TEST(SamplerTest, EndingTokensWaitForMinTokens) {
  SamplingParams sampling;
  sampling.temperature = 0;
  sampling.min_tokens = 2;
  sampling.eos_token_ids = {2};
  sampling.stop_token_ids = {1};
  Sampler sampler(3);
  SampleResult result;
  for (const auto& [generated, expected] : {std::pair(0, 0), std::pair(1, 0), std::pair(2, 2)}) {
    const std::vector<TokenId> tokens(4 + generated, 0);
    std::vector<float> row = {1, 2, 3};
    sampler.Sample(View(tokens, 4, sampling), row, result);
    EXPECT_EQ(result.token, expected) << generated << " tokens generated";
  }
}

TEST(SamplerTest, LogprobsAreThoseOfTheModelBeforeAnyProcessing) {
  SamplingParams sampling;
  sampling.temperature = 0;
  sampling.logprobs = 3;
  sampling.bad_token_ids = {4};
  const std::vector<TokenId> tokens = {0};
  const std::vector<float> logits = {0.5f, 2, -1, 1.5f, 4};
  double sum = 0;
  for (float logit : logits) sum += std::exp(static_cast<double>(logit));
  Sampler sampler(5);
  SampleResult result;
  std::vector<float> row = logits;
  sampler.Sample(View(tokens, 1, sampling), row, result);
  EXPECT_EQ(result.token, 1);
  EXPECT_EQ(result.chosen.token, 1);
  EXPECT_EQ(result.chosen.rank, 2);
  EXPECT_NEAR(result.chosen.logprob, 2 - std::log(sum), 1e-6);
  ASSERT_EQ(result.top.size(), 3u);
  const std::vector<TokenId> order = {4, 1, 3};
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(result.top[i].token, order[i]);
    EXPECT_EQ(result.top[i].rank, static_cast<int32_t>(i) + 1);
    EXPECT_NEAR(result.top[i].logprob, logits[order[i]] - std::log(sum), 1e-6);
  }
}

TEST(SamplerTest, DrawsAreKeyedBySeedSequenceAndPositionAlone) {
  std::vector<double> draws;
  for (uint64_t seed : {0u, 1u, 77u}) {
    for (uint32_t index : {0u, 1u, 2u}) {
      for (int64_t position : {1, 2, 1000}) {
        const double draw = UniformDraw(seed, index, position);
        EXPECT_EQ(draw, UniformDraw(seed, index, position));
        EXPECT_GE(draw, 0);
        EXPECT_LT(draw, 1);
        draws.push_back(draw);
      }
    }
  }
  std::sort(draws.begin(), draws.end());
  EXPECT_EQ(std::adjacent_find(draws.begin(), draws.end()), draws.end());
}

// Kolmogorov-Smirnov against the uniform distribution; 1.95 / sqrt(n) is the 0.1 % bound.
TEST(SamplerTest, DrawsAreUniformAlongEachKey) {
  constexpr int kDraws = 20000;
  for (int key = 0; key < 3; ++key) {
    std::vector<double> draws;
    for (int i = 0; i < kDraws; ++i) {
      draws.push_back(UniformDraw(key == 0 ? i : 5, key == 1 ? i : 6, key == 2 ? i : 7));
    }
    std::sort(draws.begin(), draws.end());
    double distance = 0;
    for (int i = 0; i < kDraws; ++i) {
      distance = std::max(distance, std::abs(draws[i] - (i + 0.5) / kDraws));
    }
    EXPECT_LT(distance, 1.95 / std::sqrt(kDraws)) << "key " << key;
  }
}

}  // namespace
}  // namespace skep::models
