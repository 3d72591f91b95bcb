// What is refused at the door: options and requests that can never work.
#ifndef SKEP_SCHEDULER_ADMISSION_H_
#define SKEP_SCHEDULER_ADMISSION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "scheduler/cache_manager.h"
#include "scheduler/request.h"
#include "scheduler/scheduler_options.h"

namespace skep {

absl::Status CheckOptions(const SchedulerOptions& options);

// INVALID_ARGUMENT if the request contradicts itself, the context or the step's limits.
absl::Status CheckRequest(const Request& request, const SchedulerOptions& options);

// Tokens of one sequence of the request, prompt and output.
int64_t MaxSequenceTokens(const Request& request, const SchedulerOptions& options);

// Blocks that a group needs for `num_sequences` sequences of `num_tokens` tokens in the cache that
// share a prompt of `prompt_tokens`, which is computed in one step if `whole_prompts`. With this
// many, they can be computed to the end.
int32_t BlocksForRequest(const CacheManager& cache, int group, int64_t num_tokens,
                         int64_t prompt_tokens, int32_t num_sequences, bool whole_prompts);

// FAILED_PRECONDITION if the request does not fit in the pools even alone.
absl::Status CheckFits(const Request& request, const SchedulerOptions& options,
                       const CacheManager& cache);

}  // namespace skep

#endif  // SKEP_SCHEDULER_ADMISSION_H_
