// Runs a scheduler step by step behind a model that always samples the same token, and whose pooled
// prompts come to the number of tokens that were pooled.
#ifndef SKEP_TESTS_UNIT_SCHEDULER_DRIVER_H_
#define SKEP_TESTS_UNIT_SCHEDULER_DRIVER_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "scheduler/scheduler.h"

namespace skep {

inline SchedulerOptions SmallOptions(int32_t blocks = 16) {
  SchedulerOptions options;
  options.layout.block_size = 4;
  options.layout.groups = {{StateKind::kFullAttention, 0, blocks, 0}};
  options.context_length = 64;
  options.max_batch_tokens = 16;
  options.max_sequences = 4;
  options.watermark = 0;
  return options;
}

inline Request MakeRequest(RequestId id, int prompt, int max_tokens, int n = 1) {
  Request request;
  request.id = id;
  request.prompt.resize(prompt);
  std::iota(request.prompt.begin(), request.prompt.end(), static_cast<TokenId>(id * 1000));
  request.sampling.max_tokens = max_tokens;
  request.sampling.n = n;
  request.arrival = static_cast<double>(id);
  return request;
}

class Driver {
 public:
  explicit Driver(SchedulerOptions options) : scheduler(*Scheduler::Create(std::move(options))) {}

  SequenceId Submit(Request request) {
    absl::StatusOr<SequenceId> id = scheduler->Submit(std::move(request));
    EXPECT_TRUE(id.ok()) << id.status();
    return id.ok() ? *id : 0;
  }

  // `events` holds those of the last call.
  const Plan& MakePlan() {
    events.clear();
    scheduler->Plan(now, costs, plan, events);
    return plan;
  }
  void Commit() {
    if (plan.empty()) return;
    result.step = plan.step;
    result.samples.resize(plan.samples.size());
    for (SampleResult& sample : result.samples) sample = {SampleStatus::kOk, token, {}, {}};
    result.pooled.resize(plan.pools.size());
    for (const PlanRow& row : plan.rows) {
      if (row.pool < 0) continue;
      const std::span<const float> before = plan.pools[row.pool].before;
      const float tokens = before.empty() ? 0.0f : before[0];
      result.pooled[row.pool] = {SampleStatus::kOk, {tokens + static_cast<float>(row.count)}};
    }
    EXPECT_TRUE(scheduler->Commit(result, now, events).ok());
    EXPECT_TRUE(scheduler->CheckInvariants().ok()) << scheduler->CheckInvariants();
  }
  void Step() {
    MakePlan();
    Commit();
  }

  int Count(SchedulerEvent::Kind kind) const {
    return static_cast<int>(std::count_if(events.begin(), events.end(),
                                          [kind](const auto& e) { return e.kind == kind; }));
  }
  const SchedulerEvent* Find(SchedulerEvent::Kind kind, RequestId request) const {
    for (const SchedulerEvent& event : events) {
      if (event.kind == kind && event.request == request) return &event;
    }
    return nullptr;
  }
  const PlanRow* Row(SequenceId sequence) const {
    for (const PlanRow& row : plan.rows) {
      if (row.sequence.id == sequence) return &row;
    }
    return nullptr;
  }
  int32_t Available() const {
    const SchedulerStats stats = scheduler->GetStats();
    return stats.blocks[0].free + stats.blocks[0].cached;
  }

  std::unique_ptr<Scheduler> scheduler;
  Plan plan;
  StepResult result;
  std::vector<SchedulerEvent> events;
  StepCosts costs;
  double now = 0;
  TokenId token = 1;
};

}  // namespace skep

#endif  // SKEP_TESTS_UNIT_SCHEDULER_DRIVER_H_
