#include "models/layers/transformer_layer.h"

namespace skep::models {
namespace {

// Parts that read the same values share them.
const char* AttentionInput(Residual residual) {
  return residual == Residual::kParallel ? "layer input" : "attention input";
}
const char* FeedForwardInput(Residual residual) {
  return residual == Residual::kParallel ? "layer input" : "mlp input";
}

std::unique_ptr<Mixer> MakeMixer(Builder& builder, const Weights& weights,
                                 const LayerOptions& options) {
  const char* input = AttentionInput(options.residual);
  if (options.latent) {
    return std::make_unique<LatentAttention>(builder, weights, *options.latent, input);
  }
  return std::make_unique<Attention>(builder, weights, options.attention, input);
}

}  // namespace

TransformerLayer::TransformerLayer(Builder& builder, const Weights& weights,
                                   const LayerOptions& options)
    : residual_(options.residual),
      multiplier_(options.residual_multiplier),
      mixer_(MakeMixer(builder, weights.at("self_attn"), options)),
      feed_forward_(MakeFeedForward(builder, weights.at("mlp"), options.feed_forward,
                                    FeedForwardInput(options.residual))) {
  const int64_t hidden = options.attention.hidden;
  const auto load = [&](const std::string& name) {
    NormWeights none;
    none.kind = NormKind::kNone;
    return name.empty() ? none : weights.Norm(name, hidden, options.norm);
  };
  if (residual_ == Residual::kPostNorm || residual_ == Residual::kDeepNorm) {
    mixer_norm_.emplace(load(""), mixer_->input());
    mlp_norm_.emplace(load(""), feed_forward_->input());
  } else {
    mixer_norm_.emplace(load(options.attention_norm), mixer_->input());
    if (residual_ != Residual::kParallel) {
      mlp_norm_.emplace(load(options.mlp_norm), feed_forward_->input());
    }
  }
  if (residual_ == Residual::kDeepNorm) {
    mixer_stream_norm_.emplace(load(options.attention_norm));
    mlp_stream_norm_.emplace(load(options.mlp_norm));
  }
  if (residual_ == Residual::kPostNorm || residual_ == Residual::kSandwich) {
    mixer_post_norm_ = load(options.attention_post_norm);
    mlp_post_norm_ = load(options.mlp_post_norm);
  }
}

void TransformerLayer::Forward(Step& step) const {
  const NormWeights* mixer_post = mixer_post_norm_ ? &*mixer_post_norm_ : nullptr;
  const NormWeights* mlp_post = mlp_post_norm_ ? &*mlp_post_norm_ : nullptr;
  if (mixer_stream_norm_) (*mixer_stream_norm_)(step);
  const Activation& x = (*mixer_norm_)(step);
  // Parallel parts read the stream as it was before either added to it.
  const Activation* parallel = nullptr;
  if (residual_ == Residual::kParallel) parallel = &x;
  if (residual_ == Residual::kParallelTwo) parallel = &(*mlp_norm_)(step);
  mixer_->AddTo(step, x, mixer_post, multiplier_);
  if (mlp_stream_norm_) (*mlp_stream_norm_)(step);
  feed_forward_->AddTo(step, parallel != nullptr ? *parallel : (*mlp_norm_)(step), mlp_post,
                       multiplier_);
}

}  // namespace skep::models
