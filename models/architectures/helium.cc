// Helium: Llama with interleaved RoPE. Kyutai 2025, "Helium 1".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan,
                        ReadDecoderPlan(view, {.norm_epsilon = 1e-8, .rope_theta = 1e5}));
  SKEP_RETURN_IF_ERROR(ReadBiases(view, plan));
  for (LayerOptions& layer : plan.layers) layer.attention.output_bias = Bias::kNone;
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  std::vector<WeightRule> rules;
  AddInterleavedQk({plan.shape(), plan.shape().head_dim}, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"HeliumForCausalLM", "helium"};

}  // namespace

Architecture Helium() { return {"helium", kHuggingFaceNames, {}, Read, Rules}; }

}  // namespace skep::models::architectures
