// Settings, measured costs and counters of the scheduler: plain values.
#ifndef SKEP_SCHEDULER_SCHEDULER_OPTIONS_H_
#define SKEP_SCHEDULER_SCHEDULER_OPTIONS_H_

#include <array>
#include <cstdint>

#include "scheduler/types.h"

namespace skep {

struct SchedulerOptions {
  CacheLayout layout;
  int64_t context_length = 0;       // tokens of prompt and output together
  int32_t max_batch_tokens = 2048;  // in one step; at least max_sequences
  int32_t max_sequences = 256;      // that hold blocks at a time
  int32_t max_waiting = 4096;       // requests; preempted ones come on top

  // Share of each pool that admission leaves free, so that those who run can grow.
  double watermark = 0.01;

  // One step of priority is worth this many seconds of waiting: a request is served as if it had
  // arrived `priority * ageing_seconds` later than it did, so that nothing starves.
  double ageing_seconds = 10.0;

  // How long a step may take, judged by StepCosts; 0: no limit. Decodes always run, and of the
  // prefill at least one block of tokens a step.
  double max_step_seconds = 0;

  // A request preempted this often is sheltered: at its next turn it runs to its end.
  int32_t max_preemptions = 3;

  bool prefix_cache = true;
  // The model looks ahead within a prompt: a prompt is computed in one step, and no other request
  // can use its blocks. (What follows it, after a preemption, may come in chunks.)
  bool whole_prompts = false;
  uint64_t hash_key = 0;  // random and secret, drawn once a process
};

// Measured by the engine over earlier steps; zero where unknown.
struct StepCosts {
  double fixed_seconds = 0;
  double seconds_per_prefill_token = 0;
  double seconds_per_decode_row = 0;
};

inline constexpr int kNumFinishReasons = 6;  // FinishReason::kNone .. kError

struct SchedulerStats {
  // Now.
  int32_t running = 0;    // requests that hold blocks
  int32_t waiting = 0;    // requests in the queue, preempted ones included
  int32_t sequences = 0;  // of the running requests
  struct Blocks {
    int32_t total = 0;
    int32_t free = 0;    // hold nothing
    int32_t cached = 0;  // free to take, hold a prefix that a request may still use
  };
  int32_t num_groups = 0;
  std::array<Blocks, kMaxCacheGroups> blocks;

  // Since the start.
  int64_t prefix_queries = 0;   // prompt tokens looked up in the prefix cache
  int64_t prefix_hits = 0;      // of these, tokens found
  int64_t prompt_tokens = 0;    // of the requests that started
  int64_t computed_tokens = 0;  // in committed steps, recomputation included
  int64_t generated_tokens = 0;
  int64_t preemptions = 0;         // for want of blocks
  int64_t paused_preemptions = 0;  // of requests whose readers had stalled
  int64_t aborted_steps = 0;
  std::array<int64_t, kNumFinishReasons> finished{};  // sequences, by FinishReason
  std::array<int64_t, kNumFinishReasons> requests_done{};
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_SCHEDULER_OPTIONS_H_
