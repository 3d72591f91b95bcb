// Llama 1 to 3.3 and everything built like it: Mistral (sliding window), SmolLM, Yi, CodeLlama,
// DeepSeek-LLM, Falcon 3, the R1 distillations; Ministral, with windows on some layers, and
// Ministral 3, which scales queries by their position. Touvron et al. 2023, "LLaMA"; Jiang et al.
// 2023, "Mistral 7B"; Jiang et al. 2024, "Mixtral of Experts".
#include <cmath>

#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

// Sharpens attention where a sequence is longer than those of the first training.
void ScaleQueries(Rotation& rotation) {
  const double beta = rotation.parameters.llama_4_scaling_beta;
  const int64_t trained = rotation.parameters.original_max_position_embeddings;
  if (beta == 0 || trained <= 0) return;
  rotation.query_scale = [beta, trained](int64_t position) {
    const int64_t lengths = position / trained;  // whole ones
    return static_cast<float>(1.0 + beta * std::log1p(static_cast<double>(lengths)));
  };
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {}));
  SKEP_RETURN_IF_ERROR(ReadBiases(view, plan));
  // Without layer_types, every layer has the window.
  SKEP_RETURN_IF_ERROR(ReadSlidingLayers(view, /*default_pattern=*/0, "rope", plan));
  plan.ropes["rope"].divisors = "rope_freqs.weight";
  ScaleQueries(plan.ropes["rope"]);
  // Of the models that also see (mistral3), only the text part is served.
  Ignore({"vision_tower.", "multi_modal_projector."}, plan);
  // GGUF has one name for Mixtral and Llama.
  SKEP_ASSIGN_OR_RETURN(const int64_t experts, view.IntOr("num_experts", 0));
  if (experts > 0) {
    SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
    moe.router.renormalize = true;
    for (LayerOptions& layer : plan.layers) layer.feed_forward = moe;
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  std::vector<WeightRule> rules;
  if (view.is_gguf()) {
    rules = GgufDecoderRules({plan.shape(), plan.shape().head_dim});
    rules.push_back({"rope_freqs.weight", "rope_freqs.weight", {}});
  } else {
    AddMixtralNames(rules);
    if (const auto* moe = std::get_if<MoeOptions>(&plan.layers.front().feed_forward)) {
      AddStackedExperts(moe->intermediate, rules);
    }
  }
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"LlamaForCausalLM",
                                                  "LLaMAForCausalLM",
                                                  "MistralForCausalLM",
                                                  "MinistralForCausalLM",
                                                  "Ministral3ForCausalLM",
                                                  "MixtralForCausalLM",
                                                  "llama",
                                                  "mistral",
                                                  "ministral",
                                                  "ministral3",
                                                  "mixtral"};
constexpr std::string_view kGgufNames[] = {"llama", "mistral3"};

}  // namespace

Architecture Llama() { return {"llama", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
