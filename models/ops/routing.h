// Which experts a token goes to, and with what weight. Every backend chooses with this.
#ifndef SKEP_MODELS_OPS_ROUTING_H_
#define SKEP_MODELS_OPS_ROUTING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "models/ops/ops.h"

namespace skep::models {

// Keeps its scratch from token to token.
class Router final {
 public:
  // Makes room, so that Choose allocates nothing.
  void Reserve(const RouterOptions& options);

  // `logits` [options.experts] of one token; `correction` as in ExpertsArguments. Writes
  // options.used experts, best first, and their weights. Ties go to the lower index.
  void Choose(std::span<const float> logits, std::span<const float> correction,
              const RouterOptions& options, int32_t* experts, float* weights);

 private:
  void ChooseSparseMixer(std::span<const float> logits, const RouterOptions& options,
                         int32_t* experts, float* weights);
  // Leaves in choice_ what may be chosen: -infinity outside the best groups.
  void LimitToGroups(const RouterOptions& options);

  std::vector<float> scores_;  // what becomes of the logits
  std::vector<float> choice_;  // what the choice is made by
  std::vector<float> groups_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_OPS_ROUTING_H_
