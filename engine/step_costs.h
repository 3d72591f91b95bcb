// What steps have cost lately, so that the scheduler can cut prompts to fit a step's time.
#ifndef SKEP_ENGINE_STEP_COSTS_H_
#define SKEP_ENGINE_STEP_COSTS_H_

#include "absl/time/time.h"
#include "scheduler/plan.h"
#include "scheduler/scheduler_options.h"

namespace skep::engine {

// Exponentially weighted means. Steps that only decode tell the cost of a decode row; what a mixed
// step took beyond that is its prefill's. Thread-compatible.
class StepCostMeter final {
 public:
  void Add(const Plan& plan, absl::Duration duration);
  const StepCosts& costs() const { return costs_; }

 private:
  StepCosts costs_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_STEP_COSTS_H_
