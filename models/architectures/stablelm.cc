// StableLM: Llama with layer norms and RoPE on a quarter of each head; some sizes run both parts of
// a layer side by side, with norms of their own for each head of q and k. Bellagente et al. 2024,
// "Stable LM 2 1.6B Technical Report".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_epsilon = 1e-5,
                                                                 .partial_rotary_factor = 0.25}));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "use_qkv_bias", false));
  SKEP_ASSIGN_OR_RETURN(const bool qk_norm, view.BoolOr("qk_layernorm", false));
  SKEP_ASSIGN_OR_RETURN(const bool parallel, view.BoolOr("use_parallel_residual", false));
  const NormOptions head_norm = plan.decoder.norm;
  plan.decoder.norm.bias = Bias::kRequired;
  for (LayerOptions& layer : plan.layers) {
    layer.norm = plan.decoder.norm;
    if (parallel) layer.residual = Residual::kParallel;
    layer.attention.qkv_bias = bias;
    if (!qk_norm) continue;
    layer.attention.qk_norm = head_norm;
    layer.attention.norm_each_head = true;
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  std::vector<WeightRule> rules;
  if (view.is_gguf()) rules = GgufDecoderRules({plan.shape()});
  const std::string attention = "model.layers.{}.self_attn.";
  for (const std::string name : {"q", "k"}) {
    const std::string file =
        view.is_gguf() ? "blk.{}.attn_" + name + "_norm" : attention + name + "_layernorm.norms.{}";
    AddWeightAndBias(attention + name + "_norm.{}", file, std::nullopt, rules);
  }
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"StableLmForCausalLM", "StableLMEpochForCausalLM",
                                                  "stablelm", "stablelm_epoch"};
constexpr std::string_view kGgufNames[] = {"stablelm"};

}  // namespace

Architecture StableLm() { return {"stablelm", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
