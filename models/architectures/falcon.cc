// Falcon 7B (one norm, one key-value head), 40B, 180B and 2-11B (groups of heads), and Falcon-RW
// (ALiBi, one part after the other). Almazrouei et al. 2023, "The Falcon Series of Open Language
// Models"; Press et al. 2022, "Train Short, Test Long" (ALiBi).
#include <c10/util/BFloat16.h>

#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

constexpr double kMaxAlibiBias = 8.0;

// The flags of 40B and its successors override the others.
struct Variant {
  bool grouped = false;
  bool two_norms = false;
  bool parallel = true;
  bool multi_query = true;
};

absl::StatusOr<Variant> ReadVariant(const ConfigView& view) {
  Variant variant;
  SKEP_ASSIGN_OR_RETURN(variant.grouped,
                        view.BoolOr("new_decoder_architecture", view.model_type() == "RefinedWeb"));
  SKEP_ASSIGN_OR_RETURN(const int64_t norms,
                        view.IntOr("num_ln_in_parallel_attn", variant.grouped ? 2 : 1));
  variant.two_norms = norms == 2;
  if (view.is_gguf()) return variant;
  SKEP_ASSIGN_OR_RETURN(variant.parallel, view.BoolOr("parallel_attn", true));
  SKEP_ASSIGN_OR_RETURN(variant.multi_query, view.BoolOr("multi_query", true));
  if (variant.grouped) variant.parallel = true;
  return variant;
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const Variant variant, ReadVariant(view));
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_bias = Bias::kRequired,
                                                                 .norm_epsilon = 1e-5,
                                                                 .activation = "gelu",
                                                                 .gated = false,
                                                                 .tied = true,
                                                                 .mlp_width = 4,
                                                                 .max_positions = 2048}));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "bias", false));
  SetLinearBias(plan, bias, bias);
  SKEP_ASSIGN_OR_RETURN(const bool alibi, view.BoolOr("alibi", false));
  for (LayerOptions& layer : plan.layers) {
    AttentionOptions& attention = layer.attention;
    if (!view.is_gguf() && !variant.grouped && variant.multi_query) attention.shape.kv_heads = 1;
    if (variant.parallel) {
      layer.residual = variant.two_norms ? Residual::kParallelTwo : Residual::kParallel;
    }
    if (variant.two_norms) layer.mlp_norm = "mlp_layernorm";
    if (!alibi) continue;
    attention.rope.clear();
    attention.slopes = AlibiSlopes(attention.shape.query_heads, kMaxAlibiBias);
    // They are kept in BF16, and scaled as the scores are.
    for (float& slope : attention.slopes) slope = c10::BFloat16(slope) * attention.scale;
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const Variant variant, ReadVariant(view));
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  const std::string layer = "model.layers.{}.", file = "transformer.h.{}.";
  if (view.is_gguf()) {
    std::vector<WeightRule> rules = GgufDecoderRules({plan.shape()});
    // With two norms, attn_norm is the MLP's.
    if (variant.two_norms) {
      ReplaceRule(layer + "input_layernorm", "blk.{}.attn_norm_2", rules);
      ReplaceRule(layer + "mlp_layernorm", "blk.{}.attn_norm", rules);
    }
    return rules;
  }
  std::vector<WeightRule> rules;
  AddWeightAndBias("model.embed_tokens", "transformer.word_embeddings", {}, rules);
  AddWeightAndBias("model.norm", "transformer.ln_f", {}, rules);
  AddWeightAndBias(layer + "input_layernorm", file + "ln_attn", {}, rules);
  AddWeightAndBias(layer + "mlp_layernorm", file + "ln_mlp", {}, rules);
  AddWeightAndBias(layer + "input_layernorm", file + "input_layernorm", {}, rules);
  AddWeightAndBias(layer + "post_attention_layernorm", file + "post_attention_layernorm", {},
                   rules);
  AddGroupedQkv(file + "self_attention.query_key_value", plan.shape(), plan.shape().kv_heads,
                rules);
  AddWeightAndBias(layer + "self_attn.o_proj", file + "self_attention.dense", {}, rules);
  AddWeightAndBias(layer + "mlp.up_proj", file + "mlp.dense_h_to_4h", {}, rules);
  AddWeightAndBias(layer + "mlp.down_proj", file + "mlp.dense_4h_to_h", {}, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"FalconForCausalLM", "RWForCausalLM", "falcon",
                                                  "RefinedWeb", "RefinedWebModel"};
constexpr std::string_view kGgufNames[] = {"falcon"};

}  // namespace

Architecture Falcon() { return {"falcon", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
