#include "models/layers/attention.h"

namespace skep::models {
namespace {

// One scale a head, of vectors that files keep apart.
NormWeights NormOfEachHead(Ops& ops, const Weights& place, int64_t heads, int64_t head_dim,
                           const NormOptions& options) {
  std::vector<float> scale;
  for (int64_t i = 0; i < heads; ++i) {
    const std::vector<float> head = place.at(i).Vector("weight", head_dim);
    scale.insert(scale.end(), head.begin(), head.end());
  }
  NormWeights norm;
  norm.kind = options.kind;
  norm.epsilon = static_cast<float>(options.epsilon);
  norm.scale = ops.MakeVector(scale);
  return norm;
}

}  // namespace

Attention::Attention(Builder& builder, const Weights& weights, const AttentionOptions& options,
                     std::string_view input_role, StatePlace* shared)
    : options_(options), writes_(shared == nullptr), state_(shared) {
  const AttentionShape& shape = options.shape;
  const int64_t q_width = shape.query_heads * shape.head_dim;
  const int64_t k_width = shape.kv_heads * shape.head_dim;
  const int64_t v_width = shape.kv_heads * shape.value_width();
  const int64_t out_width = shape.query_heads * shape.value_width();
  q_ = weights.Linear("q_proj", q_width, options.hidden, Partition::kColumn, options.qkv_bias);
  if (writes_) {
    k_ = weights.Linear("k_proj", k_width, options.hidden, Partition::kColumn, options.qkv_bias);
    v_ = weights.Linear("v_proj", v_width, options.hidden, Partition::kColumn, options.qkv_bias);
  }
  o_ = weights.Linear("o_proj", options.hidden, out_width, Partition::kRow, options.output_bias);
  if (options.qk_norm && options.norm_each_head) {
    q_norm_ = NormOfEachHead(builder.ops, weights.at("q_norm"), shape.query_heads, shape.head_dim,
                             *options.qk_norm);
    if (writes_) {
      k_norm_ = NormOfEachHead(builder.ops, weights.at("k_norm"), shape.kv_heads, shape.head_dim,
                               *options.qk_norm);
    }
  } else if (options.qk_norm) {
    const bool whole_row = options.head_norm == HeadNorm::kWholeRow;
    q_norm_ = weights.Norm("q_norm", whole_row ? q_width : shape.head_dim, *options.qk_norm);
    if (writes_) {
      k_norm_ = weights.Norm("k_norm", whole_row ? k_width : shape.head_dim, *options.qk_norm);
    }
  }
  if (options.v_norm && writes_) {
    v_norm_ = weights.Norm("v_norm", shape.value_width(), *options.v_norm);
  }
  if (options.sinks) {
    sinks_ = builder.ops.MakeVector(weights.Vector("sinks", shape.query_heads));
  }
  if (!options.slopes.empty()) slopes_ = builder.ops.MakeVector(options.slopes);
  if (writes_) {
    const int64_t window = options.chunk > 0 ? options.chunk : options.window;
    state_ = builder.state.Declare(
        {window > 0 ? StateKind::kSlidingWindow : StateKind::kFullAttention, window, shape});
  }
  if (!options.rope.empty()) rope_ = builder.workspace.Rotation(options.rope);
  input_ = builder.workspace.Values(input_role, options.hidden,
                                    {q_.matrix.get(), k_.matrix.get(), v_.matrix.get()});
  queries_ = builder.workspace.Buffer("queries", q_width);
  output_ = builder.workspace.Values("attention output", out_width, {o_.matrix.get()});
}

void Attention::AddTo(Step& step, const Activation& x, const NormWeights* post_norm,
                      float multiplier) const {
  QkvArguments qkv;
  qkv.input = &x;
  qkv.q = &q_;
  qkv.k = writes_ ? &k_ : nullptr;
  qkv.v = writes_ ? &v_ : nullptr;
  qkv.q_norm = q_norm_ ? &*q_norm_ : nullptr;
  qkv.k_norm = k_norm_ ? &*k_norm_ : nullptr;
  qkv.v_norm = v_norm_ ? &*v_norm_ : nullptr;
  qkv.head_norm = options_.head_norm;
  qkv.clip = options_.clip;
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
  attention.chunk = options_.chunk;
  attention.radius = options_.radius;
  attention.sinks = sinks_.defined() ? &sinks_ : nullptr;
  attention.slopes = slopes_.defined() ? &slopes_ : nullptr;
  attention.output = output_;
  step.ops.PagedAttention(attention);

  step.ops.ProjectToResidual(*output_, o_, post_norm, multiplier, step.rows, step.residual);
}

}  // namespace skep::models
