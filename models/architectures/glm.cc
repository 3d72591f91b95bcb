// GLM: interleaved RoPE on half of each head, biases on q, k and v, fused projections. GLM-4-9B,
// and of GGUF ChatGLM 2 and 3 and CodeGeeX 4 too; GLM-4-0414 with norms after each part as well;
// GLM-4.5 and 4.6, which are otherwise built: half-split RoPE, norms over the heads of q and k, and
// a mixture of experts. GLM Team 2024, "ChatGLM"; 2025, "GLM-4.5".
#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

constexpr FamilyDefaults kDefaults{.norm_epsilon = 1.5625e-7, .partial_rotary_factor = 0.5};

absl::StatusOr<DecoderPlan> ReadGlm(const ConfigView& view) {
  if (view.Has("mrope_section")) {
    return absl::UnimplementedError(
        absl::StrCat(view.file(), ": RoPE in sections (mrope_section) is not supported"));
  }
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, kDefaults));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "attention_bias", true));
  for (LayerOptions& layer : plan.layers) layer.attention.qkv_bias = bias;
  return plan;
}

absl::StatusOr<DecoderPlan> ReadGlm4(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadGlm(view));
  for (LayerOptions& layer : plan.layers) {
    layer.residual = Residual::kSandwich;
    layer.attention_post_norm = "post_self_attn_layernorm";
    layer.mlp_post_norm = "post_mlp_layernorm";
  }
  return plan;
}

absl::StatusOr<DecoderPlan> ReadGlm4Moe(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm_epsilon = 1e-5,
                                                                 .partial_rotary_factor = 0.5}));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "attention_bias", false));
  SKEP_ASSIGN_OR_RETURN(const bool qk_norm, view.BoolOr("use_qk_norm", false));
  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  SKEP_RETURN_IF_ERROR(ReadGroups(view, moe.router));
  SKEP_ASSIGN_OR_RETURN(const int64_t shared, view.RequiredIntIn("n_shared_experts", 0, 1 << 12));
  SKEP_ASSIGN_OR_RETURN(const int64_t dense, view.IntOr("first_k_dense_replace", 1));
  SKEP_ASSIGN_OR_RETURN(const double scale, view.FloatOr("routed_scaling_factor", 1));
  SKEP_ASSIGN_OR_RETURN(moe.router.renormalize, view.BoolOr("norm_topk_prob", true));
  moe.router.score = RouterOptions::Score::kSigmoid;
  moe.router.scale = static_cast<float>(scale);
  moe.correction = true;
  moe.shared_intermediate = shared * moe.intermediate;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    LayerOptions& layer = plan.layers[i];
    layer.attention.qkv_bias = bias;
    if (qk_norm) layer.attention.qk_norm = layer.norm;
    if (static_cast<int64_t>(i) >= dense) layer.feed_forward = moe;
  }
  return plan;
}

std::vector<WeightRule> GgufGlmRules(const DecoderPlan& plan) {
  std::vector<WeightRule> rules = GgufDecoderRules({plan.shape(), RotaryDim(plan)});
  const auto& mlp = std::get<MlpOptions>(plan.layers.front().feed_forward);
  AddFusedGateUp("model.layers.{}.mlp", "blk.{}.ffn_up", mlp.intermediate, rules);
  const std::string layer = "model.layers.{}.";
  ReplaceRule(layer + "post_self_attn_layernorm", "blk.{}.post_attention_norm", rules);
  ReplaceRule(layer + "post_mlp_layernorm", "blk.{}.post_ffw_norm", rules);
  return rules;
}

absl::StatusOr<std::vector<WeightRule>> GlmRules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, ReadGlm(view));
  if (view.is_gguf()) return GgufGlmRules(plan);
  std::vector<WeightRule> rules;
  const auto& mlp = std::get<MlpOptions>(plan.layers.front().feed_forward);
  const std::string place = "model.layers.{}.mlp";
  AddInterleavedQk({plan.shape(), RotaryDim(plan)}, rules);
  AddFusedGateUp(place, place + ".gate_up_proj", mlp.intermediate, rules);
  return rules;
}

absl::StatusOr<std::vector<WeightRule>> Glm4MoeRules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, ReadGlm4Moe(view));
  std::vector<WeightRule> rules;
  if (view.is_gguf()) {
    rules = GgufDecoderRules({plan.shape()});
    ReplaceRule("model.layers.{}.post_attention_layernorm", "blk.{}.post_attention_norm", rules);
  } else if (const auto* moe = std::get_if<MoeOptions>(&plan.layers.back().feed_forward)) {
    AddStackedExperts(moe->intermediate, rules);
  }
  return rules;
}

constexpr std::string_view kGlmNames[] = {"GlmForCausalLM", "glm"};
constexpr std::string_view kGlmGguf[] = {"chatglm"};
constexpr std::string_view kGlm4Names[] = {"Glm4ForCausalLM", "glm4"};
constexpr std::string_view kGlm4Gguf[] = {"glm4"};
constexpr std::string_view kGlm4MoeNames[] = {"Glm4MoeForCausalLM", "glm4_moe"};
constexpr std::string_view kGlm4MoeGguf[] = {"glm4moe"};

}  // namespace

Architecture Glm() { return {"glm", kGlmNames, kGlmGguf, ReadGlm, GlmRules}; }
Architecture Glm4() { return {"glm4", kGlm4Names, kGlm4Gguf, ReadGlm4, GlmRules}; }
Architecture Glm4Moe() {
  return {"glm4_moe", kGlm4MoeNames, kGlm4MoeGguf, ReadGlm4Moe, Glm4MoeRules};
}

}  // namespace skep::models::architectures
