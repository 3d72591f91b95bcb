// What the families with a mixture of experts share: keys of the configuration and names of
// tensors.
#ifndef SKEP_MODELS_ARCHITECTURES_MIXTURE_H_
#define SKEP_MODELS_ARCHITECTURES_MIXTURE_H_

#include <vector>

#include "models/architectures/decoder_plan.h"

namespace skep::models::architectures {

// num_experts, num_experts_per_tok and the width of an expert (moe_intermediate_size, else
// intermediate_size), with the plan's activation: softmax of all logits, not renormalised.
absl::StatusOr<MoeOptions> ReadMoe(const ConfigView& view, const DecoderPlan& plan);

// n_group and topk_group.
absl::Status ReadGroups(const ConfigView& view, RouterOptions& router);

// mlp.{gate,experts.{}.*} under Mixtral's names: block_sparse_moe.gate, experts.{}.w1, w2, w3.
void AddMixtralNames(std::vector<WeightRule>& rules);

// GGUF may keep gate and up of all experts as one tensor a layer, whatever the family
// (--fuse-gate-up-exps of llama.cpp's converter): blk.{}.ffn_gate_up_exps [E, 2F, H].
void AddGgufFusedExperts(const DecoderPlan& plan, std::vector<WeightRule>& rules);

// mlp.experts.{}.{gate,up,down}_proj stacked in one tensor a part: mlp.experts.gate_up_proj
// [E, 2F, H] and down_proj [E, H, F], as transformers 5 can save them.
void AddStackedExperts(int64_t intermediate, std::vector<WeightRule>& rules);

}  // namespace skep::models::architectures

#endif  // SKEP_MODELS_ARCHITECTURES_MIXTURE_H_
