#include "models/layers/rope.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace skep::models {
namespace {

std::vector<double> BaseFrequencies(double theta, int64_t rotary_dim) {
  std::vector<double> frequencies(rotary_dim / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] =
        std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(rotary_dim));
  }
  return frequencies;
}

void ScaleLlama3(const RopeParameters& p, std::vector<double>& frequencies) {
  const double trained = static_cast<double>(p.original_max_position_embeddings);
  const double longest = trained / p.low_freq_factor;
  const double shortest = trained / p.high_freq_factor;
  for (double& f : frequencies) {
    const double wavelength = 2.0 * std::numbers::pi / f;
    if (wavelength > longest) {
      f /= p.factor;
    } else if (wavelength >= shortest) {
      const double t =
          (trained / wavelength - p.low_freq_factor) / (p.high_freq_factor - p.low_freq_factor);
      f = (1.0 - t) * f / p.factor + t * f;
    }
  }
}

void ScaleYarn(const RopeParameters& p, int64_t rotary_dim, std::vector<double>& frequencies) {
  const double dim = static_cast<double>(rotary_dim);
  // The channel that turns `rotations` times within the trained length.
  const auto channel = [&](double rotations) {
    return dim *
           std::log(static_cast<double>(p.original_max_position_embeddings) /
                    (rotations * 2.0 * std::numbers::pi)) /
           (2.0 * std::log(p.theta));
  };
  double low = channel(p.beta_fast), high = channel(p.beta_slow);
  if (p.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1.0);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] = ramp * frequencies[i] / p.factor + (1.0 - ramp) * frequencies[i];
  }
}

double YarnMagnitude(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

double YarnAttentionFactor(const RopeParameters& p) {
  if (p.attention_factor) return *p.attention_factor;
  if (p.mscale && p.mscale_all_dim && *p.mscale != 0 && *p.mscale_all_dim != 0) {
    return YarnMagnitude(p.factor, *p.mscale) / YarnMagnitude(p.factor, *p.mscale_all_dim);
  }
  return YarnMagnitude(p.factor, 1.0);
}

double LongRopeAttentionFactor(const RopeParameters& p, double factor) {
  if (p.attention_factor) return *p.attention_factor;
  if (factor <= 1.0) return 1.0;
  return std::sqrt(1.0 + std::log(factor) /
                             std::log(static_cast<double>(p.original_max_position_embeddings)));
}

}  // namespace

absl::StatusOr<Rope> Rope::Create(const RopeParameters& given, int64_t head_dim,
                                  int64_t max_position_embeddings, int64_t context_length,
                                  std::span<const float> divisors) {
  RopeParameters p = given;
  const int64_t rotary_dim =
      static_cast<int64_t>(static_cast<double>(head_dim) * p.partial_rotary_factor);
  if (rotary_dim <= 0 || rotary_dim % 2 != 0 || rotary_dim > head_dim) {
    return absl::InvalidArgumentError(
        absl::StrCat("rotary dimension ", rotary_dim, " of a head of ", head_dim,
                     ": an even number from 2 to the head's is right"));
  }
  if (!(p.theta > 0) || !std::isfinite(p.theta) || !(p.factor > 0) || !std::isfinite(p.factor)) {
    return absl::InvalidArgumentError(absl::StrCat("RoPE with base ", p.theta, " and factor ",
                                                   p.factor, ": both must be positive numbers"));
  }
  if (p.original_max_position_embeddings <= 0) {
    p.original_max_position_embeddings = max_position_embeddings;
  }

  Rope rope;
  std::vector<double> frequencies = BaseFrequencies(p.theta, rotary_dim);
  double attention_factor = 1.0;
  if (p.type == "linear") {
    for (double& f : frequencies) f /= p.factor;
  } else if (p.type == "dynamic") {
    rope.dynamic_ = true;
    rope.theta_ = p.theta;
    rope.factor_ = p.factor;
    rope.trained_length_ = max_position_embeddings;
  } else if (p.type == "llama3") {
    ScaleLlama3(p, frequencies);
  } else if (p.type == "yarn") {
    ScaleYarn(p, rotary_dim, frequencies);
    attention_factor = YarnAttentionFactor(p);
  } else if (p.type == "longrope") {
    const bool beyond = context_length > p.original_max_position_embeddings;
    const std::vector<double>& factors = beyond ? p.long_factor : p.short_factor;
    if (factors.size() != frequencies.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("longrope with ", factors.size(), beyond ? " long" : " short",
                       " factors: ", frequencies.size(), " (half the rotary dimension) are right"));
    }
    for (size_t i = 0; i < factors.size(); ++i) frequencies[i] /= factors[i];
    const double factor = p.factor > 1.0
                              ? p.factor
                              : static_cast<double>(max_position_embeddings) /
                                    static_cast<double>(p.original_max_position_embeddings);
    const std::optional<double>& mscale = beyond ? p.long_mscale : p.short_mscale;
    attention_factor = mscale ? *mscale : LongRopeAttentionFactor(p, factor);
  } else if (p.type != "default") {
    return absl::UnimplementedError(absl::StrCat(
        "RoPE scaling '", p.type,
        "' is not supported; default, linear, dynamic, llama3, yarn and longrope are"));
  }
  if (!divisors.empty()) {
    if (divisors.size() != frequencies.size()) {
      return absl::InvalidArgumentError(absl::StrCat("rope_freqs.weight has ", divisors.size(),
                                                     " values: ", frequencies.size(),
                                                     " (half the rotary dimension) are right"));
    }
    for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= divisors[i];
  }
  rope.frequencies_.assign(frequencies.begin(), frequencies.end());
  rope.attention_factor_ = static_cast<float>(attention_factor);
  return rope;
}

void Rope::FrequenciesAt(int64_t position, std::span<float> out) const {
  const int64_t length = position + 1;
  if (!dynamic_ || length <= trained_length_) {
    std::copy(frequencies_.begin(), frequencies_.end(), out.begin());
    return;
  }
  const double dim = static_cast<double>(rotary_dim());
  const double stretch =
      factor_ * static_cast<double>(length) / static_cast<double>(trained_length_) -
      (factor_ - 1.0);
  const double theta = theta_ * std::pow(stretch, dim / (dim - 2.0));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(std::pow(theta, -2.0 * static_cast<double>(i) / dim));
  }
}

void Rope::Fill(std::span<const int32_t> positions, int64_t stride, float* cosine,
                float* sine) const {
  const size_t half = frequencies_.size();
  std::array<float, 512> at_position;
  for (size_t t = 0; t < positions.size(); ++t, cosine += stride, sine += stride) {
    std::span<const float> frequencies = frequencies_;
    if (dynamic_ && half <= at_position.size()) {
      FrequenciesAt(positions[t], std::span(at_position).first(half));
      frequencies = std::span(at_position).first(half);
    }
    for (size_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(positions[t]) * frequencies[i];
      cosine[i] = std::cos(angle) * attention_factor_;
      sine[i] = std::sin(angle) * attention_factor_;
    }
  }
}

}  // namespace skep::models
