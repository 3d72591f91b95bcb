// DeepSeekMoE (V1): Llama's attention, many small experts beside shared ones. Dai et al. 2024,
// "DeepSeekMoE: Towards Ultimate Expert Specialization in Mixture-of-Experts Language Models".
#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckEquals(view, "scoring_func", "softmax"));
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {}));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "attention_bias", false));
  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  // GGUF does not say; no released model renormalises.
  SKEP_ASSIGN_OR_RETURN(moe.router.renormalize, view.BoolOr("norm_topk_prob", false));
  SKEP_ASSIGN_OR_RETURN(const int64_t shared, view.IntOr("n_shared_experts", 0));
  if (shared < 0 || shared > moe.router.experts) {
    return absl::InvalidArgumentError(view.file() + ": n_shared_experts is out of range");
  }
  moe.shared_intermediate = shared * moe.intermediate;
  SKEP_ASSIGN_OR_RETURN(const int64_t first, view.IntOr("first_k_dense_replace", 0));
  SKEP_ASSIGN_OR_RETURN(const int64_t every, view.IntOr("moe_layer_freq", 1));
  if (every < 1) return absl::InvalidArgumentError(view.file() + ": moe_layer_freq is below 1");
  for (int64_t i = 0; i < static_cast<int64_t>(plan.layers.size()); ++i) {
    LayerOptions& layer = plan.layers[i];
    layer.attention.qkv_bias = bias;
    layer.attention.output_bias = bias;
    if (i >= first && i % every == 0) layer.feed_forward = moe;
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape(), plan.shape().head_dim});
  return std::vector<WeightRule>();
}

constexpr std::string_view kHuggingFaceNames[] = {"DeepseekForCausalLM", "deepseek"};
constexpr std::string_view kGgufNames[] = {"deepseek"};

}  // namespace

Architecture DeepseekMoe() { return {"deepseek_moe", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
