// OLMo 1: norms without parameters, and q, k and v clipped. OLMo 2: norms only of what the parts
// give, and over the whole rows of q and k. OLMo 3: the same with sliding windows, whose layers'
// RoPE is not scaled. OLMoE: OLMo 2's norms of q and k in Llama's order, with a mixture of experts.
// Groeneveld et al. 2024, "OLMo"; OLMo Team 2024, "2 OLMo 2 Furious"; Muennighoff et al. 2024,
// "OLMoE".
#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kFullEvery = 4;  // of OLMo 3, where the configuration does not list layer types

absl::StatusOr<DecoderPlan> ReadShared(const ConfigView& view, const FamilyDefaults& defaults) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, defaults));
  SKEP_RETURN_IF_ERROR(ReadBiases(view, plan));
  SKEP_ASSIGN_OR_RETURN(const double clip, view.FloatOr("clip_qkv", 0));
  for (LayerOptions& layer : plan.layers) layer.attention.clip = static_cast<float>(clip);
  return plan;
}

void NormQueriesAndKeys(DecoderPlan& plan) {
  for (LayerOptions& layer : plan.layers) {
    layer.attention.qk_norm = layer.norm;
    layer.attention.head_norm = HeadNorm::kWholeRow;
  }
}

absl::StatusOr<DecoderPlan> ReadOlmo(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadShared(view, {.norm = NormKind::kLayer}));
  plan.decoder.norm = {.kind = NormKind::kLayer, .epsilon = 1e-5, .scale = false};
  for (LayerOptions& layer : plan.layers) layer.norm = plan.decoder.norm;
  return plan;
}

absl::StatusOr<DecoderPlan> ReadOlmo2(const ConfigView& view) {
  const bool windows = view.Has("sliding_window");  // OLMo 3
  const FamilyDefaults defaults{.norm_epsilon = 1e-5, .rope_theta = windows ? 5e5 : 1e4};
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadShared(view, defaults));
  for (LayerOptions& layer : plan.layers) layer.residual = Residual::kPostNorm;
  NormQueriesAndKeys(plan);
  if (!windows) return plan;
  const double theta = plan.ropes["rope"].parameters.theta;
  SKEP_RETURN_IF_ERROR(ReadSlidingLayers(view, kFullEvery, "sliding rope", plan));
  SKEP_ASSIGN_OR_RETURN(plan.ropes["sliding rope"].parameters,
                        view.Rope("sliding_attention", {.theta = theta, .sliding_theta = theta}));
  return plan;
}

absl::StatusOr<DecoderPlan> ReadOlmoe(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadShared(view, {.norm_epsilon = 1e-5}));
  NormQueriesAndKeys(plan);
  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  SKEP_ASSIGN_OR_RETURN(moe.router.renormalize, view.BoolOr("norm_topk_prob", false));
  for (LayerOptions& layer : plan.layers) layer.feed_forward = moe;
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> OlmoRules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, ReadOlmo(view));
  if (!view.is_gguf()) return std::vector<WeightRule>();
  return GgufDecoderRules({plan.shape(), plan.shape().head_dim});
}

absl::StatusOr<std::vector<WeightRule>> Olmo2Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, ReadOlmo2(view));
  if (!view.is_gguf()) return std::vector<WeightRule>();
  std::vector<WeightRule> rules = GgufDecoderRules({plan.shape()});
  AddGgufSandwichNorms(rules);
  return rules;
}

absl::StatusOr<std::vector<WeightRule>> OlmoeRules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, ReadOlmoe(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape()});
  std::vector<WeightRule> rules;
  AddStackedExperts(std::get<MoeOptions>(plan.layers.front().feed_forward).intermediate, rules);
  return rules;
}

constexpr std::string_view kOlmoNames[] = {"OlmoForCausalLM", "olmo"};
constexpr std::string_view kOlmoGguf[] = {"olmo"};
constexpr std::string_view kOlmo2Names[] = {"Olmo2ForCausalLM", "Olmo3ForCausalLM", "olmo2",
                                            "olmo3"};
constexpr std::string_view kOlmo2Gguf[] = {"olmo2"};
constexpr std::string_view kOlmoeNames[] = {"OlmoeForCausalLM", "olmoe"};
constexpr std::string_view kOlmoeGguf[] = {"olmoe"};

}  // namespace

Architecture Olmo() { return {"olmo", kOlmoNames, kOlmoGguf, ReadOlmo, OlmoRules}; }
Architecture Olmo2() { return {"olmo2", kOlmo2Names, kOlmo2Gguf, ReadOlmo2, Olmo2Rules}; }
Architecture Olmoe() { return {"olmoe", kOlmoeNames, kOlmoeGguf, ReadOlmoe, OlmoeRules}; }

}  // namespace skep::models::architectures
