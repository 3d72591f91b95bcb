// Attention whose keys and values are expanded from one latent vector a token, in its absorbed form
// (DeepSeek-AI 2024, "DeepSeek-V2", section 2.1): the cache holds latents, never keys and values.
#ifndef SKEP_MODELS_LAYERS_LATENT_ATTENTION_H_
#define SKEP_MODELS_LAYERS_LATENT_ATTENTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/layers/layer_part.h"
#include "models/layers/options.h"

namespace skep::models {

class LatentAttention final : public Mixer {
 public:
  // `weights`: the place with q_proj, or q_a_proj, q_a_layernorm and q_b_proj; kv_a_proj_with_mqa,
  // kv_a_layernorm, o_proj; and for each head h k_b_proj.h [latent, nope], which is the transpose
  // of what expands its keys, and v_b_proj.h [value_dim, latent].
  LatentAttention(Builder& builder, const Weights& weights, const LatentAttentionOptions& options,
                  std::string_view input_role);

  Activation* input() const override { return input_; }
  void AddTo(Step& step, const Activation& x, const NormWeights* post_norm,
             float multiplier) const override;

 private:
  LatentAttentionOptions options_;
  LinearWeights q_a_, q_, kv_, o_;
  std::optional<NormWeights> q_norm_;
  NormWeights latent_norm_;
  std::vector<LinearWeights> absorb_, expand_;  // of each head
  StatePlace* state_;
  RopeTable* rope_ = nullptr;
  Activation* input_;
  Activation* q_raw_ = nullptr;     // q_a x
  Activation* q_latent_ = nullptr;  // normed
  at::Tensor* queries_;
  Activation* attended_;  // weighted latents
  Activation* output_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_LATENT_ATTENTION_H_
