// Softmax attention over the paged cache, from normed input to the residual stream.
#ifndef SKEP_MODELS_LAYERS_ATTENTION_H_
#define SKEP_MODELS_LAYERS_ATTENTION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "models/layers/builder.h"

namespace skep::models {

struct AttentionOptions {
  int64_t hidden = 0;
  AttentionShape shape;
  float scale = 0.0f;    // of the scores, usually 1 / sqrt(head_dim)
  float softcap = 0.0f;  // > 0: c * tanh(score / c)
  int64_t window = 0;    // > 0: sliding window
  Bias qkv_bias = Bias::kNone;
  Bias output_bias = Bias::kNone;
  // RMS norm over each head of q and k before RoPE ("q_norm", "k_norm").
  bool qk_norm = false;
  float qk_norm_epsilon = 0.0f;
  float qk_norm_offset = 0.0f;
  const Rope* rope = nullptr;      // null: no rotation
  std::string rope_name = "rope";  // layers with the same rope share its table
};

class Attention final {
 public:
  // `weights`: the place with q_proj, k_proj, v_proj, o_proj.
  Attention(Builder& builder, const Weights& weights, const AttentionOptions& options);

  // Where the norm before this part has to put its result.
  Activation* input() const { return input_; }

  // residual += post_norm(attention(x)); post_norm may be null.
  void AddTo(Step& step, const Activation& x, const NormWeights* post_norm = nullptr) const;

 private:
  AttentionOptions options_;
  LinearWeights q_, k_, v_, o_;
  std::optional<NormWeights> q_norm_, k_norm_;
  StatePlace* state_;
  RopeTable* rope_ = nullptr;
  Activation* input_;
  at::Tensor* queries_;
  Activation* output_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_ATTENTION_H_
