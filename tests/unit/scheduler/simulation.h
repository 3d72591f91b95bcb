// One seeded random run of the scheduler against the naive model.
#ifndef SKEP_TESTS_UNIT_SCHEDULER_SIMULATION_H_
#define SKEP_TESTS_UNIT_SCHEDULER_SIMULATION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "naive_model.h"
#include "scheduler/scheduler.h"

namespace skep {

class Simulation final {
 public:
  explicit Simulation(uint64_t seed);

  // Runs to the end: all requests submitted and ended. What went wrong first, or nothing.
  std::string Run();

  uint64_t digest() const { return digest_; }  // of all plans and events
  const SchedulerStats& stats() const { return stats_; }
  int64_t prefix_shared_rows() const { return shared_rows_; }
  int64_t num_copies() const { return num_copies_; }
  int64_t num_pooled() const { return num_pooled_; }

 private:
  // simulation.cc: the world.
  void DrawOptions();
  Request DrawRequest();
  void SubmitSome();
  void Disturb();
  bool Chance(double probability);
  int64_t Draw(int64_t low, int64_t high);  // both included
  void Step();
  void RunAndCommit();
  void Publish();
  void FillResult();
  void FillPooled();

  // simulation_checks.cc: the judge.
  void Fail(const std::string& what);
  void Check(bool good, const char* what);
  void CheckPlan();
  void CheckRow(const PlanRow& row);
  void CheckSamples(const PlanRow& row, const RequestModel& request);
  void CheckPool(const PlanRow& row, const RequestModel& request);
  void CheckBudgets();
  void CheckNotIdle();
  void CheckOrder();
  void CheckEvents(bool planning, bool aborting);
  void CheckEvent(const SchedulerEvent& event, bool planning, bool aborting);
  void CheckToken(const SchedulerEvent& event, RequestModel& request, SequenceModel& sequence);
  void CheckPooled(const SchedulerEvent& event, RequestModel& request);
  void CheckFinished(const SchedulerEvent& event, RequestModel& request, SequenceModel& sequence,
                     bool planning);
  void CheckEnd();
  int64_t WorstBlocks(const RequestModel& request) const;
  RequestModel* Owner(SequenceId id);
  SequenceModel* Find(SequenceId id);

  uint64_t seed_;
  std::mt19937_64 random_;
  SchedulerOptions options_;
  StepCosts costs_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<NaiveCache> cache_;
  std::vector<std::vector<TokenId>> stories_;  // what prompts begin with

  double now_ = 0;
  int32_t to_submit_ = 0;
  bool pressure_ = false;
  double fault_rate_ = 0;
  double disturbance_rate_ = 0;
  std::map<RequestId, RequestModel> requests_;
  std::map<SequenceId, RequestId> owners_;
  std::map<SequenceId, uint64_t> salts_;
  std::map<SequenceId, int64_t> planned_;  // tokens in the cache after the step in flight
  std::map<SequenceId, int64_t> computed_;

  Plan plan_;
  StepResult result_;
  std::vector<SchedulerEvent> events_;
  SchedulerStats stats_;
  std::string error_;
  uint64_t digest_ = 0;
  int64_t steps_ = 0;
  int64_t aborts_ = 0;
  int64_t shared_rows_ = 0;
  int64_t num_copies_ = 0;
  int64_t num_pooled_ = 0;
};

}  // namespace skep

#endif  // SKEP_TESTS_UNIT_SCHEDULER_SIMULATION_H_
