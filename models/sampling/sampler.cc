#include "models/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace skep::models {
namespace {

constexpr float kLowestTemperature = 1e-5f;  // below it the draw is the argmax in all but name
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection that mixes every bit.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// The largest logit's index, lowest id on ties; -1 if there is a NaN or plus infinity, or if every
// logit is minus infinity.
TokenId ArgMax(std::span<const float> logits) {
  float best = kMinusInfinity;
  bool any_nan = false;
  for (float logit : logits) {
    any_nan |= logit != logit;
    best = logit > best ? logit : best;
  }
  if (any_nan || std::isinf(best)) return -1;
  return static_cast<TokenId>(std::find(logits.begin(), logits.end(), best) - logits.begin());
}

bool More(float a_logit, TokenId a, float b_logit, TokenId b) {
  return a_logit != b_logit ? a_logit > b_logit : a < b;
}

double LogSumExp(std::span<const float> logits, float largest) {
  double sum = 0;
  for (float logit : logits) sum += std::exp(static_cast<double>(logit - largest));
  return static_cast<double>(largest) + std::log(sum);
}

}  // namespace

double UniformDraw(uint64_t seed, uint32_t sequence_index, int64_t position) {
  const uint64_t bits = Mix(Mix(Mix(seed) ^ sequence_index) ^ static_cast<uint64_t>(position));
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

Sampler::Sampler(int64_t vocab_size) : counts_(vocab_size, 0) {
  candidates_.reserve(vocab_size);
  probabilities_.reserve(vocab_size);
}

void Sampler::ApplyBans(const SequenceView& sequence, std::span<float> logits) {
  const SamplingParams& p = *sequence.sampling;
  if (!p.allowed_token_ids.empty()) {
    allowed_.clear();
    for (TokenId id : p.allowed_token_ids) allowed_.push_back(logits[id]);
    std::fill(logits.begin(), logits.end(), kMinusInfinity);
    for (size_t i = 0; i < allowed_.size(); ++i) logits[p.allowed_token_ids[i]] = allowed_[i];
  }
  for (const auto& [id, bias] : p.logit_bias) logits[id] += bias;
  for (TokenId id : p.bad_token_ids) logits[id] = kMinusInfinity;
  const int64_t generated = static_cast<int64_t>(sequence.tokens.size()) - sequence.prompt_length;
  if (generated < p.min_tokens) {
    for (TokenId id : p.stop_token_ids) logits[id] = kMinusInfinity;
    for (TokenId id : p.eos_token_ids) logits[id] = kMinusInfinity;
  }
}

void Sampler::ApplyPenalties(const SequenceView& sequence, std::span<float> logits) {
  const SamplingParams& p = *sequence.sampling;
  const bool of_generated = p.presence_penalty != 0 || p.frequency_penalty != 0;
  if (of_generated) {
    const auto generated = sequence.tokens.subspan(static_cast<size_t>(sequence.prompt_length));
    for (TokenId id : generated) ++counts_[id];
    for (TokenId id : generated) {
      if (counts_[id] == 0) continue;  // done already
      logits[id] -= p.presence_penalty + p.frequency_penalty * static_cast<float>(counts_[id]);
      counts_[id] = 0;
    }
  }
  if (p.repetition_penalty != 1.0f) {
    for (TokenId id : sequence.tokens) {
      if (counts_[id] != 0) continue;
      counts_[id] = 1;
      logits[id] =
          logits[id] > 0 ? logits[id] / p.repetition_penalty : logits[id] * p.repetition_penalty;
    }
    for (TokenId id : sequence.tokens) counts_[id] = 0;
  }
}

void Sampler::Sample(const SequenceView& sequence, std::span<float> logits, SampleResult& result) {
  const SamplingParams& p = *sequence.sampling;
  result.status = SampleStatus::kOk;
  result.top.clear();
  // Log-probabilities are those of the model, so its logits are kept before anything changes them.
  const bool report = p.logprobs >= 0;
  if (report) raw_.assign(logits.begin(), logits.end());
  const bool valid = !report || ArgMax(logits) >= 0;
  ApplyBans(sequence, logits);
  ApplyPenalties(sequence, logits);
  const TokenId best = ArgMax(logits);
  if (!valid || best < 0) {
    result.status = SampleStatus::kInvalidLogits;
    return;
  }
  result.token = p.temperature == 0 ? best : Draw(sequence, logits);
  if (report) Logprobs(raw_, result.token, p.logprobs, result.chosen, result.top);
}

TokenId Sampler::Draw(const SequenceView& sequence, std::span<const float> logits) {
  const SamplingParams& p = *sequence.sampling;
  candidates_.clear();
  const float largest = *std::max_element(logits.begin(), logits.end());
  const float inverse = 1.0f / std::max(p.temperature, kLowestTemperature);
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == kMinusInfinity) continue;
    // Relative to the largest, so that no temperature overflows.
    candidates_.push_back({(logits[i] - largest) * inverse, static_cast<TokenId>(i)});
  }
  if (p.top_k > 0) KeepTopK(p.top_k);
  const bool ordered = p.typical_p < 1 || p.top_p < 1 || p.min_p > 0;
  if (ordered && p.top_k <= 0) KeepTopK(static_cast<int32_t>(candidates_.size()));
  Renormalize();
  if (p.typical_p < 1) KeepTypical(p.typical_p);
  if (p.top_p < 1) KeepTopP(p.top_p);
  if (p.min_p > 0) KeepMinP(p.min_p);

  const double total = std::accumulate(probabilities_.begin(), probabilities_.end(), 0.0);
  double remaining =
      UniformDraw(p.seed, sequence.index, static_cast<int64_t>(sequence.tokens.size())) * total;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    remaining -= probabilities_[i];
    if (remaining < 0) return candidates_[i].token;
  }
  // Rounding left a sliver: the last candidate that has any probability.
  size_t last = candidates_.size() - 1;
  while (last > 0 && probabilities_[last] == 0) --last;
  return candidates_[last].token;
}

// Keeps the k most likely, in order.
void Sampler::KeepTopK(int32_t k) {
  const auto more = [](const Candidate& a, const Candidate& b) {
    return More(a.logit, a.token, b.logit, b.token);
  };
  const size_t keep = std::min(candidates_.size(), static_cast<size_t>(k));
  if (keep < candidates_.size()) {
    std::nth_element(candidates_.begin(), candidates_.begin() + keep, candidates_.end(), more);
    candidates_.resize(keep);
  }
  std::sort(candidates_.begin(), candidates_.end(), more);
}

void Sampler::Renormalize() {
  probabilities_.resize(candidates_.size());
  double sum = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    probabilities_[i] = std::exp(candidates_[i].logit);
    sum += probabilities_[i];
  }
  for (float& probability : probabilities_) {
    probability = static_cast<float>(static_cast<double>(probability) / sum);
  }
}

// Keeps the tokens whose information is closest to the entropy, until they hold mass p.
void Sampler::KeepTypical(float p) {
  double entropy = 0;
  for (float q : probabilities_) entropy -= q > 0 ? q * std::log(static_cast<double>(q)) : 0.0;
  order_.resize(candidates_.size());
  std::iota(order_.begin(), order_.end(), 0);
  const auto distance = [&](int32_t i) {
    return std::abs(-std::log(static_cast<double>(probabilities_[i])) - entropy);
  };
  std::sort(order_.begin(), order_.end(), [&](int32_t a, int32_t b) {
    const double da = distance(a), db = distance(b);
    return da != db ? da < db : a < b;
  });
  double mass = 0;
  size_t kept = 0;
  while (kept < order_.size() && mass < p) mass += probabilities_[order_[kept++]];
  order_.resize(std::max<size_t>(kept, 1));
  std::sort(order_.begin(), order_.end());  // most likely first again
  for (size_t i = 0; i < order_.size(); ++i) candidates_[i] = candidates_[order_[i]];
  candidates_.resize(order_.size());
  Renormalize();
}

// Keeps the shortest run of most likely tokens with mass p or more.
void Sampler::KeepTopP(float p) {
  double mass = 0;
  size_t kept = 0;
  while (kept < candidates_.size() && mass < p) mass += probabilities_[kept++];
  candidates_.resize(std::max<size_t>(kept, 1));
  Renormalize();
}

void Sampler::KeepMinP(float p) {
  size_t kept = 1;
  while (kept < candidates_.size() && probabilities_[kept] >= p * probabilities_[0]) ++kept;
  candidates_.resize(kept);
  Renormalize();
}

void Sampler::Logprobs(std::span<const float> logits, TokenId token, int32_t count,
                       TokenLogprob& chosen, std::vector<TokenLogprob>& top) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  const double log_sum = LogSumExp(logits, largest);
  const auto logprob = [&](TokenId id) {
    return static_cast<float>(static_cast<double>(logits[id]) - log_sum);
  };
  int32_t rank = 1;
  for (size_t i = 0; i < logits.size(); ++i) {
    rank += More(logits[i], static_cast<TokenId>(i), logits[token], token) ? 1 : 0;
  }
  chosen = {token, logprob(token), rank};
  top.clear();
  if (count <= 0) return;
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    candidates_.push_back({logits[i], static_cast<TokenId>(i)});
  }
  KeepTopK(count);
  for (size_t i = 0; i < candidates_.size(); ++i) {
    top.push_back(
        {candidates_[i].token, logprob(candidates_[i].token), static_cast<int32_t>(i) + 1});
  }
}

}  // namespace skep::models
