// Phi-3, 3.5 and 4, Phi-4-mini: Llama with fused projections, LongRoPE and, in some sizes, a window
// or a RoPE that turns a part of each head. Abdin et al. 2024, "Phi-3 Technical Report".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  for (const char* key : {"attention_bias", "mlp_bias", "lm_head_bias"}) {
    SKEP_RETURN_IF_ERROR(CheckBool(view, key, false));
  }
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm_epsilon = 1e-5}));
  SKEP_ASSIGN_OR_RETURN(const int64_t window, ReadWindow(view));
  for (LayerOptions& layer : plan.layers) layer.attention.window = window;
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, Read(view));
  const QkvLayout qkv{plan.shape()};
  const std::string layer = "model.layers.{}.";
  std::vector<WeightRule> rules;
  if (view.is_gguf()) {
    rules = GgufDecoderRules(qkv);
    AddFusedGateUp(layer + "mlp", "blk.{}.ffn_up", plan.mlp(0).intermediate, rules);
  } else {
    AddFusedQkv(layer + "self_attn.qkv_proj", qkv, rules);
    AddFusedGateUp(layer + "mlp", layer + "mlp.gate_up_proj", plan.mlp(0).intermediate, rules);
  }
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"Phi3ForCausalLM", "phi3"};
constexpr std::string_view kGgufNames[] = {"phi3"};

}  // namespace

Architecture Phi3() { return {"phi3", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
