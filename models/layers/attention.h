// Softmax attention over the paged cache, from normed input to the residual stream.
#ifndef SKEP_MODELS_LAYERS_ATTENTION_H_
#define SKEP_MODELS_LAYERS_ATTENTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/layers/layer_part.h"

namespace skep::models {

struct AttentionOptions {
  int64_t hidden = 0;
  AttentionShape shape;
  float scale = 0.0f;    // of the scores; usually 1 / sqrt(head_dim)
  float softcap = 0.0f;  // > 0: c * tanh(score / c)
  int64_t window = 0;    // > 0: sliding window
  int64_t chunk = 0;     // > 0: attention within chunks of so many positions
  float clip = 0.0f;     // > 0: q, k and v are clamped
  Bias qkv_bias = Bias::kNone;
  Bias output_bias = Bias::kNone;
  // Norms of q and k ("q_norm", "k_norm"), and what they span.
  std::optional<NormOptions> qk_norm;
  HeadNorm head_norm = HeadNorm::kPerHead;
  bool norm_each_head = false;  // kPerHead with a scale for each: "q_norm.{head}", "k_norm.{head}"
  // Name of a RoPE of the model (see DecoderPlan::ropes). Empty: no rotation.
  std::string rope = "rope";
  bool sinks = false;         // "sinks": a logit a head that takes weight and gives no value
  std::vector<float> slopes;  // ALiBi, one a query head; empty: none
};

class Attention final : public Mixer {
 public:
  // `weights`: the place with q_proj, k_proj, v_proj, o_proj. `input_role`: the workspace's values
  // that this part reads.
  Attention(Builder& builder, const Weights& weights, const AttentionOptions& options,
            std::string_view input_role);

  Activation* input() const override { return input_; }
  void AddTo(Step& step, const Activation& x, const NormWeights* post_norm,
             float multiplier) const override;

 private:
  AttentionOptions options_;
  LinearWeights q_, k_, v_, o_;
  std::optional<NormWeights> q_norm_, k_norm_;
  at::Tensor sinks_, slopes_;
  StatePlace* state_;
  RopeTable* rope_ = nullptr;
  Activation* input_;
  at::Tensor* queries_;
  Activation* output_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_ATTENTION_H_
