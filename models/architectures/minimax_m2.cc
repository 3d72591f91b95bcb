// MiniMax-M2: norms over the whole rows of q and k, RoPE on a part of each head, experts chosen by
// sigmoids plus a learned correction. MiniMax 2025, "MiniMax-M2" (model card).
#include <algorithm>

#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckEquals(view, "scoring_func", "sigmoid"));
  SKEP_RETURN_IF_ERROR(CheckZero(view, "shared_intermediate_size", "a shared expert"));
  SKEP_ASSIGN_OR_RETURN(const std::vector<int64_t> kinds, view.Ints("attn_type_list"));
  if (std::any_of(kinds.begin(), kinds.end(), [](int64_t kind) { return kind != 1; })) {
    return absl::UnimplementedError(view.file() +
                                    ": linear attention (attn_type_list with other "
                                    "entries than 1) is not supported");
  }
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan,
                        ReadDecoderPlan(view, {.head_dim_required = true, .rope_theta = 5e6}));
  RopeParameters& rope = plan.ropes["rope"].parameters;
  if (!view.is_gguf() && view.Has("rotary_dim") && rope.partial_rotary_factor == 1.0) {
    const int64_t head_dim = plan.shape().head_dim;
    SKEP_ASSIGN_OR_RETURN(const int64_t rotary, view.RequiredIntIn("rotary_dim", 2, head_dim));
    rope.partial_rotary_factor = static_cast<double>(rotary) / static_cast<double>(head_dim);
  }
  SKEP_ASSIGN_OR_RETURN(const bool qk_norm, view.BoolOr("use_qk_norm", true));
  SKEP_RETURN_IF_ERROR(CheckEquals(view, "qk_norm_type", "per_layer"));

  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  moe.router.score = RouterOptions::Score::kSigmoid;
  moe.router.renormalize = true;
  moe.correction = true;
  for (LayerOptions& layer : plan.layers) {
    if (qk_norm) layer.attention.qk_norm = layer.norm;
    layer.attention.head_norm = HeadNorm::kWholeRow;
    layer.feed_forward = moe;
  }
  // Layers that only predict further tokens ahead.
  Ignore({"mtp."}, plan);
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  if (view.is_gguf()) return GgufDecoderRules({plan.shape()});
  std::vector<WeightRule> rules;
  AddMixtralNames(rules);
  rules.push_back({"model.layers.{}.mlp.gate.e_score_correction_bias",
                   "model.layers.{}.mlp.e_score_correction_bias",
                   {}});
  AddStackedExperts(std::get<MoeOptions>(plan.layers.front().feed_forward).intermediate, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"MiniMaxM2ForCausalLM", "minimax_m2"};
constexpr std::string_view kGgufNames[] = {"minimax-m2"};

}  // namespace

Architecture MiniMaxM2() { return {"minimax_m2", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
