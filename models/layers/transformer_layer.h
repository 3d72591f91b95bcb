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

namespace skep::models {

// Where a layer norms. A is attention, F the feed-forward part, N a norm of its own each time.
enum class Residual {
  kPreNorm,      // x += A(N(x)); x += F(N(x))
  kPostNorm,     // x += N(A(x)); x += N(F(x))
  kSandwich,     // x += N(A(N(x))); x += N(F(N(x)))
  kParallel,     // x += A(N(x)) + F(N(x)), one norm for both
  kParallelTwo,  // x += A(N(x)) + F(N(x)), two norms
};

struct LayerOptions {
  Residual residual = Residual::kPreNorm;
  NormOptions norm;
  AttentionOptions attention;
  std::optional<LatentAttentionOptions> latent;  // in place of `attention`
  FeedForwardOptions feed_forward;
  float residual_multiplier = 1.0f;
  // Canonical names below the layer's place. The post norms are those of kPostNorm and kSandwich.
  std::string attention_norm = "input_layernorm";
  std::string attention_post_norm = "post_attention_layernorm";
  std::string mlp_norm = "post_attention_layernorm";
  std::string mlp_post_norm = "post_feedforward_layernorm";
};

class TransformerLayer final : public Block {
 public:
  TransformerLayer(Builder& builder, const Weights& weights, const LayerOptions& options);
  void Forward(Step& step) const override;

 private:
  Residual residual_;
  float multiplier_;
  std::unique_ptr<Mixer> mixer_;
  std::unique_ptr<FeedForward> feed_forward_;
  std::optional<Norm> mixer_norm_, mlp_norm_;
  std::optional<NormWeights> mixer_post_norm_, mlp_post_norm_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_TRANSFORMER_LAYER_H_
