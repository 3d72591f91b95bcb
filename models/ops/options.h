// What operations are told besides tensors: plain data, which plans of models are made of too.
#ifndef SKEP_MODELS_OPS_OPTIONS_H_
#define SKEP_MODELS_OPS_OPTIONS_H_

#include <cstdint>

namespace skep::models {

// kRms: x / rms(x) (Zhang and Sennrich 2019). kLayer: (x - mean) / deviation (Ba et al. 2016).
// kNone: x itself, for blocks whose parts read the residual stream as it is; times the scale where
// there is one.
enum class NormKind { kRms, kLayer, kNone };

// kReluSquared: max(x, 0)^2. kClampedSwish: of gpt-oss, only as a gate:
// g sigmoid(1.702 g) (u + 1) of g = min(gate, 7) and u = clamp(up, -7, 7).
enum class GateFunction {
  kSilu,
  kGeluTanh,
  kGeluErf,
  kRelu,
  kReluSquared,
  kTanh,
  kIdentity,
  kClampedSwish,
};

// Residual streams that a model may keep beside each other.
inline constexpr int64_t kMaxStreams = 8;

struct AttentionShape {
  int64_t query_heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;   // of queries and keys
  int64_t value_dim = 0;  // of values; 0: head_dim

  int64_t value_width() const { return value_dim > 0 ? value_dim : head_dim; }
};

// What is normed together, and when: each head (with one scale for all heads, or one for each), or
// the whole row; before RoPE, or after it.
enum class HeadNorm { kPerHead, kWholeRow, kPerHeadAfterRope };

// How a router's logits choose experts and weigh them. Shared by the backends: see
// models/ops/routing.h.
struct RouterOptions {
  enum class Score {
    kSoftmax,          // of all logits
    kSigmoid,          // each on its own
    kSelectedSoftmax,  // of the chosen logits
    kSparseMixer,      // PhiMoE's two thresholded softmaxes (Liu et al. 2024, "GRIN")
  };
  enum class GroupScore { kMax, kTopTwoSum };

  int64_t experts = 0;
  int64_t used = 0;  // a token
  Score score = Score::kSoftmax;
  bool renormalize = false;  // chosen weights sum to 1, times `scale`
  float scale = 1.0f;
  // Experts in `groups` equal groups; only those of the best `used_groups` can be chosen.
  int64_t groups = 1;
  int64_t used_groups = 1;
  GroupScore group_score = GroupScore::kTopTwoSum;
  bool scale_input = false;  // the weight multiplies the expert's input, not its output (Llama 4)
  float jitter = 0.0f;       // kSparseMixer's threshold
};

}  // namespace skep::models

#endif  // SKEP_MODELS_OPS_OPTIONS_H_
