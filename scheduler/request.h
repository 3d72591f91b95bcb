// What the engine asks of the scheduler. Values are those of a validated request.
#ifndef SKEP_SCHEDULER_REQUEST_H_
#define SKEP_SCHEDULER_REQUEST_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "scheduler/sampling_params.h"
#include "scheduler/types.h"

namespace skep {

enum class RequestKind {
  kGenerate,
  kPool,  // an embedding: ends when its prompt is computed; nothing is sampled
};

struct Request {
  RequestId id = 0;
  std::vector<TokenId> prompt;  // not empty; shorter than the context, or as long where pooled
  SamplingParams sampling;
  RequestKind kind = RequestKind::kGenerate;
  Pooling pooling = Pooling::kLast;  // kPool

  // As in vLLM, a lower value is more urgent. See SchedulerOptions::ageing_seconds.
  int32_t priority = 0;

  // Absolute seconds on the clock whose readings are given to Plan and Commit.
  double arrival = 0;
  double deadline = std::numeric_limits<double>::infinity();

  // Requests share cached prefixes only where this is equal: the tenant, and whatever else changes
  // the cached values (adapter, cache type).
  std::string cache_salt;
  bool bypass_prefix_cache = false;  // neither reads nor fills the prefix cache
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_REQUEST_H_
