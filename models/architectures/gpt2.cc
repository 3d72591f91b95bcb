// GPT-2 and BigCode (StarCoder, SantaCoder): learned positions, biases everywhere; BigCode usually
// with one key-value head. Radford et al. 2019, "Language Models are Unsupervised Multitask
// Learners"; Allal et al. 2023, "SantaCoder: don't reach for the stars!".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view, FamilyDefaults defaults) {
  SKEP_RETURN_IF_ERROR(CheckBool(view, "add_cross_attention", false));
  defaults.norm = NormKind::kLayer;
  defaults.norm_bias = Bias::kRequired;
  defaults.norm_epsilon = 1e-5;
  defaults.gated = false;
  defaults.tied = true;
  defaults.mlp_width = 4;
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, defaults));
  plan.ropes.clear();
  plan.decoder.positions = plan.max_positions;
  SetLinearBias(plan, Bias::kRequired, Bias::kRequired);
  SKEP_ASSIGN_OR_RETURN(const bool scaled, view.BoolOr("scale_attn_weights", true));
  SKEP_ASSIGN_OR_RETURN(const bool by_layer, view.BoolOr("scale_attn_by_inverse_layer_idx", false));
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    AttentionOptions& attention = plan.layers[i].attention;
    attention.rope.clear();
    if (!scaled) attention.scale = 1.0f;
    if (by_layer) attention.scale /= static_cast<float>(i + 1);
  }
  return plan;
}

absl::StatusOr<DecoderPlan> ReadGpt2(const ConfigView& view) {
  return Read(view, {.activation = "gelu_new"});
}

absl::StatusOr<DecoderPlan> ReadBigCode(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const bool multi_query, view.BoolOr("multi_query", true));
  return Read(view, {.activation = "gelu_pytorch_tanh", .multi_query = multi_query});
}

std::vector<WeightRule> GgufRules(const DecoderPlan& plan) {
  std::vector<WeightRule> rules = GgufDecoderRules({plan.shape()});
  rules.push_back({"model.position_embeddings.weight", "position_embd.weight", {}});
  return rules;
}

// With q, k and v of each of `groups` groups of heads in one piece.
std::vector<WeightRule> HuggingFaceRules(const DecoderPlan& plan, int64_t groups, bool transposed) {
  std::vector<WeightRule> rules;
  // The first releases of GPT-2 lack the outer name.
  for (const std::string outer : {"transformer.", ""}) {
    const std::string layer = "model.layers.{}.", file = outer + "h.{}.";
    std::vector<WeightRule> linear;
    AddGroupedQkv(file + "attn.c_attn", plan.shape(), groups, linear);
    AddWeightAndBias(layer + "self_attn.o_proj", file + "attn.c_proj", {}, linear);
    AddWeightAndBias(layer + "mlp.up_proj", file + "mlp.c_fc", {}, linear);
    AddWeightAndBias(layer + "mlp.down_proj", file + "mlp.c_proj", {}, linear);
    for (WeightRule& rule : linear) {
      rule.transposed = transposed && rule.file.ends_with(".weight");
      rules.push_back(std::move(rule));
    }
    AddWeightAndBias(layer + "input_layernorm", file + "ln_1", {}, rules);
    AddWeightAndBias(layer + "post_attention_layernorm", file + "ln_2", {}, rules);
    AddWeightAndBias("model.embed_tokens", outer + "wte", {}, rules);
    AddWeightAndBias("model.position_embeddings", outer + "wpe", {}, rules);
    AddWeightAndBias("model.norm", outer + "ln_f", {}, rules);
  }
  return rules;
}

absl::StatusOr<std::vector<WeightRule>> Gpt2Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, ReadGpt2(view));
  if (view.is_gguf()) return GgufRules(plan);
  return HuggingFaceRules(plan, /*groups=*/1, /*transposed=*/true);
}

absl::StatusOr<std::vector<WeightRule>> BigCodeRules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, ReadBigCode(view));
  if (view.is_gguf()) return GgufRules(plan);
  return HuggingFaceRules(plan, plan.shape().kv_heads, /*transposed=*/false);
}

constexpr std::string_view kGpt2Names[] = {"GPT2LMHeadModel", "GPT2Model", "gpt2"};
constexpr std::string_view kGpt2Gguf[] = {"gpt2"};
constexpr std::string_view kBigCodeNames[] = {"GPTBigCodeForCausalLM", "gpt_bigcode"};
constexpr std::string_view kBigCodeGguf[] = {"starcoder"};

}  // namespace

Architecture BigCode() {
  return {"bigcode", kBigCodeNames, kBigCodeGguf, ReadBigCode, BigCodeRules};
}
Architecture Gpt2() { return {"gpt2", kGpt2Names, kGpt2Gguf, ReadGpt2, Gpt2Rules}; }

}  // namespace skep::models::architectures
