// The vocabulary that the scheduler, the model runner and the engine share. No tensors, no threads.
#ifndef SKEP_SCHEDULER_TYPES_H_
#define SKEP_SCHEDULER_TYPES_H_

#include <array>
#include <cstdint>
#include <vector>

namespace skep {

using TokenId = int32_t;
using RequestId = uint64_t;   // unique for the life of the process
using SequenceId = uint64_t;  // unique for the life of the process; a request has one to n of them
using BlockId = int32_t;      // index into the block pool of one cache group

// In a block table: this stretch of tokens is no longer held (it slid out of the window).
inline constexpr BlockId kNoBlock = -1;

// What the layers of a cache group keep of the tokens they have seen.
enum class StateKind {
  kFullAttention,  // every token, for as long as the sequence lives
  kSlidingWindow,  // the last `window` tokens
  kLatent,         // every token, as one compressed row (MLA)
  kRecurrent,      // one fixed-size state a sequence; a "block" is a state slot
};

// Layers that keep the same kind of state share one pool of blocks and one block table a sequence.
struct CacheGroupSpec {
  StateKind kind = StateKind::kFullAttention;
  int64_t window = 0;      // kSlidingWindow: a query at position q sees keys in (q - window, q]
  int32_t num_blocks = 0;  // size of the pool (kRecurrent: number of state slots)
  int64_t bytes_per_block = 0;  // over all layers of the group
};

inline constexpr int kMaxCacheGroups = 4;

struct CacheLayout {
  int32_t block_size = 32;  // tokens in a block; the same for all groups
  std::vector<CacheGroupSpec> groups;
};

// How the hidden states of a prompt's tokens become one vector.
enum class Pooling {
  kLast,   // the last token's: of a causal model, the one that has seen them all
  kMean,   // the mean of all
  kFirst,  // the first token's, which encoders call CLS
};

enum class FinishReason {
  kNone,       // still running
  kStop,       // an end-of-sequence id, a stop id or a stop string
  kLength,     // max_tokens, or the model's context is full
  kCancelled,  // the client went away or asked for it
  kDeadline,   // the request's deadline passed
  kError,      // this sequence's own failure (for example: all logits NaN)
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_TYPES_H_
