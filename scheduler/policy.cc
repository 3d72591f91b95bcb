#include "scheduler/policy.h"

#include <algorithm>
#include <tuple>

namespace skep {

double RankTime(double arrival, int32_t priority, double ageing_seconds) {
  return arrival + priority * ageing_seconds;
}

bool RanksBefore(const RequestState& a, const RequestState& b) {
  return std::make_tuple(!a.sheltered, a.rank_time, a.number) <
         std::make_tuple(!b.sheltered, b.rank_time, b.number);
}

RequestState* ChooseVictim(absl::Span<RequestState* const> running,
                           const RequestState& beneficiary) {
  if (RequestState* paused = LastPaused(running)) return paused;
  if (running.empty() || !RanksBefore(beneficiary, *running.back())) return nullptr;
  return running.back();
}

RequestState* LastPaused(absl::Span<RequestState* const> running) {
  const auto found = std::find_if(running.rbegin(), running.rend(),
                                  [](const RequestState* request) { return request->paused(); });
  return found == running.rend() ? nullptr : *found;
}

int32_t PrefillRoom(const SchedulerOptions& options, const StepCosts& costs, int32_t decode_rows,
                    int32_t prefill_tokens, int32_t min_prefill_tokens) {
  const int32_t batch_room = options.max_batch_tokens - decode_rows - prefill_tokens;
  if (options.max_step_seconds <= 0 || costs.seconds_per_prefill_token <= 0) return batch_room;
  const double seconds =
      options.max_step_seconds - costs.fixed_seconds - decode_rows * costs.seconds_per_decode_row;
  const double affordable = std::clamp(seconds / costs.seconds_per_prefill_token, 0.0, 1e9);
  const int32_t time_room =
      std::max(static_cast<int32_t>(affordable), min_prefill_tokens) - prefill_tokens;
  return std::min(batch_room, time_room);
}

}  // namespace skep
