// Cohere: both parts of a layer beside each other behind one norm, layer norms without biases,
// interleaved RoPE, a tied head whose logits are multiplied. Command-R, Command-R+ and Aya, some
// with norms over each head of q and k; Command-R7B and Command-A, which have RoPE and a window in
// three layers of four, and neither in the fourth. Cohere 2025, "Command A".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kFullEvery = 4;  // of Cohere 2, where the configuration does not list layer types
constexpr int64_t kWindow = 4096;  // and where it does not give the window

// What configurations spell out, and transformers takes for granted.
absl::Status CheckShape(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckBool(view, "use_parallel_block", true));
  SKEP_RETURN_IF_ERROR(CheckBool(view, "use_gated_activation", true));
  SKEP_RETURN_IF_ERROR(CheckEquals(view, "position_embedding_type", "rope_gptj"));
  SKEP_RETURN_IF_ERROR(CheckEquals(view, "order_of_interleaved_layers", "local_attn_first"));
  for (const char* key : {"partial_rotary_factor", "rope_parameters.partial_rotary_factor"}) {
    SKEP_RETURN_IF_ERROR(CheckNumber(view, key, 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<DecoderPlan> ReadShared(const ConfigView& view, double theta) {
  SKEP_RETURN_IF_ERROR(CheckShape(view));
  SKEP_ASSIGN_OR_RETURN(const bool tied, view.BoolOr("use_embedding_sharing", true));
  const FamilyDefaults defaults{
      .norm = NormKind::kLayer, .norm_epsilon = 1e-5, .rope_theta = theta, .tied = tied};
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, defaults));
  // GGUF has one name for this and for Granite's divisor, and leaves it out where it is 1.
  SKEP_ASSIGN_OR_RETURN(const double scale, view.is_gguf() ? view.FloatOr("logits_scaling", 1)
                                                           : view.FloatOr("logit_scale", 0.0625));
  plan.decoder.logits_multiplier = static_cast<float>(scale);
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "attention_bias", false));
  SetLinearBias(plan, bias, Bias::kNone);
  for (LayerOptions& layer : plan.layers) layer.residual = Residual::kParallel;
  return plan;
}

absl::StatusOr<DecoderPlan> ReadCohere(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadShared(view, view.is_gguf() ? 1e4 : 5e5));
  SKEP_ASSIGN_OR_RETURN(const bool qk_norm, view.BoolOr("use_qk_norm", false));
  for (LayerOptions& layer : plan.layers) {
    if (!qk_norm) continue;
    layer.attention.qk_norm = layer.norm;
    layer.attention.norm_each_head = true;
  }
  // Released models were trained on more positions than max_position_embeddings says.
  if (view.Has("model_max_length")) {
    SKEP_ASSIGN_OR_RETURN(plan.max_positions, view.RequiredIntIn("model_max_length", 1, 1 << 30));
  }
  return plan;
}

absl::StatusOr<DecoderPlan> ReadCohere2(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadShared(view, 1e4));
  SKEP_RETURN_IF_ERROR(CheckBool(view, "use_qk_norm", false));
  for (LayerOptions& layer : plan.layers) layer.attention.rope.clear();
  SKEP_RETURN_IF_ERROR(ReadSlidingLayers(view, kFullEvery, "rope", plan));
  for (LayerOptions& layer : plan.layers) {
    const bool slides = !layer.attention.rope.empty();
    if (slides && !view.Has("sliding_window")) layer.attention.window = kWindow;
  }
  return plan;
}

template <absl::StatusOr<DecoderPlan> (*kRead)(const ConfigView&)>
absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, kRead(view));
  const int64_t head_dim = plan.shape().head_dim;
  std::vector<WeightRule> rules;
  if (view.is_gguf()) {
    rules = GgufDecoderRules({plan.shape(), head_dim});
  } else {
    AddInterleavedQk({plan.shape(), head_dim}, rules);
  }
  // A row for each head, in the order of RoPE's pairs as the head's projections are.
  const std::string attention = "model.layers.{}.self_attn.";
  for (const std::string name : {"q_norm", "k_norm"}) {
    const std::string file = view.is_gguf() ? "blk.{}.attn_" + name : attention + name;
    AddWeightAndBias(attention + name + ".{}", file, Deinterleave(1, head_dim, head_dim), rules);
  }
  return rules;
}

constexpr std::string_view kCohereNames[] = {"CohereForCausalLM", "cohere"};
constexpr std::string_view kCohereGguf[] = {"command-r"};
constexpr std::string_view kCohere2Names[] = {"Cohere2ForCausalLM", "cohere2"};
constexpr std::string_view kCohere2Gguf[] = {"cohere2"};

}  // namespace

Architecture Cohere() {
  return {"cohere", kCohereNames, kCohereGguf, ReadCohere, Rules<ReadCohere>};
}
Architecture Cohere2() {
  return {"cohere2", kCohere2Names, kCohere2Gguf, ReadCohere2, Rules<ReadCohere2>};
}

}  // namespace skep::models::architectures
