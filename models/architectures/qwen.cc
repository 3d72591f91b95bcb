// Qwen: Llama with biases on q, k and v (1.5, 2, 2.5) or norms over the heads of q and k (3), dense
// or with a mixture of experts. Yang et al. 2024, "Qwen2 Technical Report"; Qwen Team 2025, "Qwen3
// Technical Report".
#include <algorithm>

#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

// Layers from max_window_layers on have a sliding window, if there is one at all.
absl::Status ReadWindows(const ConfigView& view, DecoderPlan& plan) {
  SKEP_ASSIGN_OR_RETURN(const bool slides, view.BoolOr("use_sliding_window", false));
  if (!slides) return absl::OkStatus();
  SKEP_ASSIGN_OR_RETURN(const int64_t window, ReadWindow(view));
  SKEP_ASSIGN_OR_RETURN(const int64_t first, view.IntOr("max_window_layers", 0));
  SKEP_ASSIGN_OR_RETURN(const auto types, view.LayerTypes(plan.layers.size(), 1));
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const bool sliding = view.Has("layer_types") ? types[i] == "sliding_attention"
                                                 : static_cast<int64_t>(i) >= first;
    if (sliding) plan.layers[i].attention.window = window;
  }
  return absl::OkStatus();
}

absl::StatusOr<DecoderPlan> ReadQwen2(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {}));
  SKEP_RETURN_IF_ERROR(ReadWindows(view, plan));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "qkv_bias", true));
  for (LayerOptions& layer : plan.layers) layer.attention.qkv_bias = bias;
  return plan;
}

absl::StatusOr<DecoderPlan> ReadQwen3(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {}));
  SKEP_RETURN_IF_ERROR(ReadWindows(view, plan));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "attention_bias", false));
  for (LayerOptions& layer : plan.layers) {
    layer.attention.qkv_bias = bias;
    layer.attention.output_bias = bias;
    layer.attention.qk_norm = layer.norm;
  }
  return plan;
}

// Puts `moe` into every decoder_sparse_step-th layer but those of mlp_only_layers.
absl::Status Sparsify(const ConfigView& view, const MoeOptions& moe, DecoderPlan& plan) {
  SKEP_ASSIGN_OR_RETURN(const int64_t step, view.IntOr("decoder_sparse_step", 1));
  SKEP_ASSIGN_OR_RETURN(const std::vector<int64_t> dense, view.Ints("mlp_only_layers"));
  for (int64_t i = 0; i < static_cast<int64_t>(plan.layers.size()); ++i) {
    const bool listed = std::find(dense.begin(), dense.end(), i) != dense.end();
    if (!listed && step > 0 && (i + 1) % step == 0) plan.layers[i].feed_forward = moe;
  }
  return absl::OkStatus();
}

absl::StatusOr<DecoderPlan> ReadQwen2Moe(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadQwen2(view));
  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  SKEP_ASSIGN_OR_RETURN(moe.router.renormalize, view.BoolOr("norm_topk_prob", false));
  SKEP_ASSIGN_OR_RETURN(moe.shared_intermediate,
                        view.RequiredIntIn("shared_expert_intermediate_size", 1, 1 << 24));
  moe.shared_gate = true;
  SKEP_RETURN_IF_ERROR(Sparsify(view, moe, plan));
  return plan;
}

absl::StatusOr<DecoderPlan> ReadQwen3Moe(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadQwen3(view));
  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  // GGUF does not say; every released model renormalises.
  SKEP_ASSIGN_OR_RETURN(moe.router.renormalize, view.BoolOr("norm_topk_prob", view.is_gguf()));
  SKEP_RETURN_IF_ERROR(Sparsify(view, moe, plan));
  return plan;
}

template <absl::StatusOr<DecoderPlan> (*kRead)(const ConfigView&)>
absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, kRead(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape()});
  std::vector<WeightRule> rules;
  const std::string mlp = "model.layers.{}.mlp.";
  AddGatedMlp(mlp + "shared_experts.", mlp + "shared_expert.", rules);
  for (const LayerOptions& layer : plan.layers) {
    const auto* moe = std::get_if<MoeOptions>(&layer.feed_forward);
    if (moe == nullptr) continue;
    AddStackedExperts(moe->intermediate, rules);
    break;
  }
  return rules;
}

constexpr std::string_view kQwen2Names[] = {"Qwen2ForCausalLM", "qwen2"};
constexpr std::string_view kQwen2Gguf[] = {"qwen2"};
constexpr std::string_view kQwen2MoeNames[] = {"Qwen2MoeForCausalLM", "qwen2_moe"};
constexpr std::string_view kQwen2MoeGguf[] = {"qwen2moe"};
constexpr std::string_view kQwen3Names[] = {"Qwen3ForCausalLM", "qwen3"};
constexpr std::string_view kQwen3Gguf[] = {"qwen3"};
constexpr std::string_view kQwen3MoeNames[] = {"Qwen3MoeForCausalLM", "qwen3_moe"};
constexpr std::string_view kQwen3MoeGguf[] = {"qwen3moe"};

}  // namespace

Architecture Qwen2() { return {"qwen2", kQwen2Names, kQwen2Gguf, ReadQwen2, Rules<ReadQwen2>}; }
Architecture Qwen2Moe() {
  return {"qwen2_moe", kQwen2MoeNames, kQwen2MoeGguf, ReadQwen2Moe, Rules<ReadQwen2Moe>};
}
Architecture Qwen3() { return {"qwen3", kQwen3Names, kQwen3Gguf, ReadQwen3, Rules<ReadQwen3>}; }
Architecture Qwen3Moe() {
  return {"qwen3_moe", kQwen3MoeNames, kQwen3MoeGguf, ReadQwen3Moe, Rules<ReadQwen3Moe>};
}

}  // namespace skep::models::architectures
