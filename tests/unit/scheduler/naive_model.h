// A naive model of what the cache holds and of what every request is owed, which judges the
// scheduler's plans and events without knowing how they come about.
#ifndef SKEP_TESTS_UNIT_SCHEDULER_NAIVE_MODEL_H_
#define SKEP_TESTS_UNIT_SCHEDULER_NAIVE_MODEL_H_

#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "scheduler/event.h"
#include "scheduler/plan.h"
#include "scheduler/request.h"
#include "scheduler/scheduler_options.h"

namespace skep {

uint64_t MixHash(uint64_t a, uint64_t b);

// What the model samples for a sequence after `tokens`: a fixed function, so that what a request
// generates must not depend on how it was scheduled.
TokenId ExpectedToken(const SamplingParams& sampling, uint32_t index,
                      std::span<const TokenId> tokens);

// The hidden state of the last of `tokens`: a whole number, so that sums of them are exact.
float ExpectedState(std::span<const TokenId> tokens);

// What the pooled hidden states of `prompt` come to.
float ExpectedPooled(Pooling pooling, std::span<const TokenId> prompt);

// For every (group, block, offset) the identity of the token computed there: a hash of the whole
// prefix that ends in it and of the salt.
class NaiveCache {
 public:
  explicit NaiveCache(const CacheLayout& layout);

  // Does the plan's copies (in any order) and rows as the model runner would, and checks that each
  // position that a query sees holds the row's own token after the same prefix.
  std::string Run(const Plan& plan, const std::map<SequenceId, uint64_t>& salts,
                  std::mt19937_64& random);

  // A step that breaks off: some copies and rows happen, or leave garbage.
  void RunBroken(const Plan& plan, std::mt19937_64& random);
  void SpoilRow(const PlanRow& row);

 private:
  uint64_t& At(int group, std::span<const BlockId> table, int64_t position);
  std::string CheckTables(const Plan& plan) const;
  std::string CheckRow(const PlanRow& row, const std::vector<uint64_t>& prefix);

  const CacheLayout layout_;
  std::vector<std::vector<uint64_t>> content_;  // [group][block * block_size + offset]
};

struct SequenceModel {
  SequenceId id = 0;
  std::vector<TokenId> tokens;
  bool done = false;
  bool paused = false;
  bool must_end = false;  // the last event makes this sequence end before the next plan
  FinishReason expected = FinishReason::kNone;
  FinishReason asked = FinishReason::kNone;  // by FinishSequence or FailSequence
  int64_t asked_count = 0;
};

struct RequestModel {
  Request request;
  double rank_time = 0;
  uint64_t number = 0;
  std::vector<SequenceModel> sequences;
  bool done = false;
  bool started = false;
  bool running = false;
  bool running_before = false;   // when the current plan was asked for
  bool waited_unpaused = false;  // during the current plan, from its start
  bool preempted_now = false;    // by the current plan
  bool tolerates_error = false;  // a fault was injected
  bool pooled = false;
  FinishReason cancelled = FinishReason::kNone;
  int32_t preemptions = 0;      // for want of blocks
  int32_t recomputations = 0;   // of any cause
  int64_t prompt_logprobs = 1;  // the next position due
  int32_t pauses = 0;

  bool paused() const;
  int32_t live() const;
  SequenceModel* leader();
};

}  // namespace skep

#endif  // SKEP_TESTS_UNIT_SCHEDULER_NAIVE_MODEL_H_
