// Granite 3: Llama with four constants that multiply embeddings, scores, what parts add to the
// residual stream, and (as a divisor) logits; dense, or with a mixture of experts and perhaps an
// expert that every token goes to. Granite Team 2024, "Granite 3.0 Language Models".
#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> ReadDense(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {}));
  SKEP_RETURN_IF_ERROR(ReadBiases(view, plan));
  const float usual_scale = plan.layers.front().attention.scale;
  SKEP_ASSIGN_OR_RETURN(const double embedding, view.FloatOr("embedding_multiplier", 1));
  SKEP_ASSIGN_OR_RETURN(const double residual, view.FloatOr("residual_multiplier", 1));
  SKEP_ASSIGN_OR_RETURN(const double scores,
                        view.FloatOr("attention_multiplier", view.is_gguf() ? usual_scale : 1));
  SKEP_ASSIGN_OR_RETURN(const double logits, view.FloatOr("logits_scaling", 1));
  if (logits == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(view.file(), ": logits_scaling, which logits are divided by, is 0"));
  }
  // GGUF's way to say that a model has no positions.
  SKEP_ASSIGN_OR_RETURN(const bool rotates, view.BoolOr("rope_finetuned", true));
  plan.decoder.embedding_scale = static_cast<float>(embedding);
  plan.decoder.logits_multiplier = static_cast<float>(1 / logits);
  for (LayerOptions& layer : plan.layers) {
    layer.residual_multiplier = static_cast<float>(residual);
    layer.attention.scale = static_cast<float>(scores);
    if (!rotates) layer.attention.rope.clear();
  }
  return plan;
}

absl::StatusOr<DecoderPlan> ReadMixture(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDense(view));
  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  moe.router.score = RouterOptions::Score::kSelectedSoftmax;
  SKEP_ASSIGN_OR_RETURN(moe.shared_intermediate, view.IntOr("shared_expert_intermediate_size", 0));
  if (moe.shared_intermediate < 0 || moe.shared_intermediate > 1 << 24) {
    return absl::InvalidArgumentError(absl::StrCat(view.file(), ": shared_intermediate_size ",
                                                   moe.shared_intermediate, " is out of range"));
  }
  for (LayerOptions& layer : plan.layers) layer.feed_forward = moe;
  return plan;
}

// The experts' tensors, under the names of released files and of transformers 5.
void AddMixtureNames(const MoeOptions& moe, std::vector<WeightRule>& rules) {
  const std::string layer = "model.layers.{}.", experts = layer + "mlp.experts.{}.";
  const std::string block = layer + "block_sparse_moe.";
  const int64_t width = moe.intermediate;
  for (const char* router : {"router.layer.weight", "router.weight"}) {
    rules.push_back({layer + "mlp.gate.weight", block + router, {}});
  }
  for (const char* gate_up : {"input_linear.weight", "experts.gate_up_proj"}) {
    rules.push_back({experts + "gate_proj.weight", block + gate_up, Slice(0, width, 2 * width)});
    rules.push_back({experts + "up_proj.weight", block + gate_up, Slice(width, width, 2 * width)});
  }
  for (const char* down : {"output_linear.weight", "experts.down_proj"}) {
    rules.push_back({experts + "down_proj.weight", block + down, {}});
  }
  const std::string shared = layer + "mlp.shared_experts", file = layer + "shared_mlp.";
  AddFusedGateUp(shared, file + "input_linear", moe.shared_intermediate, rules);
  AddWeightAndBias(shared + ".down_proj", file + "output_linear", {}, rules);
}

template <absl::StatusOr<DecoderPlan> (*kRead)(const ConfigView&)>
absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, kRead(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape(), plan.shape().head_dim});
  std::vector<WeightRule> rules;
  const auto* moe = std::get_if<MoeOptions>(&plan.layers.front().feed_forward);
  if (moe != nullptr) AddMixtureNames(*moe, rules);
  return rules;
}

constexpr std::string_view kDenseNames[] = {"GraniteForCausalLM", "granite"};
constexpr std::string_view kDenseGguf[] = {"granite"};
constexpr std::string_view kMixtureNames[] = {
    "GraniteMoeForCausalLM", "GraniteMoeSharedForCausalLM", "granitemoe", "granitemoeshared"};
constexpr std::string_view kMixtureGguf[] = {"granitemoe"};

}  // namespace

Architecture Granite() { return {"granite", kDenseNames, kDenseGguf, ReadDense, Rules<ReadDense>}; }
Architecture GraniteMoe() {
  return {"granitemoe", kMixtureNames, kMixtureGguf, ReadMixture, Rules<ReadMixture>};
}

}  // namespace skep::models::architectures
