#include "engine/step_runner.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "models/runner.h"
#include "scheduler/plan.h"
#include "scheduler/types.h"

namespace skep::engine {
namespace {

bool Holds(const PlanRow& row, const BlockCopy& copy) {
  if (copy.group < 0 || copy.group >= kMaxCacheGroups) return false;
  const auto& table = row.block_tables[copy.group];
  return std::find(table.begin(), table.end(), copy.source) != table.end();
}

// The step of `row` alone. A snapshot goes with the row whose state it keeps.
void MakePlanOf(const PlanRow& row, const Plan& plan, Plan& alone) {
  alone.Clear();
  alone.step = plan.step;
  alone.num_tokens = row.count;
  alone.rows.push_back(row);
  alone.rows.back().first_sample = 0;
  const auto first = plan.samples.begin() + row.first_sample;
  alone.samples.assign(first, first + row.num_samples);
  if (row.pool >= 0) {
    alone.rows.back().pool = 0;
    alone.pools.push_back(plan.pools[row.pool]);
  }
  std::copy_if(plan.snapshots.begin(), plan.snapshots.end(), std::back_inserter(alone.snapshots),
               [&](const BlockCopy& copy) { return Holds(row, copy); });
}

absl::Status CheckPooled(const Plan& plan, const StepResult& result, const ModelInfo& model) {
  if (result.pooled.size() != plan.pools.size()) {
    return absl::InternalError(absl::StrCat("the model runner returned ", result.pooled.size(),
                                            " pooled prompts for ", plan.pools.size()));
  }
  for (const PoolResult& pooled : result.pooled) {
    const auto size = static_cast<int64_t>(pooled.values.size());
    if (pooled.status != SampleStatus::kOk || size == model.hidden_size) continue;
    return absl::InternalError(absl::StrCat("the model runner pooled a prompt to ", size,
                                            " values; must be ", model.hidden_size));
  }
  return absl::OkStatus();
}

}  // namespace

void StepRunner::Run(const Plan& plan, StepResult& result, std::vector<FailedRow>& failed) {
  failed.clear();
  if (!RunOnce(plan, result).ok()) RunAlone(plan, result, failed);
}

void StepRunner::RunAlone(const Plan& plan, StepResult& result, std::vector<FailedRow>& failed) {
  result.step = plan.step;
  result.samples.assign(plan.samples.size(), SampleResult{});
  result.pooled.assign(plan.pools.size(), PoolResult{});
  result.prompt_logprobs.clear();
  // The copies come before all rows, and once: a row that ran may have written to a target.
  bool copied = false;
  for (const PlanRow& row : plan.rows) {
    MakePlanOf(row, plan, alone_);
    if (!copied) alone_.copies = plan.copies;
    if (absl::Status status = RunOnce(alone_, alone_result_); !status.ok()) {
      failed.push_back({row.sequence.id, std::move(status)});
      continue;
    }
    copied = true;
    std::move(alone_result_.samples.begin(), alone_result_.samples.end(),
              result.samples.begin() + row.first_sample);
    if (row.pool >= 0) result.pooled[row.pool] = std::move(alone_result_.pooled[0]);
    std::move(alone_result_.prompt_logprobs.begin(), alone_result_.prompt_logprobs.end(),
              std::back_inserter(result.prompt_logprobs));
  }
}

// A step whose result cannot be used has failed.
absl::Status StepRunner::RunOnce(const Plan& plan, StepResult& result) {
  if (absl::Status status = CallRunner(plan, result); !status.ok()) return status;
  if (result.samples.size() != plan.samples.size()) {
    return absl::InternalError(absl::StrCat("the model runner returned ", result.samples.size(),
                                            " samples for ", plan.samples.size()));
  }
  if (absl::Status status = CheckPooled(plan, result, runner_.info()); !status.ok()) return status;
  const int64_t vocab_size = runner_.info().vocab_size;
  for (const SampleResult& sample : result.samples) {
    if (sample.status != SampleStatus::kOk) continue;
    if (sample.token < 0 || sample.token >= vocab_size) {
      return absl::InternalError(absl::StrCat("the model runner sampled the id ", sample.token,
                                              "; must be in [0, ", vocab_size, ")"));
    }
  }
  result.step = plan.step;
  return absl::OkStatus();
}

absl::Status StepRunner::CallRunner(const Plan& plan, StepResult& result) {
  try {
    const absl::StatusOr<ModelRunner::Handle> handle = runner_.Submit(plan);
    if (!handle.ok()) return handle.status();
    return runner_.Wait(*handle, result);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("the model runner threw: ", error.what()));
  } catch (...) {
    return absl::InternalError("the model runner threw something unknown");
  }
}

}  // namespace skep::engine
