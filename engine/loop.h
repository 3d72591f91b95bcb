// The engine's loop: the one thread that talks to the scheduler and the model runner.
//
//   commands → plan → run → commit → messages to the output processor → commands → ...
//
// It never polls: without work it sleeps until a command comes or an alarm is due.
#ifndef SKEP_ENGINE_LOOP_H_
#define SKEP_ENGINE_LOOP_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/clock.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/inbox.h"
#include "engine/live_request.h"
#include "engine/loop_health.h"
#include "engine/output_processor.h"
#include "engine/request_output.h"
#include "engine/stats_board.h"
#include "engine/step_costs.h"
#include "engine/step_runner.h"
#include "models/runner.h"
#include "scheduler/event.h"
#include "scheduler/plan.h"
#include "scheduler/scheduler.h"

namespace skep::engine {

// All methods run on the loop's thread. It owns the life of every request: each that arrived is
// tracked until the one message kDone is sent for it.
class Loop final {
 public:
  struct Parts {  // all must outlive it
    const EngineOptions& options;
    ModelRunner& runner;
    Scheduler& scheduler;
    Clock& clock;
    Inbox& inbox;
    OutputProcessor& output;
    StatsBoard& stats;
    LoopHealth& health;
    EngineObserver& observer;
  };

  explicit Loop(Parts parts);

  // Returns when the inbox is closed; all requests have then been sent their kDone.
  void Run();

 private:
  struct Tracked {
    std::shared_ptr<LiveRequest> live;
    bool submitted = false;         // the scheduler has it
    SequenceId first_sequence = 0;  // the others of its n follow
    absl::Status ended;             // why the engine cut it short, if it did
    absl::Status failure;           // of the first of its sequences that failed
    RequestTimes times;
    std::vector<absl::Time> last_tokens;  // of each sequence
    uint64_t reads_when_paused = 0;
    absl::Time alarm = absl::InfiniteFuture();
  };
  using Map = absl::flat_hash_map<RequestId, Tracked>;

  // --- loop_commands.cc: what other threads ask for.
  void TakeCommands();
  void Apply(RequestArrived& command);
  void Apply(RequestTokenized& command);
  void Apply(CancelRequest& command);
  void Apply(StopSequence& command);
  void Apply(ResumeRequest& command);
  void Apply(EndAll& command);
  absl::Status Submit(Tracked& tracked, TokenizedPrompt prompt);
  // Ends a request at the next plan, or now if the scheduler does not know it.
  void End(Map::iterator it, FinishReason reason, absl::Status status);
  void EndUnsubmitted(Map::iterator it, FinishReason reason, absl::Status status, bool rejected);
  // Every request gets a status of its own: none is shared between threads.
  void EndEverything(Reason reason, absl::string_view message);

  // --- loop_commands.cc: what becomes due.
  void RingAlarms();
  void SetAlarm(Tracked& tracked, absl::Time when);
  void CheckReader(Map::iterator it);
  void PauseReader(Tracked& tracked);

  // --- loop_steps.cc: planning, running, and what comes of it.
  bool Step();  // false: there was nothing to run
  void RunPlan();
  void JudgeFailures(bool whole_step_failed);
  void HandleEvents();
  void OnStarted(Tracked& tracked, const SchedulerEvent& event);
  void OnToken(Tracked& tracked, const SchedulerEvent& event);
  void OnPromptLogprob(Tracked& tracked, const SchedulerEvent& event);
  void OnPooled(Tracked& tracked, const SchedulerEvent& event);
  void OnSequenceFinished(Tracked& tracked, const SchedulerEvent& event);
  void OnRequestDone(Map::iterator it, const SchedulerEvent& event);
  OutputMessage& AddMessage(OutputMessage::Kind kind, const Tracked& tracked);
  void Publish();
  void Sleep();
  double Seconds(absl::Time time) const { return absl::ToDoubleSeconds(time - epoch_); }

  const Parts parts_;
  const absl::Time epoch_;
  StepRunner runner_;
  StepCostMeter costs_;

  Map requests_;
  int64_t tokenizing_ = 0;  // of these, not submitted yet
  absl::btree_set<std::pair<absl::Time, RequestId>> alarms_;
  bool ended_all_ = false;  // nobody may start any more
  absl::Time now_;
  uint64_t steps_ = 0;
  int failures_in_a_row_ = 0;

  // Reused from step to step.
  std::vector<Command> commands_;
  Plan plan_;
  StepResult result_;
  std::vector<StepRunner::FailedRow> failed_;
  std::vector<SchedulerEvent> events_;
  std::vector<OutputMessage> messages_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_LOOP_H_
