#include "models/sampling/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/golden/golden_path.h"

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
  std::ifstream file(GoldenPath("sampling/sampling.json"));
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

// Logits as models give them: most of them far below a few, some banned, some tied.
std::vector<float> RandomLogits(size_t vocab, float spread, std::mt19937& random) {
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> logits(vocab);
  for (float& logit : logits) logit = std::round(normal(random) * 64) / 64;
  for (size_t i = 0; i < vocab; i += 97) logits[i] = -kInfinity;
  return logits;
}

struct Interval {
  double begin = 0;
  double end = 0;  // equal to begin: cut
};

// Where each token lies in [0, 1) when what is kept is laid end to end, in float64 and by sorting
// everything: the definition of the parameters (top-k, typical-p, top-p, min-p in this order).
std::vector<Interval> NaiveIntervals(const std::vector<float>& logits, const SamplingParams& p) {
  struct Entry {
    size_t token;
    double weight;
  };
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<Entry> kept;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == -kInfinity) continue;
    kept.push_back({i, std::exp((static_cast<double>(logits[i]) - largest) / p.temperature)});
  }
  const auto normalize = [&] {
    double sum = 0;
    for (const Entry& e : kept) sum += e.weight;
    for (Entry& e : kept) e.weight /= sum;
  };
  const auto cut_at_mass = [&](double mass) {
    double sum = 0;
    size_t count = 0;
    while (count < kept.size() && sum < mass) sum += kept[count++].weight;
    kept.resize(count);
    normalize();
  };
  const auto by_weight = [](const Entry& a, const Entry& b) { return a.weight > b.weight; };
  const bool filtered = p.top_k > 0 || p.typical_p < 1 || p.top_p < 1 || p.min_p > 0;
  if (filtered) std::stable_sort(kept.begin(), kept.end(), by_weight);
  if (p.top_k > 0 && kept.size() > static_cast<size_t>(p.top_k)) kept.resize(p.top_k);
  normalize();
  if (p.typical_p < 1) {
    double entropy = 0;
    for (const Entry& e : kept) entropy -= e.weight > 0 ? e.weight * std::log(e.weight) : 0;
    const auto distance = [&](const Entry& e) { return std::abs(-std::log(e.weight) - entropy); };
    std::stable_sort(kept.begin(), kept.end(),
                     [&](const Entry& a, const Entry& b) { return distance(a) < distance(b); });
    cut_at_mass(p.typical_p);
    std::stable_sort(kept.begin(), kept.end(), by_weight);
  }
  if (p.top_p < 1) cut_at_mass(p.top_p);
  if (p.min_p > 0) {
    const double least = p.min_p * kept.front().weight;
    std::erase_if(kept, [&](const Entry& e) { return e.weight < least * (1 - 1e-6); });
    normalize();
  }
  std::vector<Interval> intervals(logits.size());
  double at = 0;
  for (const Entry& e : kept) {
    intervals[e.token] = {at, at + e.weight};
    at += e.weight;
  }
  return intervals;
}

// Of a vocabulary as large as real ones only parts are looked at and sorted; the draw must be that
// of the whole. Weights are float32, so ends of intervals are known to within some 1e-6.
TEST(SamplerTest, DrawsFromALargeVocabularyAsIfAllOfItWereSorted) {
  std::mt19937 random(5);
  for (const size_t vocab : {size_t{63}, size_t{64}, size_t{1000}, size_t{20011}}) {
    for (const float spread : {0.2f, 2.0f, 9.0f}) {
      const std::vector<float> logits = RandomLogits(vocab, spread, random);
      std::vector<SamplingParams> all(11);
      all[1].temperature = 0.3f;
      all[2].top_k = 1;
      all[3].top_k = 40;
      all[4].top_k = static_cast<int32_t>(vocab) - 5;
      all[5].top_p = 0.9f;
      all[6].top_p = 0.99999f;
      all[7].min_p = 0.05f;
      all[8].typical_p = 0.8f;
      all[9].top_k = 200, all[9].top_p = 0.7f, all[9].min_p = 0.01f;
      all[10].top_p = 0.95f, all[10].min_p = 0.1f, all[10].temperature = 1.7f;
      Sampler sampler(static_cast<int64_t>(vocab));
      const std::vector<TokenId> tokens = {0};
      for (size_t i = 0; i < all.size(); ++i) {
        SCOPED_TRACE(testing::Message()
                     << "vocabulary " << vocab << ", spread " << spread << ", parameters " << i);
        const std::vector<Interval> intervals = NaiveIntervals(logits, all[i]);
        for (uint64_t seed = 0; seed < 40; ++seed) {
          all[i].seed = seed;
          std::vector<float> row = logits;
          SampleResult result;
          sampler.Sample(View(tokens, 1, all[i]), row, result);
          ASSERT_EQ(result.status, SampleStatus::kOk);
          const double u = UniformDraw(seed, 0, 1);
          EXPECT_GT(u, intervals[result.token].begin - 1e-5);
          EXPECT_LT(u, intervals[result.token].end + 1e-5);
          EXPECT_GT(intervals[result.token].end, intervals[result.token].begin);
        }
      }
    }
  }
}

TEST(SamplerTest, LogprobsOfALargeVocabularyAreThoseOfSortingAllOfIt) {
  std::mt19937 random(6);
  for (const float spread : {0.2f, 3.0f}) {
    const std::vector<float> logits = RandomLogits(30000, spread, random);
    std::vector<TokenId> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](TokenId a, TokenId b) { return logits[a] > logits[b]; });
    double sum = 0;
    for (float logit : logits) sum += std::exp(static_cast<double>(logit));
    Sampler sampler(static_cast<int64_t>(logits.size()));
    for (const int32_t count : {0, 1, 20, 5000}) {
      for (const size_t rank : {size_t{1}, size_t{2}, size_t{300}, size_t{25000}}) {
        TokenLogprob chosen;
        std::vector<TokenLogprob> top;
        const TokenId token = order[rank - 1];
        sampler.Logprobs(logits, token, count, chosen, top);
        EXPECT_EQ(chosen.rank, static_cast<int32_t>(rank));
        EXPECT_NEAR(chosen.logprob, logits[token] - std::log(sum), 1e-5);
        ASSERT_EQ(top.size(), static_cast<size_t>(count));
        for (size_t i = 0; i < top.size(); ++i) {
          ASSERT_EQ(top[i].token, order[i]);
          EXPECT_EQ(top[i].rank, static_cast<int32_t>(i) + 1);
          EXPECT_NEAR(top[i].logprob, logits[order[i]] - std::log(sum), 1e-5);
        }
      }
    }
  }
}

TEST(SamplerTest, LogprobsOfLogitsThatAreNoNumbersAreNone) {
  Sampler sampler(200);
  for (const float wrong : {kNan, kInfinity}) {
    std::vector<float> logits(200, 1.0f);
    for (size_t i = 0; i < logits.size(); i += 3) logits[i] = wrong;
    TokenLogprob chosen;
    std::vector<TokenLogprob> top;
    sampler.Logprobs(logits, 4, 5, chosen, top);
    EXPECT_TRUE(std::isnan(chosen.logprob));
    EXPECT_TRUE(top.empty());
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
