// Persimmon: layer norms, also over the heads of q and k, RoPE on half of each head, biases
// everywhere, an MLP with a squared ReLU. Elsen et al. 2023, "Releasing Persimmon-8B".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_epsilon = 1e-5,
                                                                 .partial_rotary_factor = 0.5,
                                                                 .activation = "relu2",
                                                                 .gated = false}));
  SKEP_ASSIGN_OR_RETURN(const bool qk_norm, view.BoolOr("qk_layernorm", true));
  plan.decoder.norm.bias = Bias::kRequired;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    LayerOptions& layer = plan.layers[i];
    layer.norm = plan.decoder.norm;
    // Its configuration knows no fewer key-value heads.
    layer.attention.shape.kv_heads = layer.attention.shape.query_heads;
    layer.attention.qkv_bias = Bias::kRequired;
    layer.attention.output_bias = Bias::kRequired;
    if (qk_norm) layer.attention.qk_norm = layer.norm;
    plan.mlp(i).bias = Bias::kRequired;
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  const int64_t heads = plan.shape().query_heads, dim = plan.shape().head_dim;
  const std::string layer = "model.layers.{}.", attention = layer + "self_attn.";
  std::vector<WeightRule> rules;
  AddWeightAndBias("model.norm", "model.final_layernorm", std::nullopt, rules);
  int64_t first = 0;  // each head has its rows of q, k and v one after another
  for (const std::string name : {"q", "k", "v"}) {
    AddWeightAndBias(attention + name + "_proj", attention + "query_key_value",
                     FromGroups(heads, first, dim, 3 * dim), rules);
    first += dim;
  }
  for (const std::string name : {"q", "k"}) {
    AddWeightAndBias(attention + name + "_norm", attention + name + "_layernorm", std::nullopt,
                     rules);
  }
  AddWeightAndBias(attention + "o_proj", attention + "dense", std::nullopt, rules);
  AddWeightAndBias(layer + "mlp.up_proj", layer + "mlp.dense_h_to_4h", std::nullopt, rules);
  AddWeightAndBias(layer + "mlp.down_proj", layer + "mlp.dense_4h_to_h", std::nullopt, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"PersimmonForCausalLM", "persimmon"};

}  // namespace

Architecture Persimmon() { return {"persimmon", kHuggingFaceNames, {}, Read, Rules}; }

}  // namespace skep::models::architectures
