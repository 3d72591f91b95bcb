// GPT-J: attention and MLP side by side on one norm, RoPE in pairs of neighbours on a part of each
// head. Wang and Komatsuzaki 2021, "GPT-J-6B".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_bias = Bias::kRequired,
                                                                 .norm_epsilon = 1e-5,
                                                                 .activation = "gelu_new",
                                                                 .gated = false,
                                                                 .mlp_width = 4}));
  SKEP_ASSIGN_OR_RETURN(const int64_t rotary, view.IntOr("rotary_dim", 64));
  plan.ropes["rope"].parameters.partial_rotary_factor =
      static_cast<double>(rotary) / static_cast<double>(plan.shape().head_dim);
  plan.decoder.head_bias = Bias::kRequired;
  SetLinearBias(plan, Bias::kNone, Bias::kRequired);
  for (LayerOptions& layer : plan.layers) layer.residual = Residual::kParallel;
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  SKEP_ASSIGN_OR_RETURN(const int64_t rotary, view.IntOr("rotary_dim", 64));
  const AttentionShape& shape = plan.shape();
  const RowMap pairs = Deinterleave(shape.query_heads, shape.head_dim, rotary);
  std::vector<WeightRule> rules;
  const std::string layer = "model.layers.{}.", attention = layer + "self_attn.";
  const std::string file = "transformer.h.{}.";
  AddWeightAndBias("model.embed_tokens", "transformer.wte", {}, rules);
  AddWeightAndBias("model.norm", "transformer.ln_f", {}, rules);
  AddWeightAndBias(layer + "input_layernorm", file + "ln_1", {}, rules);
  AddWeightAndBias(attention + "q_proj", file + "attn.q_proj", pairs, rules);
  AddWeightAndBias(attention + "k_proj", file + "attn.k_proj", pairs, rules);
  AddWeightAndBias(attention + "v_proj", file + "attn.v_proj", {}, rules);
  AddWeightAndBias(attention + "o_proj", file + "attn.out_proj", {}, rules);
  AddWeightAndBias(layer + "mlp.up_proj", file + "mlp.fc_in", {}, rules);
  AddWeightAndBias(layer + "mlp.down_proj", file + "mlp.fc_out", {}, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"GPTJForCausalLM", "gptj"};

}  // namespace

Architecture GptJ() { return {"gpt_j", kHuggingFaceNames, {}, Read, Rules}; }

}  // namespace skep::models::architectures
