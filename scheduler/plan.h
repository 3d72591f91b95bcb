// What one step computes (Plan) and what came of it (StepResult): the two values that pass between
// the scheduler and the model runner. Both are reused from step to step, so that a step in steady
// state allocates nothing. Pointers and spans inside a Plan refer to memory owned by the scheduler;
// they are valid until the next call of a mutating method of the scheduler.
#ifndef SKEP_SCHEDULER_PLAN_H_
#define SKEP_SCHEDULER_PLAN_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/sampling_params.h"
#include "scheduler/types.h"

namespace skep {

// One sequence as the runner sees it.
struct SequenceView {
  SequenceId id = 0;
  uint32_t index = 0;               // 0 .. n-1 within its request
  std::span<const TokenId> tokens;  // the prompt, then what was generated so far
  int64_t prompt_length = 0;
  const SamplingParams* sampling = nullptr;
};

// A run of consecutive tokens of one sequence: a whole prompt, a chunk of one, or a single token.
struct PlanRow {
  SequenceView sequence;
  int64_t first_token = 0;  // position of the first token to compute; all before it are cached
  int32_t count = 0;        // >= 1; tokens are sequence.tokens[first_token, first_token + count)

  // For each cache group, the sequence's block table: entry i holds positions
  // [i * block_size, (i + 1) * block_size), kNoBlock where they slid out of the window. It reaches
  // at least to position first_token + count - 1. A recurrent group's table is its one state slot.
  std::array<std::span<const BlockId>, kMaxCacheGroups> block_tables;

  // Sequences that draw a token from the logits of the last position: entries
  // [first_sample, first_sample + num_samples) of Plan::samples. None for a chunk that does not end
  // its sequence; n for the end of a prompt that n sequences share; otherwise one.
  int32_t first_sample = 0;
  int32_t num_samples = 0;

  // The first position whose *prediction* of the following prompt token is wanted; positions
  // [prompt_logprobs_from, first_token + count) inside this row and below prompt_length - 1 are
  // reported. -1: none.
  int64_t prompt_logprobs_from = -1;

  // Of a pooled prompt: the entry of Plan::pools that takes in this row's hidden states. -1: none
  // of them is wanted.
  int32_t pool = -1;
};

// A pooled prompt at one of its rows. It is folded row by row: what comes of a row is `before` of
// the next, so that the runner keeps nothing between steps and a step that failed can be run again.
struct PoolView {
  Pooling pooling = Pooling::kLast;
  std::span<const float> before;  // [hidden_size]; empty at the first row
};

// A copy inside the state store, done before the rows run: the fork of a partly filled block
// (copy on write), or the snapshot or restore of a recurrent state.
struct BlockCopy {
  int32_t group = 0;
  BlockId source = kNoBlock;
  BlockId target = kNoBlock;
};

struct Plan {
  uint64_t step = 0;
  std::vector<BlockCopy> copies;
  std::vector<BlockCopy> snapshots;   // recurrent groups: done after the rows ran
  std::vector<PlanRow> rows;          // decodes first, then prefill chunks
  std::vector<SequenceView> samples;  // see PlanRow::first_sample
  std::vector<PoolView> pools;        // see PlanRow::pool
  int32_t num_tokens = 0;             // sum of the rows' counts

  bool empty() const { return rows.empty(); }
  void Clear() {
    copies.clear();
    snapshots.clear();
    rows.clear();
    samples.clear();
    pools.clear();
    num_tokens = 0;
  }
};

struct TokenLogprob {
  TokenId token = 0;
  float logprob = 0.0f;
  int32_t rank = 0;  // 1 is the most likely token
};

enum class SampleStatus {
  kOk,
  // NaN, or no token left to choose from; of a pooled prompt, a value that is not finite. This
  // sequence fails, no other.
  kInvalidLogits,
};

// Parallel to Plan::samples.
struct SampleResult {
  SampleStatus status = SampleStatus::kOk;
  TokenId token = 0;
  TokenLogprob chosen;            // valid if sampling->logprobs >= 0
  std::vector<TokenLogprob> top;  // the sampling->logprobs most likely, descending
};

// The prediction of one prompt token.
struct PromptLogprob {
  SequenceId sequence = 0;
  int64_t position = 0;  // of the predicted token, >= 1
  TokenLogprob chosen;   // the prompt's own token at that position
  std::vector<TokenLogprob> top;
};

// Parallel to Plan::pools.
struct PoolResult {
  SampleStatus status = SampleStatus::kOk;
  // [hidden_size], of hidden states after the final norm. kMean: the sum so far, in which the
  // tokens were added one after another in order of position, in float32: its bits do not depend on
  // how the prompt was cut. kFirst, kLast: the one token's.
  std::vector<float> values;
};

struct StepResult {
  uint64_t step = 0;
  std::vector<SampleResult> samples;
  std::vector<PoolResult> pooled;
  std::vector<PromptLogprob> prompt_logprobs;
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_PLAN_H_
