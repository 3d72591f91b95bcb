// The inside of Scheduler, in three files: scheduler.cc (what is asked from outside, and how
// requests end), plan_step.cc (Plan) and commit_step.cc (Commit and Abort).
#ifndef SKEP_SCHEDULER_SCHEDULER_IMPL_H_
#define SKEP_SCHEDULER_SCHEDULER_IMPL_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/cache_manager.h"
#include "scheduler/event.h"
#include "scheduler/scheduler.h"
#include "scheduler/scheduler_options.h"
#include "scheduler/sequence.h"

namespace skep {

class Scheduler::Impl final {
 public:
  using Events = std::vector<SchedulerEvent>;

  explicit Impl(SchedulerOptions options);

  absl::StatusOr<SequenceId> Submit(Request request);
  bool Cancel(RequestId id, FinishReason reason);
  bool FinishSequence(SequenceId id, FinishReason reason, int64_t num_generated);
  bool FailSequence(SequenceId id);
  bool SetPaused(SequenceId id, bool paused);

  void Plan(double now, const StepCosts& costs, skep::Plan& plan, Events& events);
  absl::Status Commit(const StepResult& result, double now, Events& events);
  void Abort(Events& events);

  bool step_in_flight() const { return in_flight_; }
  bool HasWork() const;
  double NextDeadline() const;
  SchedulerStats GetStats() const;
  absl::Status CheckInvariants() const;

 private:
  enum class Eviction { kForBlocks, kAborted };

  // The step being planned.
  struct Step {
    std::vector<Sequence*> decodes;
    std::vector<Sequence*> prefills;
    int32_t decode_rows = 0;
    int32_t prefill_tokens = 0;
  };

  // A row of the step in flight; parallel to Plan::rows.
  struct Row {
    Sequence* sequence = nullptr;
    int32_t count = 0;
    int32_t first_sample = 0;
    int32_t num_samples = 0;
    int32_t pool = -1;
  };

  // scheduler.cc: ending and preempting.
  void Sweep(double now, Events& events);
  void SweepRequest(RequestState& request, double now, Events& events);
  void EndSequence(Sequence& sequence, FinishReason reason, int64_t num_generated, Events& events);
  void ReleaseSequence(Sequence& sequence);
  void Preempt(RequestState& request, Eviction why, Events& events);
  void Enqueue(std::vector<RequestState*>& list, RequestState& request);
  Sequence* FindSequence(SequenceId id);
  int32_t NumRunningSequences() const;

  // plan_step.cc.
  void ExpelPausedSheltered(Events& events);
  void PlanDecodes(Events& events);
  bool PlanPrefills(const StepCosts& costs, Events& events);
  void PlanAdmissions(const StepCosts& costs, Events& events);
  int64_t SmallestPiece(const Sequence& sequence) const;
  int32_t RoomInStep(const Sequence& sequence, const StepCosts& costs) const;
  bool MakeRoom(Sequence& sequence, int64_t count, Events& events);
  RequestState* NextToAdmit();
  bool MakeRoomToAdmit(RequestState& request, Events& events);
  bool FitsBesideRunning(RequestState& request, const BlocksPerGroup& in_use) const;
  int32_t MatchPrefix(RequestState& request, BlocksPerGroup& in_use);
  void Admit(RequestState& request, Events& events);
  bool PlanPrefill(Sequence& sequence, const StepCosts& costs, Events& events);
  void AddToStep(Sequence& sequence, int64_t count, bool decode);
  void EmitPlan(skep::Plan& plan);
  void EmitRow(Sequence& sequence, skep::Plan& plan);

  // commit_step.cc.
  void CommitRow(const Row& row, const StepResult& result, Events& events);
  void Part(RequestState& request, const Sequence& leader);
  void FoldPool(const Row& row, const StepResult& result, Events& events);
  void AppendSample(Sequence& sequence, const SampleResult& sample, int32_t result, Events& events);
  void EndStep();

  const SchedulerOptions options_;
  CacheManager cache_;
  absl::flat_hash_map<RequestId, std::unique_ptr<RequestState>> requests_;
  absl::flat_hash_map<SequenceId, Sequence*> sequences_;
  std::vector<RequestState*> waiting_;  // both in order of rank
  std::vector<RequestState*> running_;

  Step step_;
  std::vector<RequestState*> order_;  // scratch: a copy of a list that changes underneath
  bool in_flight_ = false;
  uint64_t step_number_ = 0;
  std::vector<Row> rows_;
  std::vector<Sequence*> samples_;  // parallel to Plan::samples
  size_t num_pools_ = 0;            // of Plan::pools

  uint64_t num_submitted_ = 0;
  SequenceId next_sequence_ = 1;
  int32_t matched_ = 0;  // blocks of prefix that the request being admitted finds
  int32_t num_preempted_waiting_ = 0;
  SchedulerStats stats_;  // the counters; the rest is filled by GetStats
};

inline SchedulerEvent MakeEvent(SchedulerEvent::Kind kind, const Sequence& sequence) {
  SchedulerEvent event;
  event.kind = kind;
  event.request = sequence.request->request.id;
  event.sequence = sequence.id;
  event.index = sequence.index;
  event.count = static_cast<int64_t>(sequence.tokens.size()) - sequence.request->prompt_length();
  return event;
}

}  // namespace skep

#endif  // SKEP_SCHEDULER_SCHEDULER_IMPL_H_
