// The part of a layer that works on each token alone: a dense MLP or a mixture of experts.
#ifndef SKEP_MODELS_LAYERS_FEED_FORWARD_H_
#define SKEP_MODELS_LAYERS_FEED_FORWARD_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

#include "models/layers/layer_part.h"

namespace skep::models {

struct MlpOptions {
  int64_t hidden = 0;
  int64_t intermediate = 0;
  GateFunction function = GateFunction::kSilu;
  // down(f(gate(x)) * up(x)) (Shazeer 2020, "GLU Variants Improve Transformer"), or down(f(up(x))).
  bool gated = true;
  Bias bias = Bias::kNone;
};

// Experts, each a gated MLP, chosen for each token by a router (Shazeer et al. 2017).
struct MoeOptions {
  int64_t hidden = 0;
  int64_t intermediate = 0;  // of an expert
  GateFunction function = GateFunction::kSilu;
  RouterOptions router;
  Bias router_bias = Bias::kNone;
  Bias expert_bias = Bias::kNone;
  bool correction = false;  // "gate.e_score_correction_bias"
  // > 0: an expert of this width that every token goes to ("shared_experts").
  int64_t shared_intermediate = 0;
  bool shared_gate = false;  // times sigmoid(shared_expert_gate(x))
};

using FeedForwardOptions = std::variant<MlpOptions, MoeOptions>;

// `weights`: the place with gate_proj, up_proj, down_proj, or with gate (the router) and experts.
// `input_role`: the workspace's values that this part reads.
std::unique_ptr<FeedForward> MakeFeedForward(Builder& builder, const Weights& weights,
                                             const FeedForwardOptions& options,
                                             std::string_view input_role);

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_FEED_FORWARD_H_
