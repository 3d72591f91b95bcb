#include "models/ops/routing.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skep::models {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

int64_t IndexOfLargest(std::span<const float> values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

// x -> softmax(x), in place; entries of -infinity become 0.
void Softmax(std::span<float> x) {
  const float largest = *std::max_element(x.begin(), x.end());
  float sum = 0.0f;
  for (float& value : x) sum += value = std::exp(value - largest);
  for (float& value : x) value /= sum;
}

}  // namespace

void Router::LimitToGroups(const RouterOptions& options) {
  const int64_t size = options.experts / options.groups;
  groups_.resize(options.groups);
  for (int64_t g = 0; g < options.groups; ++g) {
    float best = kNever, second = kNever;
    for (int64_t i = g * size; i < (g + 1) * size; ++i) {
      second = std::max(second, std::min(best, choice_[i]));
      best = std::max(best, choice_[i]);
    }
    const bool both = options.group_score == RouterOptions::GroupScore::kTopTwoSum && size > 1;
    groups_[g] = both ? best + second : best;
  }
  for (int64_t kept = 0; kept < options.used_groups; ++kept) {
    groups_[IndexOfLargest(groups_)] = kNever;
  }
  for (int64_t g = 0; g < options.groups; ++g) {
    if (groups_[g] == kNever) continue;
    // DeepSeek V2 leaves the others a score of 0, which no softmax of theirs undercuts.
    std::fill_n(choice_.begin() + g * size, size, kNever);
  }
}

void Router::Reserve(const RouterOptions& options) {
  scores_.reserve(options.experts);
  choice_.reserve(options.experts);
  groups_.reserve(options.groups);
}

void Router::Choose(std::span<const float> logits, std::span<const float> correction,
                    const RouterOptions& options, int32_t* experts, float* weights) {
  if (options.score == RouterOptions::Score::kSparseMixer) {
    return ChooseSparseMixer(logits, options, experts, weights);
  }
  scores_.assign(logits.begin(), logits.end());
  if (options.score == RouterOptions::Score::kSoftmax) Softmax(scores_);
  if (options.score == RouterOptions::Score::kSigmoid) {
    for (float& score : scores_) score = 1.0f / (1.0f + std::exp(-score));
  }
  choice_ = scores_;
  for (size_t i = 0; i < correction.size(); ++i) choice_[i] += correction[i];
  if (options.used_groups < options.groups) LimitToGroups(options);

  float sum = 0.0f;
  for (int64_t i = 0; i < options.used; ++i) {
    const int64_t expert = IndexOfLargest(choice_);
    choice_[expert] = kNever;
    experts[i] = static_cast<int32_t>(expert);
    sum += weights[i] = scores_[expert];
  }
  if (options.score == RouterOptions::Score::kSelectedSoftmax) {
    Softmax({weights, static_cast<size_t>(options.used)});
    sum = 1.0f;
  }
  // As the original adds it, so that all scores may be 0.
  const float divisor = options.renormalize ? sum + 1e-20f : 1.0f;
  for (int64_t i = 0; i < options.used; ++i) weights[i] = weights[i] / divisor * options.scale;
}

void Router::ChooseSparseMixer(std::span<const float> logits, const RouterOptions& options,
                               int32_t* experts, float* weights) {
  choice_.assign(logits.begin(), logits.end());
  for (int64_t i = 0; i < options.used; ++i) {
    const int64_t expert = IndexOfLargest(choice_);
    const float largest = choice_[expert];
    scores_ = choice_;
    for (size_t j = 0; j < scores_.size(); ++j) {
      const float distance = (largest - logits[j]) / std::max(std::fabs(logits[j]), largest);
      if (distance > 2 * options.jitter) scores_[j] = kNever;
    }
    Softmax(scores_);
    experts[i] = static_cast<int32_t>(expert);
    weights[i] = scores_[expert];
    choice_[expert] = kNever;
  }
}

}  // namespace skep::models
