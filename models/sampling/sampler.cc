#include "models/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

namespace skep::models {
namespace {

constexpr float kLowestTemperature = 1e-5f;  // below it the draw is the argmax in all but name
constexpr float kLowestExponent = -87.0f;    // weights below exp of it are 0
constexpr float kSlack = 1e-3f;              // more than rounding moves a scaled logit
constexpr double kMassSlack = 1e-6;          // more than it moves a sum of probabilities
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection that mixes every bit.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

double UniformDraw(uint64_t seed, uint32_t sequence_index, int64_t position) {
  const uint64_t bits = Mix(Mix(Mix(seed) ^ sequence_index) ^ static_cast<uint64_t>(position));
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

// Room for what draws usually consider; flat distributions take more when they come.
Sampler::Sampler(int64_t vocab_size) : vocab_size_(vocab_size) {
  const auto candidates = static_cast<size_t>(std::min<int64_t>(vocab_size, 1024));
  row_.Reserve(vocab_size);
  tokens_.reserve(candidates);
  candidates_.reserve(candidates);
  probabilities_.reserve(candidates);
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
  if (of_generated || p.repetition_penalty != 1.0f) counts_.resize(vocab_size_, 0);
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
  result.status = SampleStatus::kInvalidLogits;
  result.top.clear();
  // Log-probabilities are those of the model, so its logits are kept before anything changes them.
  const bool report = p.logprobs >= 0;
  if (report) {
    row_.Read(logits);
    if (!row_.valid()) return;
    raw_.assign(logits.begin(), logits.end());
  }
  ApplyBans(sequence, logits);
  ApplyPenalties(sequence, logits);
  row_.Read(logits);
  if (!row_.valid()) return;
  result.status = SampleStatus::kOk;
  result.token = p.temperature == 0 ? row_.ArgMax() : Draw(sequence, logits);
  if (report) Logprobs(raw_, result.token, p.logprobs, result.chosen, result.top);
}

double Sampler::Uniform(const SequenceView& sequence) const {
  return UniformDraw(sequence.sampling->seed, sequence.index,
                     static_cast<int64_t>(sequence.tokens.size()));
}

TokenId Sampler::Draw(const SequenceView& sequence, std::span<const float> logits) {
  const SamplingParams& p = *sequence.sampling;
  inverse_temperature_ = 1.0f / std::max(p.temperature, kLowestTemperature);
  if (p.top_k > 0) {
    TakeTopK(logits, p.top_k);
  } else if (p.typical_p < 1) {
    TakeAll(logits);
  } else if (p.top_p < 1) {
    TakeTopP(logits, p.top_p);
  } else if (p.min_p > 0) {
    TakeFrom(logits, std::log(p.min_p) - kSlack);
  } else {
    const double total = row_.Weigh(inverse_temperature_);
    return row_.TokenAt(Uniform(sequence) * total);
  }
  if (p.typical_p < 1) KeepTypical(p.typical_p);
  if (p.top_p < 1) KeepTopP(p.top_p);
  if (p.min_p > 0) KeepMinP(p.min_p);

  const double total = std::accumulate(probabilities_.begin(), probabilities_.end(), 0.0);
  double remaining = Uniform(sequence) * total;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    remaining -= probabilities_[i];
    if (remaining < 0) return candidates_[i].token;
  }
  // Rounding left a sliver: the last candidate that has any probability.
  size_t last = candidates_.size() - 1;
  while (last > 0 && probabilities_[last] == 0) --last;
  return candidates_[last].token;
}

// The tokens whose logits are `bound` or more, without those that are banned.
void Sampler::AddCandidates(std::span<const float> logits, float bound) {
  row_.TokensFrom(bound, tokens_);
  candidates_.clear();
  for (const TokenId token : tokens_) {
    if (logits[token] == kMinusInfinity) continue;
    // Relative to the largest, so that no temperature overflows.
    candidates_.push_back({(logits[token] - row_.largest()) * inverse_temperature_, token});
  }
}

void Sampler::TakeAll(std::span<const float> logits) {
  AddCandidates(logits, kMinusInfinity);
  Renormalize();
}

void Sampler::TakeTopK(std::span<const float> logits, int32_t k) {
  AddCandidates(logits, row_.BoundOfLargest(k));
  std::sort(candidates_.begin(), candidates_.end(), MoreLikely);
  if (candidates_.size() > static_cast<size_t>(k)) candidates_.resize(k);
  Renormalize();
}

// Enough of the most likely tokens to hold mass p, with their probabilities among all.
void Sampler::TakeTopP(std::span<const float> logits, float p) {
  const double total = row_.Weigh(inverse_temperature_);
  for (float depth = 4; true; depth *= 2) {
    const bool all = depth > -kLowestExponent;
    AddCandidates(logits, all ? kMinusInfinity : row_.largest() - depth / inverse_temperature_);
    double mass = 0;
    for (const Candidate& candidate : candidates_) mass += std::exp(candidate.logit);
    if (all || mass >= (p + kMassSlack) * total) break;
  }
  std::sort(candidates_.begin(), candidates_.end(), MoreLikely);
  probabilities_.resize(candidates_.size());
  for (size_t i = 0; i < candidates_.size(); ++i) {
    probabilities_[i] = static_cast<float>(std::exp(candidates_[i].logit) / total);
  }
}

// The tokens whose scaled logits are not below the largest by more than -lowest.
void Sampler::TakeFrom(std::span<const float> logits, float lowest) {
  AddCandidates(logits, row_.largest() + lowest / inverse_temperature_);
  std::sort(candidates_.begin(), candidates_.end(), MoreLikely);
  Renormalize();
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
  log_sum_ = std::log(sum);
}

// Keeps the tokens whose information is closest to the entropy, until they hold mass p.
void Sampler::KeepTypical(float p) {
  const auto information = [&](int32_t i) { return log_sum_ - candidates_[i].logit; };
  double entropy = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    entropy += probabilities_[i] * information(static_cast<int32_t>(i));
  }
  const auto nearer = [&](int32_t a, int32_t b) {
    const double da = std::abs(information(a) - entropy), db = std::abs(information(b) - entropy);
    return da != db ? da < db : MoreLikely(candidates_[a], candidates_[b]);
  };
  order_.resize(candidates_.size());
  std::iota(order_.begin(), order_.end(), 0);
  double mass = 0;
  size_t kept = 0;
  // Sorted only as far as the mass reaches.
  for (size_t part = 256; kept < order_.size() && mass < p; part *= 8) {
    const size_t end = std::min(part, order_.size());
    std::partial_sort(order_.begin() + kept, order_.begin() + end, order_.end(), nearer);
    while (kept < end && mass < p) mass += probabilities_[order_[kept++]];
  }
  order_.resize(std::max<size_t>(kept, 1));
  std::sort(order_.begin(), order_.end(),
            [&](int32_t a, int32_t b) { return MoreLikely(candidates_[a], candidates_[b]); });
  kept_.clear();
  for (const int32_t i : order_) kept_.push_back(candidates_[i]);
  candidates_.swap(kept_);
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
  row_.Read(logits);
  top.clear();
  if (!row_.valid()) {
    chosen = {token, std::numeric_limits<float>::quiet_NaN(), 0};
    return;
  }
  const double log_sum = static_cast<double>(row_.largest()) + std::log(row_.Weigh(1.0f));
  const auto logprob = [&](TokenId id) {
    return static_cast<float>(static_cast<double>(logits[id]) - log_sum);
  };
  chosen = {token, logprob(token),
            static_cast<int32_t>(row_.CountBefore(logits[token], token)) + 1};
  if (count <= 0) return;
  row_.TokensFrom(row_.BoundOfLargest(count), tokens_);
  std::sort(tokens_.begin(), tokens_.end(), [&](TokenId a, TokenId b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  if (tokens_.size() > static_cast<size_t>(count)) tokens_.resize(count);
  for (const TokenId id : tokens_) {
    top.push_back({id, logprob(id), static_cast<int32_t>(top.size()) + 1});
  }
}

}  // namespace skep::models
