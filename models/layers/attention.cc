#include "models/layers/attention.h"

namespace skep::models {

Attention::Attention(Builder& builder, const Weights& weights, const AttentionOptions& options)
    : options_(options) {
  const AttentionShape& shape = options.shape;
  const int64_t q_width = shape.query_heads * shape.head_dim;
  const int64_t kv_width = shape.kv_heads * shape.head_dim;
  q_ = weights.Linear("q_proj", q_width, options.hidden, Partition::kColumn, options.qkv_bias);
  k_ = weights.Linear("k_proj", kv_width, options.hidden, Partition::kColumn, options.qkv_bias);
  v_ = weights.Linear("v_proj", kv_width, options.hidden, Partition::kColumn, options.qkv_bias);
  o_ = weights.Linear("o_proj", options.hidden, q_width, Partition::kRow, options.output_bias);
  if (options.qk_norm) {
    q_norm_ =
        weights.Norm("q_norm", shape.head_dim, options.qk_norm_epsilon, options.qk_norm_offset);
    k_norm_ =
        weights.Norm("k_norm", shape.head_dim, options.qk_norm_epsilon, options.qk_norm_offset);
  }
  state_ = builder.state.Declare(
      {options.window > 0 ? StateKind::kSlidingWindow : StateKind::kFullAttention, options.window,
       shape});
  if (options.rope != nullptr) {
    rope_ = builder.workspace.Rotation(options.rope_name, *options.rope);
  }
  input_ = builder.workspace.Values("attention input", options.hidden,
                                    {q_.matrix.get(), k_.matrix.get(), v_.matrix.get()});
  queries_ = builder.workspace.Buffer("queries", q_width);
  output_ = builder.workspace.Values("attention output", q_width, {o_.matrix.get()});
}

void Attention::AddTo(Step& step, const Activation& x, const NormWeights* post_norm) const {
  QkvArguments qkv;
  qkv.input = &x;
  qkv.q = &q_;
  qkv.k = &k_;
  qkv.v = &v_;
  qkv.q_norm = q_norm_ ? &*q_norm_ : nullptr;
  qkv.k_norm = k_norm_ ? &*k_norm_ : nullptr;
  qkv.rope = rope_;
  qkv.shape = options_.shape;
  qkv.group = state_->group;
  qkv.cache = &state_->cache;
  qkv.queries = queries_;
  step.ops.QkvToCache(qkv);

  AttentionArguments attention;
  attention.queries = queries_;
  attention.cache = &state_->cache;
  attention.shape = options_.shape;
  attention.group = state_->group;
  attention.scale = options_.scale;
  attention.softcap = options_.softcap;
  attention.output = output_;
  step.ops.PagedAttention(attention);

  step.ops.ProjectToResidual(*output_, o_, post_norm, /*multiplier=*/1.0f, step.rows,
                             step.residual);
}

}  // namespace skep::models
