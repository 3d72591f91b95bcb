// SmolLM3: Llama with no RoPE in every fourth layer, which then may have a sliding window. Yang et
// al. 2025, "RoPE to NoPE and Back Again"; Hugging Face 2025, "SmolLM3".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

// no_rope_layers, a 1 for each layer that has RoPE, or else every n-th layer has none.
absl::StatusOr<std::vector<int64_t>> ReadRotates(const ConfigView& view, size_t layers) {
  SKEP_ASSIGN_OR_RETURN(std::vector<int64_t> rotates, view.Ints("no_rope_layers"));
  if (!rotates.empty()) {
    if (rotates.size() == layers) return rotates;
    return absl::InvalidArgumentError(absl::StrCat(view.file(), ": no_rope_layers has ",
                                                   rotates.size(), " entries, but one for each of ",
                                                   layers, " layers is right"));
  }
  int64_t interval = 4;
  if (view.Has("no_rope_layer_interval")) {
    SKEP_ASSIGN_OR_RETURN(interval, view.RequiredIntIn("no_rope_layer_interval", 1, 1 << 20));
  }
  for (size_t i = 0; i < layers; ++i) {
    rotates.push_back((static_cast<int64_t>(i) + 1) % interval != 0 ? 1 : 0);
  }
  return rotates;
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.rope_theta = 2e6, .tied = true}));
  SKEP_RETURN_IF_ERROR(ReadBiases(view, plan));
  SKEP_ASSIGN_OR_RETURN(const auto rotates, ReadRotates(view, plan.layers.size()));
  SKEP_ASSIGN_OR_RETURN(const bool slides, view.BoolOr("use_sliding_window", false));
  SKEP_ASSIGN_OR_RETURN(const int64_t window, ReadWindow(view));
  SKEP_ASSIGN_OR_RETURN(const auto types, view.LayerTypes(plan.layers.size(), 1));
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    AttentionOptions& attention = plan.layers[i].attention;
    const bool sliding =
        view.Has("layer_types") ? types[i] == "sliding_attention" : rotates[i] == 0;
    if (slides && sliding) attention.window = window;
    if (rotates[i] == 0) attention.rope.clear();
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  if (!view.is_gguf()) return std::vector<WeightRule>();
  return GgufDecoderRules({plan.shape(), plan.shape().head_dim});
}

constexpr std::string_view kHuggingFaceNames[] = {"SmolLM3ForCausalLM", "smollm3"};
constexpr std::string_view kGgufNames[] = {"smollm3"};

}  // namespace

Architecture SmolLm3() { return {"smollm3", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
