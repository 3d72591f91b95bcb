#include "models/layers/latent_attention.h"

namespace skep::models {

LatentAttention::LatentAttention(Builder& builder, const Weights& weights,
                                 const LatentAttentionOptions& options, std::string_view input_role)
    : options_(options) {
  const int64_t q_width = options.heads * (options.nope + options.rotated);
  const int64_t out_width = options.heads * options.value_dim;
  const NormOptions norm{.epsilon = options.norm_epsilon};
  Workspace& workspace = builder.workspace;
  if (options.query_latent > 0) {
    q_a_ = weights.Linear("q_a_proj", options.query_latent, options.hidden, Partition::kReplicated,
                          options.bias);
    q_norm_ = weights.Norm("q_a_layernorm", options.query_latent, norm);
    q_ = weights.Linear("q_b_proj", q_width, options.query_latent, Partition::kColumn);
    q_raw_ = workspace.Values("query latent before norm", options.query_latent, {});
    q_latent_ = workspace.Values("query latent", options.query_latent, {q_.matrix.get()});
  } else {
    q_ = weights.Linear("q_proj", q_width, options.hidden, Partition::kColumn);
  }
  kv_ = weights.Linear("kv_a_proj_with_mqa", options.latent + options.rotated, options.hidden,
                       Partition::kReplicated, options.bias);
  latent_norm_ = weights.Norm("kv_a_layernorm", options.latent, norm);
  attended_ = workspace.Values("weighted latents", options.heads * options.latent, {});
  for (int64_t h = 0; h < options.heads; ++h) {
    absorb_.push_back(
        weights.at("k_b_proj").Linear(std::to_string(h), options.latent, options.nope));
    expand_.push_back(
        weights.at("v_b_proj").Linear(std::to_string(h), options.value_dim, options.latent));
  }
  o_ = weights.Linear("o_proj", options.hidden, out_width, Partition::kRow, options.bias);
  state_ = builder.state.Declare({StateKind::kFullAttention, /*window=*/0, options.shape()});
  if (!options.rope.empty()) rope_ = workspace.Rotation(options.rope);
  const LinearWeights& first = options.query_latent > 0 ? q_a_ : q_;
  input_ = workspace.Values(input_role, options.hidden, {first.matrix.get(), kv_.matrix.get()});
  queries_ = workspace.Buffer("queries", options.heads * options.shape().head_dim);
  output_ = workspace.Values("attention output", out_width, {o_.matrix.get()});
}

void LatentAttention::AddTo(Step& step, const Activation& x, const NormWeights* post_norm,
                            float multiplier) const {
  const Activation* query_input = &x;
  if (q_norm_) {
    step.ops.ActivatedProjection(x, q_a_, GateFunction::kIdentity, step.rows, *q_raw_);
    step.ops.Norm(q_raw_->values, *q_norm_, step.rows, *q_latent_);
    query_input = q_latent_;
  }
  LatentArguments latent;
  latent.query_input = query_input;
  latent.q = &q_;
  latent.input = &x;
  latent.kv = &kv_;
  latent.latent_norm = &latent_norm_;
  latent.absorb = absorb_;
  latent.rope = rope_;
  latent.shape = options_.shape();
  latent.group = state_->group;
  latent.cache = &state_->cache;
  latent.queries = queries_;
  step.ops.LatentToCache(latent);

  AttentionArguments attention;
  attention.queries = queries_;
  attention.cache = &state_->cache;
  attention.shape = options_.shape();
  attention.group = state_->group;
  attention.scale = options_.scale;
  attention.output = attended_;
  step.ops.PagedAttention(attention);

  step.ops.ProjectHeads(*attended_, expand_, step.rows, *output_);
  step.ops.ProjectToResidual(*output_, o_, post_norm, multiplier, step.rows, step.residual);
}

}  // namespace skep::models
