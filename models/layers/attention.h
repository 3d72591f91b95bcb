// Softmax attention over the paged cache, from normed input to the residual stream.
#ifndef SKEP_MODELS_LAYERS_ATTENTION_H_
#define SKEP_MODELS_LAYERS_ATTENTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/layers/layer_part.h"
#include "models/layers/options.h"

namespace skep::models {

class Attention final : public Mixer {
 public:
  // `weights`: the place with q_proj, k_proj, v_proj, o_proj. `input_role`: the workspace's values
  // that this part reads. `shared`: where another layer keeps the keys and values that this one
  // reads too, without projections of its own; null: it keeps its own.
  Attention(Builder& builder, const Weights& weights, const AttentionOptions& options,
            std::string_view input_role, StatePlace* shared = nullptr);

  Activation* input() const override { return input_; }
  StatePlace* state() const { return state_; }
  void AddTo(Step& step, const Activation& x, const NormWeights* post_norm,
             float multiplier) const override;

 private:
  AttentionOptions options_;
  bool writes_;  // keys and values
  LinearWeights q_, k_, v_, o_;
  std::optional<NormWeights> q_norm_, k_norm_, v_norm_;
  at::Tensor sinks_, slopes_;
  StatePlace* state_;
  RopeTable* rope_ = nullptr;
  Activation* input_;
  at::Tensor* queries_;
  Activation* output_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_ATTENTION_H_
