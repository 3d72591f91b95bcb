#include "models/sampling/logit_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace skep::models {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Sixteen lanes, in whatever registers the compiler may use.
using Floats = float __attribute__((vector_size(64)));
using Ints = int32_t __attribute__((vector_size(64)));
constexpr size_t kLanes = 16;

inline void Load(const float* from, Floats& to) { std::memcpy(&to, from, sizeof(to)); }

// x = exp(x) for x <= 0 to within 2 units in the last place; 0 where that would be denormal. The
// argument is reduced to |r| <= ln 2 / 2 (Cody and Waite 1980), where Taylor's series is short.
inline void Exp(Floats& x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693145752f, kLn2Low = 1.42860677e-6f;
  const auto tiny = x < -87.0f;
  const Floats shifted = (tiny ? x - x : x) * kLog2E + kMagic;
  const Floats n = shifted - kMagic;
  const Floats r = (tiny ? x - x : x) - n * kLn2High - n * kLn2Low;
  Floats p = r * (1.0f / 5040) + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // n sits in the low bits of `shifted`; 2^n is added to the exponent of p.
  Ints bits, exponent;
  std::memcpy(&bits, &p, sizeof(bits));
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  bits += exponent << 23;
  bits &= ~tiny;
  std::memcpy(&x, &bits, sizeof(x));
}

}  // namespace

const float* LogitRow::Stretch(size_t stretch, float (&tail)[kStretch]) const {
  const float* from = logits_.data() + stretch * kStretch;
  const size_t count = logits_.size() - stretch * kStretch;
  if (count >= kStretch) return from;
  std::fill(tail, tail + kStretch, -kInfinity);
  std::copy_n(from, count, tail);
  return tail;
}

void LogitRow::Reserve(int64_t vocab_size) {
  const size_t stretches = (static_cast<size_t>(vocab_size) + kStretch - 1) / kStretch;
  largest_of_.reserve(stretches);
  weight_of_.reserve(stretches);
  order_.reserve(stretches);
}

void LogitRow::Read(std::span<const float> logits) {
  logits_ = logits;
  largest_of_.resize((logits.size() + kStretch - 1) / kStretch);
  Ints wrong = {};
  for (size_t s = 0; s < largest_of_.size(); ++s) {
    float tail[kStretch];
    const float* stretch = Stretch(s, tail);
    Floats largest;
    Load(stretch, largest);
    for (size_t i = 0; i < kStretch; i += kLanes) {
      Floats x;
      Load(stretch + i, x);
      wrong |= ~(x < kInfinity);
      largest = x > largest ? x : largest;
    }
    float best = largest[0];
    for (size_t lane = 1; lane < kLanes; ++lane) best = std::max(best, largest[lane]);
    largest_of_[s] = best;
  }
  largest_ = *std::max_element(largest_of_.begin(), largest_of_.end());
  valid_ = std::isfinite(largest_);
  for (size_t lane = 0; lane < kLanes; ++lane) valid_ = valid_ && wrong[lane] == 0;
}

TokenId LogitRow::ArgMax() const {
  const auto stretch = std::find(largest_of_.begin(), largest_of_.end(), largest_);
  const auto first = logits_.begin() + (stretch - largest_of_.begin()) * kStretch;
  return static_cast<TokenId>(std::find(first, logits_.end(), largest_) - logits_.begin());
}

float LogitRow::BoundOfLargest(int64_t count) {
  // As many stretches have a logit that large.
  if (count >= static_cast<int64_t>(largest_of_.size())) return -kInfinity;
  order_ = largest_of_;
  const auto nth = order_.begin() + std::max<int64_t>(count - 1, 0);
  std::nth_element(order_.begin(), nth, order_.end(), std::greater<>());
  return *nth;
}

void LogitRow::TokensFrom(float bound, std::vector<TokenId>& tokens) const {
  tokens.clear();
  for (size_t s = 0; s < largest_of_.size(); ++s) {
    if (!(largest_of_[s] >= bound)) continue;
    const size_t end = std::min(logits_.size(), (s + 1) * kStretch);
    for (size_t i = s * kStretch; i < end; ++i) {
      if (logits_[i] >= bound) tokens.push_back(static_cast<TokenId>(i));
    }
  }
}

int64_t LogitRow::CountBefore(float logit, TokenId token) const {
  int64_t count = 0;
  for (size_t s = 0; s < largest_of_.size(); ++s) {
    if (!(largest_of_[s] >= logit)) continue;
    const size_t end = std::min(logits_.size(), (s + 1) * kStretch);
    for (size_t i = s * kStretch; i < end; ++i) {
      const bool tied = logits_[i] == logit && static_cast<TokenId>(i) < token;
      count += logits_[i] > logit || tied ? 1 : 0;
    }
  }
  return count;
}

void LogitRow::WeighStretch(size_t stretch, float (&weights)[kStretch]) const {
  float tail[kStretch];
  const float* from = Stretch(stretch, tail);
  for (size_t i = 0; i < kStretch; i += kLanes) {
    Floats x;
    Load(from + i, x);
    x = (x - largest_) * inverse_temperature_;
    Exp(x);
    std::memcpy(weights + i, &x, sizeof(x));
  }
}

double LogitRow::Weigh(float inverse_temperature) {
  inverse_temperature_ = inverse_temperature;
  weight_of_.resize(largest_of_.size());
  double total = 0;
  for (size_t s = 0; s < weight_of_.size(); ++s) {
    float weights[kStretch];
    WeighStretch(s, weights);
    double sum = 0;
    for (const float weight : weights) sum += weight;
    weight_of_[s] = sum;
    total += sum;
  }
  return total;
}

TokenId LogitRow::TokenAt(double mass) const {
  // Rounding can leave a sliver of mass behind the last weight: the last token that has one then.
  size_t stretch = 0, last = 0;
  for (; stretch < weight_of_.size(); ++stretch) {
    if (weight_of_[stretch] > 0) last = stretch;
    if (mass < weight_of_[stretch]) break;
    mass -= weight_of_[stretch];
  }
  float weights[kStretch];
  WeighStretch(last, weights);
  size_t token = 0;
  for (size_t i = 0; i < kStretch; ++i) {
    if (weights[i] == 0) continue;
    token = i;
    mass -= weights[i];
    if (mass < 0) break;
  }
  return static_cast<TokenId>(last * kStretch + token);
}

}  // namespace skep::models
