#include "models/architectures/mixture.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kMaxExperts = 4096;
constexpr int64_t kMaxWidth = int64_t{1} << 24;
constexpr char kMlp[] = "model.layers.{}.mlp.";

}  // namespace

absl::StatusOr<MoeOptions> ReadMoe(const ConfigView& view, const DecoderPlan& plan) {
  const auto& mlp = std::get<MlpOptions>(plan.layers.front().feed_forward);
  MoeOptions moe;
  moe.hidden = mlp.hidden;
  moe.function = mlp.function;
  moe.intermediate = mlp.intermediate;
  if (view.Has("moe_intermediate_size")) {
    SKEP_ASSIGN_OR_RETURN(moe.intermediate,
                          view.RequiredIntIn("moe_intermediate_size", 1, kMaxWidth));
  }
  SKEP_ASSIGN_OR_RETURN(moe.router.experts, view.RequiredIntIn("num_experts", 1, kMaxExperts));
  SKEP_ASSIGN_OR_RETURN(moe.router.used,
                        view.RequiredIntIn("num_experts_per_tok", 1, moe.router.experts));
  return moe;
}

absl::Status ReadGroups(const ConfigView& view, RouterOptions& router) {
  // Null, 0 and 1 all mean that there are none.
  SKEP_ASSIGN_OR_RETURN(const int64_t groups, view.IntOr("n_group", 1));
  SKEP_ASSIGN_OR_RETURN(const int64_t used, view.IntOr("topk_group", groups));
  if (groups <= 1) return absl::OkStatus();
  if (router.experts % groups != 0 || used < 1 || used > groups ||
      used * (router.experts / groups) < router.used) {
    return absl::InvalidArgumentError(absl::StrCat(
        view.file(), ": ", router.experts, " experts in ", groups, " groups, of which ", used,
        " are used, cannot give ", router.used, " experts a token"));
  }
  router.groups = groups;
  router.used_groups = used;
  return absl::OkStatus();
}

void AddMixtralNames(std::vector<WeightRule>& rules) {
  const std::string mlp = kMlp, moe = "model.layers.{}.block_sparse_moe.";
  rules.push_back({mlp + "gate.weight", moe + "gate.weight", {}});
  rules.push_back({mlp + "gate.e_score_correction_bias", moe + "e_score_correction_bias", {}});
  rules.push_back({mlp + "experts.{}.gate_proj.weight", moe + "experts.{}.w1.weight", {}});
  rules.push_back({mlp + "experts.{}.down_proj.weight", moe + "experts.{}.w2.weight", {}});
  rules.push_back({mlp + "experts.{}.up_proj.weight", moe + "experts.{}.w3.weight", {}});
}

void AddGgufFusedExperts(const DecoderPlan& plan, std::vector<WeightRule>& rules) {
  for (const LayerOptions& layer : plan.layers) {
    const auto* moe = std::get_if<MoeOptions>(&layer.feed_forward);
    if (moe == nullptr) continue;
    const int64_t width = moe->intermediate;
    const std::string expert = std::string(kMlp) + "experts.{}.", fused = "blk.{}.ffn_gate_up_exps";
    AddWeightAndBias(expert + "gate_proj", fused, Slice(0, width, 2 * width), rules);
    AddWeightAndBias(expert + "up_proj", fused, Slice(width, width, 2 * width), rules);
    return;
  }
}

void AddStackedExperts(int64_t intermediate, std::vector<WeightRule>& rules) {
  const std::string experts = std::string(kMlp) + "experts.";
  const int64_t rows = 2 * intermediate;
  rules.push_back(
      {experts + "{}.gate_proj.weight", experts + "gate_up_proj", Slice(0, intermediate, rows)});
  rules.push_back({experts + "{}.up_proj.weight", experts + "gate_up_proj",
                   Slice(intermediate, intermediate, rows)});
  rules.push_back({experts + "{}.down_proj.weight", experts + "down_proj", {}});
}

}  // namespace skep::models::architectures
