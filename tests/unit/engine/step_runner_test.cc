#include "engine/step_runner.h"

#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <stdexcept>
#include <vector>

#include "absl/status/status.h"
#include "scheduler/plan.h"

namespace skep::engine {
namespace {

// Runs plans as a function says, and notes what they were.
class ScriptedRunner final : public ModelRunner {
 public:
  const ModelInfo& info() const override { return info_; }
  absl::StatusOr<Handle> Submit(const Plan& plan) override {
    plans.push_back(plan);
    if (absl::Status status = judge(plan); !status.ok()) return status;
    return 1;
  }
  absl::Status Wait(Handle, StepResult& result) override {
    result.samples.clear();
    result.prompt_logprobs.clear();
    for (const SequenceView& view : plans.back().samples) {
      result.samples.push_back({.token = static_cast<TokenId>(view.id)});
    }
    result.pooled.clear();
    for (const PoolView& pool : plans.back().pools) {
      result.pooled.push_back({.values = {pool.before.begin(), pool.before.end()}});
    }
    return absl::OkStatus();
  }

  std::function<absl::Status(const Plan&)> judge = [](const Plan&) { return absl::OkStatus(); };
  std::vector<Plan> plans;
  ModelInfo info_{.vocab_size = 100};
};

// Three rows; the second ends a prompt that two sequences share.
Plan ThreeRows() {
  Plan plan;
  plan.step = 7;
  plan.copies = {{.group = 0, .source = 1, .target = 2}};
  plan.samples.resize(4);
  const SequenceId ids[] = {10, 11, 12, 13};
  for (int i = 0; i < 4; ++i) plan.samples[i].id = ids[i];
  for (int i : {0, 1, 3}) {
    PlanRow row{.count = 1, .first_sample = i, .num_samples = i == 1 ? 2 : 1};
    row.sequence.id = ids[i];
    plan.rows.push_back(row);
  }
  plan.num_tokens = 3;
  return plan;
}

bool Has(const Plan& plan, SequenceId id) {
  for (const PlanRow& row : plan.rows) {
    if (row.sequence.id == id) return true;
  }
  return false;
}

TEST(StepRunnerTest, PassesAGoodStepOn) {
  ScriptedRunner runner;
  StepRunner steps(runner);
  StepResult result;
  std::vector<StepRunner::FailedRow> failed;
  steps.Run(ThreeRows(), result, failed);
  EXPECT_TRUE(failed.empty());
  EXPECT_EQ(result.step, 7);
  ASSERT_EQ(result.samples.size(), 4);
  EXPECT_EQ(runner.plans.size(), 1);
}

TEST(StepRunnerTest, FindsTheCulpritAndCopiesOnce) {
  ScriptedRunner runner;
  runner.judge = [](const Plan& plan) {
    return Has(plan, 10) ? absl::InternalError("bad row") : absl::OkStatus();
  };
  StepRunner steps(runner);
  StepResult result;
  std::vector<StepRunner::FailedRow> failed;
  steps.Run(ThreeRows(), result, failed);
  ASSERT_EQ(failed.size(), 1);
  EXPECT_EQ(failed[0].sequence, 10);
  EXPECT_EQ(failed[0].status.message(), "bad row");
  ASSERT_EQ(result.samples.size(), 4);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(result.samples[i].token, 10 + i);
  // All rows, then each alone; the copies until they were done.
  ASSERT_EQ(runner.plans.size(), 4);
  EXPECT_EQ(runner.plans[1].copies.size(), 1);
  EXPECT_EQ(runner.plans[2].copies.size(), 1);
  EXPECT_EQ(runner.plans[3].copies.size(), 0);
  EXPECT_EQ(runner.plans[2].samples.size(), 2);
}

TEST(StepRunnerTest, PooledPromptsFindTheirPlaceAgain) {
  ScriptedRunner runner;
  runner.info_.hidden_size = 1;
  runner.judge = [](const Plan& plan) {
    return Has(plan, 10) ? absl::InternalError("bad row") : absl::OkStatus();
  };
  const std::vector<float> values = {7, 8, 9};
  Plan plan = ThreeRows();
  plan.samples.clear();
  for (int i = 0; i < 3; ++i) {
    plan.rows[i].first_sample = plan.rows[i].num_samples = 0;
    plan.rows[i].pool = 2 - i;
    plan.pools.push_back({.before = std::span(values).subspan(i, 1)});
  }
  StepRunner steps(runner);
  StepResult result;
  std::vector<StepRunner::FailedRow> failed;
  steps.Run(plan, result, failed);
  ASSERT_EQ(failed.size(), 1);
  ASSERT_EQ(result.pooled.size(), 3);
  EXPECT_EQ(result.pooled[0].values, std::vector<float>{7});
  EXPECT_EQ(result.pooled[1].values, std::vector<float>{8});
  EXPECT_TRUE(result.pooled[2].values.empty());  // of the culprit

  runner.info_.hidden_size = 2;  // the runner returns what is not of the model's width
  steps.Run(plan, result, failed);
  EXPECT_EQ(failed.size(), 3);
}

TEST(StepRunnerTest, NothingIsThrownPast) {
  ScriptedRunner runner;
  runner.judge = [](const Plan&) -> absl::Status { throw std::runtime_error("boom"); };
  StepRunner steps(runner);
  StepResult result;
  std::vector<StepRunner::FailedRow> failed;
  steps.Run(ThreeRows(), result, failed);
  EXPECT_EQ(failed.size(), 3);
  runner.judge = [](const Plan&) -> absl::Status { throw 7; };
  steps.Run(ThreeRows(), result, failed);
  EXPECT_EQ(failed.size(), 3);
}

TEST(StepRunnerTest, ImpossibleTokensAreFailures) {
  ScriptedRunner runner;
  runner.info_.vocab_size = 12;  // ids 12 and 13 are outside
  StepRunner steps(runner);
  StepResult result;
  std::vector<StepRunner::FailedRow> failed;
  steps.Run(ThreeRows(), result, failed);
  ASSERT_EQ(failed.size(), 2);
  EXPECT_EQ(failed[0].sequence, 11);
  EXPECT_EQ(failed[1].sequence, 13);
  EXPECT_EQ(result.samples[0].token, 10);
}

}  // namespace
}  // namespace skep::engine
