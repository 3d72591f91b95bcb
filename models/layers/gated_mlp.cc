#include "models/layers/gated_mlp.h"

namespace skep::models {

GatedMlp::GatedMlp(Builder& builder, const Weights& weights, const GatedMlpOptions& options)
    : function_(options.function) {
  const int64_t hidden = options.hidden, width = options.intermediate;
  gate_ = weights.Linear("gate_proj", width, hidden, Partition::kColumn, options.bias);
  up_ = weights.Linear("up_proj", width, hidden, Partition::kColumn, options.bias);
  down_ = weights.Linear("down_proj", hidden, width, Partition::kRow, options.bias);
  input_ = builder.workspace.Values("mlp input", hidden, {gate_.matrix.get(), up_.matrix.get()});
  gated_ = builder.workspace.Values("mlp gated", width, {down_.matrix.get()});
}

void GatedMlp::AddTo(Step& step, const Activation& x, const NormWeights* post_norm) const {
  step.ops.GatedProjection(x, gate_, up_, function_, step.rows, *gated_);
  step.ops.ProjectToResidual(*gated_, down_, post_norm, /*multiplier=*/1.0f, step.rows,
                             step.residual);
}

}  // namespace skep::models
