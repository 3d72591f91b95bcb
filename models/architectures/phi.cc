// Phi-1, 1.5 and 2: attention and MLP side by side on one norm, biases everywhere, RoPE on a part
// of each head. Li et al. 2023, "Textbooks Are All You Need II: phi-1.5 technical report".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_bias = Bias::kRequired,
                                                                 .norm_epsilon = 1e-5,
                                                                 .partial_rotary_factor = 0.5,
                                                                 .activation = "gelu_new",
                                                                 .gated = false}));
  plan.decoder.head_bias = Bias::kRequired;
  SetLinearBias(plan, Bias::kRequired, Bias::kRequired);
  SKEP_ASSIGN_OR_RETURN(const bool qk_norm, view.BoolOr("qk_layernorm", false));
  for (LayerOptions& layer : plan.layers) {
    layer.residual = Residual::kParallel;
    if (qk_norm) layer.attention.qk_norm = layer.norm;
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape()});
  std::vector<WeightRule> rules;
  const std::string layer = "model.layers.{}.", attention = layer + "self_attn.";
  AddWeightAndBias(attention + "o_proj", attention + "dense", {}, rules);
  AddWeightAndBias(attention + "q_norm", attention + "q_layernorm", {}, rules);
  AddWeightAndBias(attention + "k_norm", attention + "k_layernorm", {}, rules);
  AddWeightAndBias(layer + "mlp.up_proj", layer + "mlp.fc1", {}, rules);
  AddWeightAndBias(layer + "mlp.down_proj", layer + "mlp.fc2", {}, rules);
  AddWeightAndBias("model.norm", "model.final_layernorm", {}, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"PhiForCausalLM", "phi"};
constexpr std::string_view kGgufNames[] = {"phi2"};

}  // namespace

Architecture Phi() { return {"phi", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
