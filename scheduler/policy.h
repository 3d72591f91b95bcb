// The scheduler's choices, as functions over plain values: who comes first, who gives way, and how
// much prefill a step takes on.
#ifndef SKEP_SCHEDULER_POLICY_H_
#define SKEP_SCHEDULER_POLICY_H_

#include <cstdint>

#include "absl/types/span.h"
#include "scheduler/scheduler_options.h"
#include "scheduler/sequence.h"

namespace skep {

// The arrival, shifted by the priority. Because all who wait age alike, ageing is this constant: a
// request overtakes nobody who arrived long enough before it, whatever their priorities.
double RankTime(double arrival, int32_t priority, double ageing_seconds);

// Whether `a` comes before `b`: sheltered requests, then rank time, then order of submission. A
// strict total order.
bool RanksBefore(const RequestState& a, const RequestState& b);

// Which of the running requests (in order of rank) gives up its blocks for `beneficiary`: the last
// one whose readers have all stalled, else the last one if it ranks behind the beneficiary; nullptr
// if nobody has to give way.
RequestState* ChooseVictim(absl::Span<RequestState* const> running,
                           const RequestState& beneficiary);

// The last of the running requests (in order of rank) whose readers have all stalled, or nullptr.
RequestState* LastPaused(absl::Span<RequestState* const> running);

// How many more tokens of prefill fit in a step that already has these rows and tokens. What
// decodes leave of the time may be nothing, so `min_prefill_tokens` are taken on in any case.
int32_t PrefillRoom(const SchedulerOptions& options, const StepCosts& costs, int32_t decode_rows,
                    int32_t prefill_tokens, int32_t min_prefill_tokens);

}  // namespace skep

#endif  // SKEP_SCHEDULER_POLICY_H_
