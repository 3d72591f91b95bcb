// Gemma 1 to 3 (text): norms that multiply by 1 + w, embeddings times the root of their width. From
// the second on: norms before and after each part, and sliding windows; 2 caps scores and logits; 3
// norms the heads of q and k and has a RoPE of its own for the sliding layers. Gemma Team 2024,
// "Gemma"; 2024, "Gemma 2"; 2025, "Gemma 3 Technical Report".
#include <cmath>
#include <string>

#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kGemma2FullEvery = 2;  // where the configuration does not list layer types
constexpr int64_t kGemma3FullEvery = 6;
constexpr double kSlidingTheta = 10000.0;  // where it does not give the sliding layers' RoPE base

// Scores are scaled by its inverse square root.
absl::StatusOr<double> ReadQueryScalar(const ConfigView& view, const DecoderPlan& plan,
                                       size_t layers_of_largest) {
  const AttentionShape& shape = plan.shape();
  double scalar = static_cast<double>(shape.head_dim);
  if (!view.is_gguf()) {
    SKEP_ASSIGN_OR_RETURN(scalar, view.RequiredFloat("query_pre_attn_scalar"));
  } else if (plan.layers.size() == layers_of_largest) {
    // GGUF does not store it. It is the head's width but for the 27B models.
    scalar = static_cast<double>(plan.decoder.hidden) / static_cast<double>(shape.query_heads);
  }
  if (scalar > 0) return scalar;
  return absl::InvalidArgumentError("query_pre_attn_scalar must be above 0");
}

absl::StatusOr<DecoderPlan> ReadGemma(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckBool(view, "use_bidirectional_attention", false));
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.head_dim_required = true,
                                                                 .activation = "gelu_pytorch_tanh",
                                                                 .tied = true}));
  SKEP_RETURN_IF_ERROR(ReadBiases(view, plan));
  // Checkpoints keep w for a scale of 1 + w; GGUF keeps the scale.
  plan.decoder.norm.offset = view.is_gguf() ? 0.0f : 1.0f;
  plan.decoder.embedding_scale = std::sqrt(static_cast<float>(plan.decoder.hidden));
  plan.round_embedding_scale = true;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    plan.layers[i].norm = plan.decoder.norm;
    // The first releases say "gelu" and mean its approximation.
    if (plan.mlp(i).function == GateFunction::kGeluErf) {
      plan.mlp(i).function = GateFunction::kGeluTanh;
    }
  }
  return plan;
}

// What the second and third have in common.
absl::StatusOr<DecoderPlan> ReadSandwich(const ConfigView& view, size_t layers_of_largest) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadGemma(view));
  SKEP_ASSIGN_OR_RETURN(const double query_scalar, ReadQueryScalar(view, plan, layers_of_largest));
  SKEP_ASSIGN_OR_RETURN(const double scores_cap, view.FloatOr("attn_logit_softcapping", 0));
  SKEP_ASSIGN_OR_RETURN(const double logits_cap, view.FloatOr("final_logit_softcapping", 0));
  plan.decoder.logits_softcap = static_cast<float>(logits_cap);
  for (LayerOptions& layer : plan.layers) {
    layer.residual = Residual::kSandwich;
    layer.mlp_norm = "pre_feedforward_layernorm";
    layer.attention.scale = static_cast<float>(1.0 / std::sqrt(query_scalar));
    layer.attention.softcap = static_cast<float>(scores_cap);
  }
  return plan;
}

absl::StatusOr<DecoderPlan> ReadGemma2(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadSandwich(view, /*layers_of_largest=*/46));
  SKEP_RETURN_IF_ERROR(ReadSlidingLayers(view, kGemma2FullEvery, "rope", plan));
  return plan;
}

absl::StatusOr<DecoderPlan> ReadGemma3(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadSandwich(view, /*layers_of_largest=*/62));
  SKEP_RETURN_IF_ERROR(ReadSlidingLayers(view, kGemma3FullEvery, "sliding rope", plan));
  const RopeDefaults rope{.theta = 1e6, .sliding_theta = kSlidingTheta};
  SKEP_ASSIGN_OR_RETURN(plan.ropes["rope"].parameters, view.Rope("full_attention", rope));
  SKEP_ASSIGN_OR_RETURN(plan.ropes["sliding rope"].parameters,
                        view.Rope("sliding_attention", rope));
  for (LayerOptions& layer : plan.layers) layer.attention.qk_norm = layer.norm;
  // Of the models that also see, only the text part is served.
  Ignore({"vision_tower.", "multi_modal_projector."}, plan);
  return plan;
}

template <absl::StatusOr<DecoderPlan> (*kRead)(const ConfigView&)>
absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, kRead(view));
  if (!view.is_gguf()) return std::vector<WeightRule>();
  std::vector<WeightRule> rules = GgufDecoderRules({plan.shape()});
  if (plan.layers.front().residual == Residual::kSandwich) AddGgufSandwichNorms(rules);
  return rules;
}

constexpr std::string_view kGemmaNames[] = {"GemmaForCausalLM", "gemma"};
constexpr std::string_view kGemmaGguf[] = {"gemma"};
constexpr std::string_view kGemma2Names[] = {"Gemma2ForCausalLM", "gemma2"};
constexpr std::string_view kGemma2Gguf[] = {"gemma2"};
constexpr std::string_view kGemma3Names[] = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration",
                                             "gemma3_text", "gemma3"};
constexpr std::string_view kGemma3Gguf[] = {"gemma3"};

}  // namespace

Architecture Gemma() { return {"gemma", kGemmaNames, kGemmaGguf, ReadGemma, Rules<ReadGemma>}; }
Architecture Gemma2() {
  return {"gemma2", kGemma2Names, kGemma2Gguf, ReadGemma2, Rules<ReadGemma2>};
}
Architecture Gemma3() {
  return {"gemma3", kGemma3Names, kGemma3Gguf, ReadGemma3, Rules<ReadGemma3>};
}

}  // namespace skep::models::architectures
