// The model runner of one process and one device: batch building, forward pass, sampling, pooling.
#ifndef SKEP_MODELS_RUNNER_LOCAL_RUNNER_H_
#define SKEP_MODELS_RUNNER_LOCAL_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <vector>

#include "models/runner.h"
#include "models/runner/batch.h"
#include "models/runner/loaded_model.h"
#include "models/sampling/sampler.h"

namespace skep::models {

class LocalRunner final : public ModelRunner {
 public:
  explicit LocalRunner(LoadedModel loaded);

  const ModelInfo& info() const override { return loaded_.info; }
  absl::StatusOr<Handle> Submit(const Plan& plan) override;
  absl::Status Wait(Handle handle, StepResult& result) override;

 private:
  // What is done with the logits of one row of the batch.
  struct LogitsUse {
    int32_t token_index = 0;   // row of the hidden states
    int32_t first_sample = 0;  // into Plan::samples
    int32_t num_samples = 0;
    const PlanRow* prompt = nullptr;  // set if the prediction of a prompt token is wanted
    int64_t position = 0;             // of the row's token
    size_t prompt_logprob = 0;        // into StepResult::prompt_logprobs
  };

  absl::Status CheckPlan(const Plan& plan) const;
  absl::Status CheckPool(const PlanRow& row, const Plan& plan) const;
  void Run(const Plan& plan, StepResult& result);
  void RunLogits(const Plan& plan, StepResult& result);
  void RunPools(const Plan& plan, StepResult& result);
  // Adds the hidden states of the batch's rows [first, first + count), one after another, to `sum`.
  void AddHidden(int32_t first, int32_t count, std::vector<float>& sum);
  void CollectLogitsUses(const Plan& plan, StepResult& result);
  void AddLogitsUse(LogitsUse use, StepResult& result);
  // Samples from the logits of uses_[first, first + count), on all threads.
  void UseAllLogits(const Plan& plan, size_t first, size_t count, StepResult& result);

  // What a thread needs to sample.
  struct Worker {
    explicit Worker(int64_t vocab_size) : sampler(vocab_size) {}
    void UseLogits(const Plan& plan, const LogitsUse& use, std::span<float> logits,
                   StepResult& result);

    Sampler sampler;
    std::vector<float> scratch;  // [vocab]: logits for the second sample of a row and on
    std::exception_ptr failure;
  };

  LoadedModel loaded_;
  Batch batch_;
  std::vector<Worker> workers_;
  at::Tensor logits_;  // [max_logits_rows_, vocab]
  int64_t max_logits_rows_;
  at::Tensor hidden_;  // [kHiddenRows, hidden_size]
  std::vector<LogitsUse> uses_;
  std::vector<int32_t> row_ids_;
  const Plan* submitted_ = nullptr;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_RUNNER_LOCAL_RUNNER_H_
