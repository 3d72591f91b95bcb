// The scheduler's own record of requests and their sequences.
#ifndef SKEP_SCHEDULER_SEQUENCE_H_
#define SKEP_SCHEDULER_SEQUENCE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "scheduler/cache_manager.h"
#include "scheduler/plan.h"
#include "scheduler/request.h"
#include "scheduler/types.h"

namespace skep {

struct RequestState;

struct Sequence {
  SequenceId id = 0;
  uint32_t index = 0;
  RequestState* request = nullptr;
  std::vector<TokenId> tokens;  // prompt and output; never reallocated
  int64_t computed = 0;         // tokens [0, computed) are in the cache
  SequenceBlocks blocks;
  bool paused = false;
  bool done = false;
  bool failed = false;  // what the step in flight computes for it is void

  // Set when the sequence is to end at the next sweep, after `num_generated` tokens.
  FinishReason finish = FinishReason::kNone;
  int64_t finish_at = 0;
  TokenId stop_token = -1;

  // The step being planned or in flight.
  int32_t planned = 0;  // tokens; 0: not part of it
  int32_t num_copies = 0;
  std::array<BlockCopy, kMaxCacheGroups> copies;

  std::vector<float> pooled;  // kPool: what the rows so far have come to (see PoolView)
};

// A request is a group of n sequences that is admitted, preempted and cancelled together. Until its
// sequences have parted, the first live one, the leader, computes the prompt for all; then the
// others share its blocks.
struct RequestState {
  Request request;
  std::vector<Sequence> sequences;
  uint64_t number = 0;     // in order of submission
  double rank_time = 0;    // arrival, shifted by priority
  int64_t max_tokens = 0;  // of one sequence: prompt and output within the context
  bool running = false;
  bool started = false;  // has run before
  bool parted = false;
  bool sheltered = false;  // preempted so often that it is not to be preempted again
  int32_t preemptions = 0;
  FinishReason cancel = FinishReason::kNone;
  int64_t next_prompt_logprob = 0;  // position whose prediction is to be reported next

  int64_t prompt_length() const { return static_cast<int64_t>(request.prompt.size()); }

  int32_t num_live() const {
    int32_t live = 0;
    for (const Sequence& sequence : sequences) live += sequence.done ? 0 : 1;
    return live;
  }

  // The hidden states of tokens before the last are wanted too: none may come from the cache.
  bool pools_all_tokens() const {
    return request.kind == RequestKind::kPool && request.pooling != Pooling::kLast;
  }

  // The first live sequence, or nullptr.
  Sequence* leader() {
    for (Sequence& sequence : sequences) {
      if (!sequence.done) return &sequence;
    }
    return nullptr;
  }

  // No live sequence may be planned.
  bool paused() const {
    for (const Sequence& sequence : sequences) {
      if (!sequence.done && !sequence.paused) return false;
    }
    return true;
  }

  // How far a sequence is to be computed before anything new can be said of it.
  int64_t TargetLength(const Sequence& sequence) const {
    return parted ? static_cast<int64_t>(sequence.tokens.size()) : prompt_length();
  }

  // Tokens that can be planned for a sequence now.
  int64_t Remaining(const Sequence& sequence) {
    if (sequence.done || (parted && sequence.paused)) return 0;
    if (!parted && &sequence != leader()) return 0;
    return TargetLength(sequence) - sequence.computed;
  }
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_SEQUENCE_H_
