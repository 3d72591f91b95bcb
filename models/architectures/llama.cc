// Llama 1 to 3.3 and everything built like it: Mistral (sliding window), SmolLM, Yi, CodeLlama,
// DeepSeek-LLM, Falcon 3, the R1 distillations. Touvron et al. 2023, "LLaMA"; Jiang et al. 2023,
// "Mistral 7B"; Jiang et al. 2024, "Mixtral of Experts".
#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {}));
  SKEP_ASSIGN_OR_RETURN(const int64_t window, ReadWindow(view));
  SKEP_ASSIGN_OR_RETURN(const Bias attention_bias, ReadBias(view, "attention_bias", false));
  SKEP_ASSIGN_OR_RETURN(const Bias mlp_bias, ReadBias(view, "mlp_bias", false));
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    AttentionOptions& attention = plan.layers[i].attention;
    attention.window = window;
    attention.qkv_bias = attention_bias;
    attention.output_bias = attention_bias;
    plan.mlp(i).bias = mlp_bias;
  }
  plan.ropes["rope"].divisors = "rope_freqs.weight";
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

constexpr std::string_view kHuggingFaceNames[] = {
    "LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "llama",
    "mistral",          "mixtral"};
constexpr std::string_view kGgufNames[] = {"llama"};

}  // namespace

Architecture Llama() { return DecoderFamily<Read>("llama", kHuggingFaceNames, kGgufNames, Rules); }

}  // namespace skep::models::architectures
