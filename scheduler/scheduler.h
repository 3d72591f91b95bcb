// Who runs in the next step: a deterministic state machine, without threads, locks or clock.
//
//   Submit · Cancel · FinishSequence · Pause · Resume      at any time
//   Plan  →  (the model runner computes it)  →  Commit or Abort
//
// Plan fills the next step; until Commit or Abort ends that step no other Plan may be made, and
// everything the plan points to stays valid and unchanged: what the other methods ask for takes
// effect at the next Commit, Abort or Plan. Equal calls give equal plans.
//
// Not thread-safe: all calls come from the engine's loop thread.
#ifndef SKEP_SCHEDULER_SCHEDULER_H_
#define SKEP_SCHEDULER_SCHEDULER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/event.h"
#include "scheduler/plan.h"
#include "scheduler/request.h"
#include "scheduler/scheduler_options.h"
#include "scheduler/types.h"

namespace skep {

class Scheduler final {
 public:
  // INVALID_ARGUMENT if the options contradict themselves; UNIMPLEMENTED for recurrent groups.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(SchedulerOptions options);

  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Queues a request and returns the id of its first sequence; the others follow without a gap.
  // INVALID_ARGUMENT: the request contradicts itself or the context; FAILED_PRECONDITION: it cannot
  // fit the pool even alone; RESOURCE_EXHAUSTED: the queue is full; ALREADY_EXISTS: its id is
  // alive.
  absl::StatusOr<SequenceId> Submit(Request request);

  // Ends a request, waiting or running. False if it is not alive.
  bool Cancel(RequestId id, FinishReason reason = FinishReason::kCancelled);

  // Ends one sequence after `num_generated` of its tokens: a stop string was found there, and what
  // was generated since is void. False if it is not alive.
  bool FinishSequence(SequenceId id, FinishReason reason, int64_t num_generated);

  // Ends one sequence with kError: its row made a step fail. Before the sequences of a request have
  // parted (n > 1, prompt unfinished) this ends the request. False if it is not alive.
  bool FailSequence(SequenceId id);

  // A paused sequence is not planned, and a request all of whose sequences are paused is the first
  // to be preempted. False if it is not alive.
  bool Pause(SequenceId id);
  bool Resume(SequenceId id);

  // Fills `plan` with the next step and appends to `events` what became of requests on the way
  // (cancelled, expired, preempted, started). An empty plan needs no Commit: there is nothing to do
  // before the next call of another method or NextDeadline().
  void Plan(double now, const StepCosts& costs, skep::Plan& plan,
            std::vector<SchedulerEvent>& events);

  // Ends the step: appends its tokens and decides who is finished. INTERNAL, changing nothing, if
  // `result` does not belong to the step in flight.
  //
  // When a step failed, either Abort, or run its rows one by one (each with those of the plan's
  // copies whose targets are in its block tables: a copy must not be made again after its row ran),
  // call FailSequence for the sequences of rows that fail again, and commit the merged result; what
  // it says of failed sequences is ignored.
  absl::Status Commit(const StepResult& result, double now, std::vector<SchedulerEvent>& events);

  // Ends the step as if it had not run; its rows are planned again.
  void Abort(std::vector<SchedulerEvent>& events);

  bool step_in_flight() const;

  // Something can be planned: a request is alive that is not wholly paused, or a request to end one
  // has not taken effect yet.
  bool HasWork() const;

  // The earliest deadline of all requests; infinity if there is none. O(requests).
  double NextDeadline() const;

  SchedulerStats GetStats() const;

  // For tests: checks reference counts against the sequences' tables. O(everything).
  absl::Status CheckInvariants() const;

 private:
  class Impl;
  explicit Scheduler(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_SCHEDULER_H_
