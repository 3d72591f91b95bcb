// MPT: ALiBi in place of positions, layer norms and linear maps without biases, q, k and v clamped.
// MosaicML 2023, "Introducing MPT-7B"; Press et al. 2022, "Train Short, Test Long" (ALiBi).
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

constexpr double kMaxAlibiBias = 8.0;

// What the first release could be configured to, and no model that Skep knows of was.
absl::Status CheckVariant(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckBool(view, "no_bias", true));
  SKEP_RETURN_IF_ERROR(CheckBool(view, "attn_config.alibi", true));
  SKEP_RETURN_IF_ERROR(CheckBool(view, "attn_config.qk_ln", false));
  SKEP_RETURN_IF_ERROR(CheckBool(view, "attn_config.prefix_lm", false));
  SKEP_RETURN_IF_ERROR(CheckEquals(view, "attn_config.attn_type", "multihead_attention"));
  if (!view.Has("logit_scale")) return absl::OkStatus();
  return absl::UnimplementedError(view.file() + ": logit_scale is not supported for MPT");
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckVariant(view));
  SKEP_ASSIGN_OR_RETURN(const int64_t width, view.IntOr("expansion_ratio", 4));
  if (width < 1 || width > 64) {
    return absl::InvalidArgumentError(view.file() + ": expansion_ratio must be 1 to 64");
  }
  const Bias bias = view.is_gguf() ? Bias::kOptional : Bias::kNone;
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_bias = bias,
                                                                 .norm_epsilon = 1e-5,
                                                                 .activation = "gelu",
                                                                 .gated = false,
                                                                 .tied = true,
                                                                 .mlp_width = width}));
  plan.ropes.clear();
  SetLinearBias(plan, bias, bias);
  SKEP_ASSIGN_OR_RETURN(const double clip, view.FloatOr("clip_qkv", 0));
  SKEP_ASSIGN_OR_RETURN(const double max_bias, view.FloatOr("max_alibi_bias", kMaxAlibiBias));
  SKEP_ASSIGN_OR_RETURN(const double scale, view.FloatOr("attn_config.softmax_scale", 0));
  if (!(max_bias > 0)) {
    return absl::UnimplementedError(view.file() + ": MPT without ALiBi is not supported");
  }
  for (LayerOptions& layer : plan.layers) {
    AttentionOptions& attention = layer.attention;
    attention.rope.clear();
    attention.clip = static_cast<float>(clip);
    attention.slopes = AlibiSlopes(attention.shape.query_heads, max_bias);
    if (scale != 0) attention.scale = static_cast<float>(scale);
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape()});
  std::vector<WeightRule> rules;
  const std::string layer = "model.layers.{}.", file = "transformer.blocks.{}.";
  AddWeightAndBias("model.embed_tokens", "transformer.wte", {}, rules);
  AddWeightAndBias("model.norm", "transformer.norm_f", {}, rules);
  AddWeightAndBias(layer + "input_layernorm", file + "norm_1", {}, rules);
  AddWeightAndBias(layer + "post_attention_layernorm", file + "norm_2", {}, rules);
  AddFusedQkv(file + "attn.Wqkv", {plan.shape()}, rules);
  AddWeightAndBias(layer + "self_attn.o_proj", file + "attn.out_proj", {}, rules);
  AddWeightAndBias(layer + "mlp.up_proj", file + "ffn.up_proj", {}, rules);
  AddWeightAndBias(layer + "mlp.down_proj", file + "ffn.down_proj", {}, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"MptForCausalLM", "MPTForCausalLM", "mpt"};
constexpr std::string_view kGgufNames[] = {"mpt"};

}  // namespace

Architecture Mpt() { return {"mpt", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
