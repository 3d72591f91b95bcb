// One layer of a transformer: a part that mixes tokens (attention) and a feed-forward part around a
// residual stream.
#ifndef SKEP_MODELS_LAYERS_TRANSFORMER_LAYER_H_
#define SKEP_MODELS_LAYERS_TRANSFORMER_LAYER_H_

#include <memory>
#include <optional>
#include <string>

#include "models/layers/attention.h"
#include "models/layers/block.h"
#include "models/layers/feed_forward.h"
#include "models/layers/latent_attention.h"
#include "models/layers/norm.h"
#include "models/layers/options.h"

namespace skep::models {

class TransformerLayer final : public Block {
 public:
  TransformerLayer(Builder& builder, const Weights& weights, const LayerOptions& options);
  void Forward(Step& step) const override;

 private:
  Residual residual_;
  float multiplier_;
  std::unique_ptr<Mixer> mixer_;
  std::unique_ptr<FeedForward> feed_forward_;
  std::optional<StreamNorm> mixer_stream_norm_, mlp_stream_norm_;  // kDeepNorm
  std::optional<Norm> mixer_norm_, mlp_norm_;
  std::optional<NormWeights> mixer_post_norm_, mlp_post_norm_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_TRANSFORMER_LAYER_H_
