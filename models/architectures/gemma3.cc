// Gemma 3 (text). Norms before and after each part, norms over the heads of q and k, five layers
// with a sliding window and a RoPE of their own for each that sees everything.
// Gemma Team 2025, "Gemma 3 Technical Report".
#include <cmath>

#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kFullEvery = 6;          // where the configuration does not list layer types
constexpr double kSlidingTheta = 10000.0;  // where it does not give the sliding layers' RoPE base

// Scores are scaled by its inverse square root.
absl::StatusOr<double> ReadQueryScalar(const ConfigView& view, const DecoderPlan& plan) {
  const AttentionShape& shape = plan.shape();
  double scalar = static_cast<double>(shape.head_dim);
  if (!view.is_gguf()) {
    SKEP_ASSIGN_OR_RETURN(scalar, view.RequiredFloat("query_pre_attn_scalar"));
  } else if (plan.layers.size() == 62) {
    // GGUF does not store it. It is the head's width but for the 27B model, which has 62 layers.
    scalar = static_cast<double>(plan.decoder.hidden) / static_cast<double>(shape.query_heads);
  }
  if (scalar > 0) return scalar;
  return absl::InvalidArgumentError("query_pre_attn_scalar must be above 0");
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckZero(view, "attn_logit_softcapping", "attention softcapping"));
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.head_dim_required = true,
                                                                 .activation = "gelu_pytorch_tanh",
                                                                 .tied = true}));
  SKEP_ASSIGN_OR_RETURN(const double query_scalar, ReadQueryScalar(view, plan));
  SKEP_ASSIGN_OR_RETURN(const int64_t window, ReadWindow(view));
  SKEP_ASSIGN_OR_RETURN(const auto types, view.LayerTypes(plan.layers.size(), kFullEvery));
  const RopeDefaults rope{.theta = 1e6, .sliding_theta = kSlidingTheta};
  SKEP_ASSIGN_OR_RETURN(plan.ropes["rope"].parameters, view.Rope("full_attention", rope));
  SKEP_ASSIGN_OR_RETURN(plan.ropes["sliding rope"].parameters,
                        view.Rope("sliding_attention", rope));
  SKEP_ASSIGN_OR_RETURN(const double softcap, view.FloatOr("final_logit_softcapping", 0));

  // Checkpoints keep w for a scale of 1 + w; GGUF keeps the scale.
  plan.decoder.norm.offset = view.is_gguf() ? 0.0f : 1.0f;
  plan.decoder.embedding_scale = std::sqrt(static_cast<float>(plan.decoder.hidden));
  plan.round_embedding_scale = true;
  plan.decoder.logits_softcap = static_cast<float>(softcap);
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    LayerOptions& layer = plan.layers[i];
    layer.residual = Residual::kSandwich;
    layer.norm = plan.decoder.norm;
    layer.mlp_norm = "pre_feedforward_layernorm";
    AttentionOptions& attention = layer.attention;
    attention.scale = static_cast<float>(1.0 / std::sqrt(query_scalar));
    attention.qk_norm = layer.norm;
    if (types[i] == "sliding_attention") {
      attention.window = window;
      attention.rope = "sliding rope";
    }
  }
  // Of the models that also see, only the text part is served.
  plan.ignored_prefixes = {"vision_tower.", "multi_modal_projector."};
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  if (!view.is_gguf()) return std::vector<WeightRule>();
  std::vector<WeightRule> rules = GgufDecoderRules({plan.shape()});
  AddGgufSandwichNorms(rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {
    "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration", "gemma3_text", "gemma3"};
constexpr std::string_view kGgufNames[] = {"gemma3"};

}  // namespace

Architecture Gemma3() {
  return DecoderFamily<Read>("gemma3", kHuggingFaceNames, kGgufNames, Rules);
}

}  // namespace skep::models::architectures
