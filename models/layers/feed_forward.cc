#include "models/layers/feed_forward.h"

#include <optional>
#include <utility>
#include <vector>

namespace skep::models {
namespace {

class Mlp final : public FeedForward {
 public:
  Mlp(Builder& builder, const Weights& weights, const MlpOptions& options,
      std::string_view input_role)
      : function_(options.function), gated_(options.gated), cutoff_(options.cutoff) {
    const int64_t hidden = options.hidden, width = options.intermediate;
    if (gated_) {
      gate_ = weights.Linear("gate_proj", width, hidden, Partition::kColumn, options.bias);
    }
    up_ = weights.Linear("up_proj", width, hidden, Partition::kColumn, options.bias);
    down_ = weights.Linear("down_proj", hidden, width, Partition::kRow, options.bias);
    input_ = builder.workspace.Values(input_role, hidden, {gate_.matrix.get(), up_.matrix.get()});
    inner_ = builder.workspace.Values("mlp inner", width, {down_.matrix.get()});
  }

  Activation* input() const override { return input_; }

  void AddTo(Step& step, const Activation& x, const NormWeights* post_norm,
             float multiplier) const override {
    ComputeInner(step, x);
    step.ops.ProjectToResidual(*inner_, down_, post_norm, multiplier, step.rows, step.residual);
  }

  // residual += sigmoid(gate(x)) * mlp(x)
  void AddWeighedTo(Step& step, const Activation& x, const LinearWeights& gate) const {
    ComputeInner(step, x);
    step.ops.GatedProjectToResidual(*inner_, down_, x, gate, step.rows, step.residual);
  }

 private:
  void ComputeInner(Step& step, const Activation& x) const {
    if (gated_ && cutoff_) {
      step.ops.SparseGatedProjection(x, gate_, up_, function_, *cutoff_, step.rows, *inner_);
    } else if (gated_) {
      step.ops.GatedProjection(x, gate_, up_, function_, step.rows, *inner_);
    } else {
      step.ops.ActivatedProjection(x, up_, function_, step.rows, *inner_);
    }
  }

  GateFunction function_;
  bool gated_;
  std::optional<float> cutoff_;
  LinearWeights gate_, up_, down_;
  Activation* input_;
  Activation* inner_;
};

class SparseMoe final : public FeedForward {
 public:
  SparseMoe(Builder& builder, const Weights& weights, const MoeOptions& options,
            std::string_view input_role)
      : options_(options) {
    const int64_t hidden = options.hidden, width = options.intermediate;
    const int64_t count = options.router.experts;
    router_ = weights.Linear("gate", count, hidden, Partition::kReplicated, options.router_bias);
    if (options.correction) {
      correction_ = weights.Vector("gate.e_score_correction_bias", count);
    }
    for (int64_t i = 0; i < count; ++i) {
      const Weights place = weights.at("experts").at(i);
      Expert expert;
      expert.gate =
          place.Linear("gate_proj", width, hidden, Partition::kColumn, options.expert_bias);
      expert.up = place.Linear("up_proj", width, hidden, Partition::kColumn, options.expert_bias);
      expert.down = place.Linear("down_proj", hidden, width, Partition::kRow, options.expert_bias);
      builder.workspace.Values(input_role, hidden,
                               {expert.gate.matrix.get(), expert.up.matrix.get()});
      experts_.push_back(std::move(expert));
    }
    input_ = builder.workspace.Values(input_role, hidden, {router_.matrix.get()});
    if (options.shared_intermediate > 0) {
      const MlpOptions shared{hidden, options.shared_intermediate, options.function};
      shared_ = std::make_unique<Mlp>(builder, weights.at("shared_experts"), shared, input_role);
    }
    if (options.shared_gate) {
      shared_gate_ = weights.Linear("shared_expert_gate", 1, hidden);
      builder.workspace.Values(input_role, hidden, {shared_gate_.matrix.get()});
    }
  }

  Activation* input() const override { return input_; }

  // No family norms the sum.
  void AddTo(Step& step, const Activation& x, const NormWeights* /*post_norm*/,
             float multiplier) const override {
    ExpertsArguments arguments;
    arguments.input = &x;
    arguments.router = &router_;
    arguments.correction = correction_;
    arguments.options = options_.router;
    arguments.experts = experts_;
    arguments.function = options_.function;
    arguments.multiplier = multiplier;
    arguments.rows = step.rows;
    arguments.residual = &step.residual;
    step.ops.MixtureOfExperts(arguments);
    if (options_.shared_gate) {
      shared_->AddWeighedTo(step, x, shared_gate_);
    } else if (shared_ != nullptr) {
      shared_->AddTo(step, x, nullptr, multiplier);
    }
  }

 private:
  MoeOptions options_;
  LinearWeights router_;
  std::vector<float> correction_;
  std::vector<Expert> experts_;
  std::unique_ptr<Mlp> shared_;
  LinearWeights shared_gate_;
  Activation* input_;
};

}  // namespace

std::unique_ptr<FeedForward> MakeFeedForward(Builder& builder, const Weights& weights,
                                             const FeedForwardOptions& options,
                                             std::string_view input_role) {
  if (const auto* moe = std::get_if<MoeOptions>(&options)) {
    return std::make_unique<SparseMoe>(builder, weights, *moe, input_role);
  }
  return std::make_unique<Mlp>(builder, weights, std::get<MlpOptions>(options), input_role);
}

}  // namespace skep::models
