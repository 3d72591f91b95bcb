// A model without tensors: the next token, and the hidden state of one, is a hash of all tokens
// before it. It keeps what a real cache would keep, block by block, and checks that every token a
// row reads is there, and in a model that reads prompts whole, that the row holds its whole prompt.
#ifndef SKEP_TESTS_FAKES_FAKE_RUNNER_H_
#define SKEP_TESTS_FAKES_FAKE_RUNNER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/runner.h"
#include "scheduler/plan.h"
#include "scheduler/sampling_params.h"
#include "scheduler/types.h"

namespace skep {

// What the fake model says after `tokens`; `prompt_length` of them are the prompt.
TokenId FakeNextToken(std::span<const TokenId> tokens, int64_t prompt_length, uint32_t index,
                      const SamplingParams& sampling, int64_t vocab_size);
// Its log-probability of `next` after `tokens`.
float FakeLogprob(std::span<const TokenId> tokens, TokenId next);
// Its hidden state of the token at `position` of a prompt, [hidden_size]: whole numbers that depend
// on the tokens up to there, or on all of them where the model reads prompts whole.
std::vector<float> FakeHidden(std::span<const TokenId> prompt, int64_t position,
                              const ModelInfo& model);
// What pooling the whole prompt gives; of kMean, the sum.
std::vector<float> FakePooled(std::span<const TokenId> prompt, Pooling pooling,
                              const ModelInfo& model);
// All that sequence `index` generates by itself: up to eos, a stop id, max_tokens or the context.
std::vector<TokenId> FakeGeneration(std::vector<TokenId> prompt, uint32_t index,
                                    const SamplingParams& sampling, const ModelInfo& model);

// What a test sets and counts; it outlives the runner, which the engine owns.
struct FakeRunnerControl {
  // Called on the loop's thread before a step runs; an error, or an exception, fails it. Set before
  // the engine starts.
  std::function<absl::Status(const Plan&)> before_step;
  // Whether the logits of a sequence, or the hidden states of a pooled prompt, are NaN. The same.
  std::function<bool(const SequenceView&)> invalid_logits;

  std::atomic<int64_t> delay_microseconds{0};  // a step takes
  std::atomic<int64_t> steps{0};
  std::atomic<int64_t> tokens{0};
  std::atomic<int64_t> wrong_reads{0};  // tokens that were not where the block table said
};

// A model of `vocab_size` tokens and one cache group of full attention. Tests change the fields.
ModelInfo FakeModelInfo(int64_t vocab_size, int32_t num_blocks, int32_t block_size = 4);

class FakeRunner final : public ModelRunner {
 public:
  FakeRunner(ModelInfo info, std::shared_ptr<FakeRunnerControl> control);

  const ModelInfo& info() const override { return info_; }
  absl::StatusOr<Handle> Submit(const Plan& plan) override;
  absl::Status Wait(Handle handle, StepResult& result) override;

 private:
  struct CacheRow {
    TokenId token = -1;
    int64_t position = -1;
  };
  using Pool = std::vector<CacheRow>;  // [num_blocks * block_size]

  CacheRow* RowAt(size_t group, const PlanRow& row, int64_t position);
  void Copy(const BlockCopy& copy);
  void Write(const PlanRow& row);
  bool Reads(const PlanRow& row);
  SampleResult Sample(const SequenceView& sequence);
  PoolResult PoolHidden(const PlanRow& row, const PoolView& pool) const;
  void ReportPrompt(const PlanRow& row, StepResult& result);

  const ModelInfo info_;
  const std::shared_ptr<FakeRunnerControl> control_;
  std::vector<Pool> pools_;
  const Plan* in_flight_ = nullptr;
  Handle next_handle_ = 1;
};

}  // namespace skep

#endif  // SKEP_TESTS_FAKES_FAKE_RUNNER_H_
