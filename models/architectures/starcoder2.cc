// StarCoder 2: layer norms, biases everywhere, an MLP without a gate, a sliding window. Lozhkov et
// al. 2024, "StarCoder 2 and The Stack v2".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_epsilon = 1e-5,
                                                                 .activation = "gelu_pytorch_tanh",
                                                                 .gated = false,
                                                                 .tied = true}));
  SKEP_ASSIGN_OR_RETURN(const int64_t window, ReadWindow(view));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "use_bias", true));
  plan.decoder.norm.bias = Bias::kRequired;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    LayerOptions& layer = plan.layers[i];
    layer.norm = plan.decoder.norm;
    layer.attention.window = window;
    layer.attention.qkv_bias = bias;
    layer.attention.output_bias = bias;
    plan.mlp(i).bias = bias;
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape()});
  std::vector<WeightRule> rules;
  const std::string mlp = "model.layers.{}.mlp.";
  AddWeightAndBias(mlp + "up_proj", mlp + "c_fc", std::nullopt, rules);
  AddWeightAndBias(mlp + "down_proj", mlp + "c_proj", std::nullopt, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"Starcoder2ForCausalLM", "starcoder2"};
constexpr std::string_view kGgufNames[] = {"starcoder2"};

}  // namespace

Architecture Starcoder2() { return {"starcoder2", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
