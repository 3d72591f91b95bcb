// Phi-3.5-MoE: Phi-3's attention with biases, layer norms, and two experts a token chosen by
// SparseMixer. Abdin et al. 2024, "Phi-3 Technical Report"; Liu et al. 2024, "GRIN:
// GRadient-INformed MoE".
#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

// Of every released model; GGUF does not store it.
constexpr double kReleasedMscale = 1.243163121016122;

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm_bias = Bias::kRequired,
                                                                 .norm_epsilon = 1e-5,
                                                                 .rope_theta = 1e6}));
  // The epsilon has an RMS norm's name.
  plan.decoder.norm.kind = NormKind::kLayer;
  RopeParameters& rope = plan.ropes["rope"].parameters;
  if (view.is_gguf()) rope.short_mscale = rope.long_mscale = kReleasedMscale;
  SKEP_ASSIGN_OR_RETURN(plan.decoder.head_bias, ReadBias(view, "lm_head_bias", false));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "attention_bias", false));
  SKEP_ASSIGN_OR_RETURN(const int64_t window, ReadWindow(view));
  SKEP_ASSIGN_OR_RETURN(const double jitter, view.FloatOr("router_jitter_noise", 0.01));

  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  moe.router.score = RouterOptions::Score::kSparseMixer;
  moe.router.jitter = static_cast<float>(jitter);
  for (LayerOptions& layer : plan.layers) {
    layer.norm = plan.decoder.norm;
    layer.attention.qkv_bias = bias;
    layer.attention.output_bias = bias;
    layer.attention.window = window;
    layer.feed_forward = moe;
  }
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape()});
  std::vector<WeightRule> rules;
  AddMixtralNames(rules);
  rules.push_back({"model.layers.{}.mlp.gate.weight", "model.layers.{}.mlp.router.weight", {}});
  AddStackedExperts(std::get<MoeOptions>(plan.layers.front().feed_forward).intermediate, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"PhimoeForCausalLM", "PhiMoEForCausalLM",
                                                  "phimoe"};
constexpr std::string_view kGgufNames[] = {"phimoe"};

}  // namespace

Architecture PhiMoe() { return {"phi_moe", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
