// Runs one step on the model runner and, when it fails, finds out whose fault it was.
#ifndef SKEP_ENGINE_STEP_RUNNER_H_
#define SKEP_ENGINE_STEP_RUNNER_H_

#include <vector>

#include "absl/status/status.h"
#include "models/runner.h"
#include "scheduler/plan.h"
#include "scheduler/types.h"

namespace skep::engine {

// Thread-compatible: belongs to the loop.
class StepRunner final {
 public:
  // Must outlive it.
  explicit StepRunner(ModelRunner& runner) : runner_(runner) {}

  struct FailedRow {
    SequenceId sequence = 0;  // the row's; with n > 1 the others of a prompt's end share its fate
    absl::Status status;
  };

  // Runs `plan`. When that fails, its rows are run again one by one; `failed` lists those that fail
  // again, and `result` is whole but for their samples, which hold nothing. Nothing in the runner
  // can throw past this.
  void Run(const Plan& plan, StepResult& result, std::vector<FailedRow>& failed);

 private:
  absl::Status RunOnce(const Plan& plan, StepResult& result);
  absl::Status CallRunner(const Plan& plan, StepResult& result);
  void RunAlone(const Plan& plan, StepResult& result, std::vector<FailedRow>& failed);

  ModelRunner& runner_;
  Plan alone_;  // scratch
  StepResult alone_result_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_STEP_RUNNER_H_
