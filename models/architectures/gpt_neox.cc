// GPT-NeoX and Pythia: RoPE on a quarter of each head; attention and MLP usually side by side, each
// on a norm of its own. Black et al. 2022, "GPT-NeoX-20B"; Biderman et al. 2023, "Pythia".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_bias = Bias::kRequired,
                                                                 .norm_epsilon = 1e-5,
                                                                 .partial_rotary_factor = 0.25,
                                                                 .activation = "gelu",
                                                                 .gated = false}));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "attention_bias", true));
  SetLinearBias(plan, bias, Bias::kRequired);
  SKEP_ASSIGN_OR_RETURN(const bool parallel, view.BoolOr("use_parallel_residual", true));
  for (LayerOptions& layer : plan.layers) {
    if (parallel) layer.residual = Residual::kParallelTwo;
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape()});
  std::vector<WeightRule> rules;
  const std::string layer = "model.layers.{}.", file = "gpt_neox.layers.{}.";
  AddWeightAndBias("model.embed_tokens", "gpt_neox.embed_in", {}, rules);
  AddWeightAndBias("model.norm", "gpt_neox.final_layer_norm", {}, rules);
  AddWeightAndBias("lm_head", "embed_out", {}, rules);
  for (const std::string norm : {"input_layernorm", "post_attention_layernorm"}) {
    AddWeightAndBias(layer + norm, file + norm, {}, rules);
  }
  AddGroupedQkv(file + "attention.query_key_value", plan.shape(), plan.shape().query_heads, rules);
  AddWeightAndBias(layer + "self_attn.o_proj", file + "attention.dense", {}, rules);
  AddWeightAndBias(layer + "mlp.up_proj", file + "mlp.dense_h_to_4h", {}, rules);
  AddWeightAndBias(layer + "mlp.down_proj", file + "mlp.dense_4h_to_h", {}, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"GPTNeoXForCausalLM", "gpt_neox"};
constexpr std::string_view kGgufNames[] = {"gptneox"};

}  // namespace

Architecture GptNeoX() { return {"gpt_neox", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
