#include "engine/step_costs.h"

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "scheduler/plan.h"

namespace skep::engine {
namespace {

// Weight of the newest step: about the last ten count.
constexpr double kNewest = 0.1;

void Mix(double& mean, double sample) {
  mean = mean == 0 ? sample : mean + kNewest * (sample - mean);
}

bool IsDecode(const PlanRow& row) {
  return row.count == 1 && row.first_token >= row.sequence.prompt_length;
}

}  // namespace

void StepCostMeter::Add(const Plan& plan, absl::Duration duration) {
  const int64_t decodes = std::count_if(plan.rows.begin(), plan.rows.end(), IsDecode);
  const int64_t prefill_tokens = plan.num_tokens - decodes;
  const double seconds = std::max(absl::ToDoubleSeconds(duration), 0.0);
  if (prefill_tokens <= 0) {
    if (decodes > 0) Mix(costs_.seconds_per_decode_row, seconds / decodes);
    return;
  }
  const double prefill = std::max(seconds - decodes * costs_.seconds_per_decode_row, 0.0);
  Mix(costs_.seconds_per_prefill_token, prefill / prefill_tokens);
}

}  // namespace skep::engine
