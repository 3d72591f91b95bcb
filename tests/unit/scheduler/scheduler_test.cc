#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include "driver.h"

namespace skep {
namespace {

using Kind = SchedulerEvent::Kind;

TEST(Scheduler, RunsOneRequestToItsEnd) {
  Driver driver(SmallOptions());
  const SequenceId id = driver.Submit(MakeRequest(1, 6, 3));
  driver.Step();
  ASSERT_EQ(driver.plan.rows.size(), 1u);
  EXPECT_EQ(driver.plan.rows[0].count, 6);
  EXPECT_EQ(driver.plan.rows[0].num_samples, 1);
  EXPECT_EQ(driver.plan.rows[0].block_tables[0].size(), 2u);
  EXPECT_NE(driver.Find(Kind::kStarted, 1), nullptr);
  driver.Step();
  EXPECT_EQ(driver.plan.rows[0].first_token, 6);
  EXPECT_EQ(driver.plan.rows[0].count, 1);
  driver.Step();
  const SchedulerEvent* finished = driver.Find(Kind::kSequenceFinished, 1);
  ASSERT_NE(finished, nullptr);
  EXPECT_EQ(finished->sequence, id);
  EXPECT_EQ(finished->reason, FinishReason::kLength);
  EXPECT_EQ(finished->count, 3);
  EXPECT_NE(driver.Find(Kind::kRequestDone, 1), nullptr);
  EXPECT_FALSE(driver.scheduler->HasWork());
  EXPECT_EQ(driver.Available(), 16);
}

TEST(Scheduler, DecodesComeFirstAndALongPromptGetsTheRest) {
  Driver driver(SmallOptions());
  const SequenceId quick = driver.Submit(MakeRequest(1, 2, 30));
  driver.Step();
  const SequenceId slow = driver.Submit(MakeRequest(2, 40, 1));
  for (int i = 0; i < 2; ++i) {
    driver.Step();
    ASSERT_EQ(driver.plan.rows.size(), 2u);
    EXPECT_EQ(driver.plan.rows[0].sequence.id, quick);
    EXPECT_EQ(driver.plan.rows[1].sequence.id, slow);
    EXPECT_EQ(driver.plan.rows[1].count, 15);
    EXPECT_EQ(driver.plan.rows[1].num_samples, 0);
  }
}

TEST(Scheduler, TheTimeBudgetShortensPrefillChunks) {
  SchedulerOptions options = SmallOptions();
  options.max_step_seconds = 1.0;
  Driver driver(options);
  driver.costs = {0.2, 0.1, 0.1};
  const SequenceId quick = driver.Submit(MakeRequest(1, 2, 30));
  driver.Step();
  driver.Submit(MakeRequest(2, 40, 1));
  driver.Step();
  EXPECT_NE(driver.Row(quick), nullptr);
  EXPECT_EQ(driver.plan.num_tokens, 1 + 7) << "0.2 + 0.1 + 7 * 0.1 = 1 second";
  driver.costs = {5, 0.1, 0.1};
  driver.Step();
  EXPECT_EQ(driver.plan.num_tokens, 1 + 4) << "one block of prefill in any case";
}

TEST(Scheduler, MinTokensEosAndStopIdsDecideTheEnd) {
  struct Case {
    TokenId token;
    bool ignore_eos;
    int32_t min_tokens;
    int64_t count;
    FinishReason reason;
  };
  for (const Case& c :
       {Case{7, false, 0, 1, FinishReason::kStop}, Case{7, true, 0, 5, FinishReason::kLength},
        Case{7, false, 2, 3, FinishReason::kStop}, Case{8, true, 0, 1, FinishReason::kStop},
        Case{9, false, 0, 5, FinishReason::kLength}}) {
    Driver driver(SmallOptions());
    Request request = MakeRequest(1, 3, 5);
    request.sampling.eos_token_ids = {7};
    request.sampling.stop_token_ids = {8};
    request.sampling.ignore_eos = c.ignore_eos;
    request.sampling.min_tokens = c.min_tokens;
    driver.Submit(request);
    driver.token = c.token;
    const SchedulerEvent* finished = nullptr;
    for (int i = 0; i < 5 && finished == nullptr; ++i) {
      driver.Step();
      finished = driver.Find(Kind::kSequenceFinished, 1);
    }
    ASSERT_NE(finished, nullptr);
    EXPECT_EQ(finished->count, c.count);
    EXPECT_EQ(finished->reason, c.reason);
    EXPECT_EQ(finished->token, c.reason == FinishReason::kStop ? c.token : -1);
  }
}

TEST(Scheduler, AFullContextEndsWithLength) {
  SchedulerOptions options = SmallOptions();
  options.context_length = 8;
  Driver driver(options);
  driver.Submit(MakeRequest(1, 6, 100));
  driver.Step();
  driver.Step();
  const SchedulerEvent* finished = driver.Find(Kind::kSequenceFinished, 1);
  ASSERT_NE(finished, nullptr);
  EXPECT_EQ(finished->reason, FinishReason::kLength);
  EXPECT_EQ(finished->count, 2);
}

TEST(Scheduler, ASecondEqualPromptReusesTheFirstOnesBlocksButItsLastToken) {
  Driver driver(SmallOptions());
  driver.Submit(MakeRequest(1, 8, 1));
  driver.Step();
  Request again = MakeRequest(1, 8, 1);
  again.id = 2;
  driver.Submit(again);
  driver.Step();
  EXPECT_EQ(driver.plan.rows[0].first_token, 4);
  EXPECT_EQ(driver.Find(Kind::kStarted, 2)->cached_tokens, 4);
  EXPECT_EQ(driver.scheduler->GetStats().prefix_queries, 16);
  EXPECT_EQ(driver.scheduler->GetStats().prefix_hits, 4);

  Request other_tenant = again;
  other_tenant.cache_salt = "somebody else";
  Request bypass = again;
  bypass.bypass_prefix_cache = true;
  Request reports = again;
  reports.sampling.prompt_logprobs = 0;
  RequestId next = 3;
  for (Request request : {other_tenant, bypass, reports}) {
    request.id = next++;
    driver.Submit(request);
    driver.Step();
    EXPECT_EQ(driver.plan.rows[0].first_token, 0);
  }
}

TEST(Scheduler, SequencesOfOnePromptShareItAndPartWithCopies) {
  Driver driver(SmallOptions());
  const SequenceId first = driver.Submit(MakeRequest(1, 6, 4, /*n=*/3));
  driver.Step();
  ASSERT_EQ(driver.plan.rows.size(), 1u);
  EXPECT_EQ(driver.plan.rows[0].num_samples, 3);
  EXPECT_EQ(driver.Count(Kind::kToken), 3);
  EXPECT_EQ(driver.Available(), 14);
  driver.MakePlan();
  ASSERT_EQ(driver.plan.rows.size(), 3u);
  EXPECT_EQ(driver.plan.copies.size(), 2u) << "the last writer keeps the block";
  EXPECT_EQ(driver.Row(first)->block_tables[0][0], driver.Row(first + 2)->block_tables[0][0]);
  EXPECT_NE(driver.Row(first)->block_tables[0][1], driver.Row(first + 2)->block_tables[0][1]);
  driver.Commit();
  driver.Step();
  driver.Step();
  EXPECT_EQ(driver.Count(Kind::kSequenceFinished), 3);
  EXPECT_EQ(driver.Count(Kind::kRequestDone), 1);
  EXPECT_EQ(driver.Available(), 16);
}

TEST(Scheduler, APreemptedGroupSharesItsPromptAgain) {
  Driver driver(SmallOptions(/*blocks=*/8));
  const SequenceId group = driver.Submit(MakeRequest(2, 6, 8, /*n=*/2));
  driver.Step();
  driver.Step();
  // An earlier arrival grows until the group has to go, and ends.
  driver.Submit(MakeRequest(1, 16, 10));
  bool preempted = false;
  while (!preempted) {
    driver.Step();
    preempted = driver.Find(Kind::kPreempted, 2) != nullptr;
    ASSERT_FALSE(driver.plan.empty());
  }
  while (driver.Find(Kind::kRequestDone, 2) == nullptr) {
    driver.Step();
    ASSERT_FALSE(driver.plan.empty());
    const PlanRow* row = driver.Row(group);
    if (row == nullptr || row->first_token + row->count > 6) continue;
    EXPECT_EQ(row->num_samples, 0) << "its tokens are known";
    EXPECT_EQ(driver.Row(group + 1), nullptr);
  }
  EXPECT_EQ(driver.scheduler->GetStats().finished[static_cast<int>(FinishReason::kLength)], 3);
}

TEST(Scheduler, CancelAndDeadlineFreeWaitingAndRunningRequests) {
  SchedulerOptions options = SmallOptions();
  options.max_sequences = 1;
  Driver driver(options);
  driver.Submit(MakeRequest(1, 8, 30));
  driver.Submit(MakeRequest(2, 8, 30));
  Request late = MakeRequest(3, 8, 30);
  late.deadline = 5;
  driver.Submit(late);
  EXPECT_EQ(driver.scheduler->NextDeadline(), 5);
  driver.Step();
  EXPECT_TRUE(driver.scheduler->Cancel(2));
  driver.now = 5;
  driver.MakePlan();
  EXPECT_EQ(driver.Find(Kind::kSequenceFinished, 2)->reason, FinishReason::kCancelled);
  EXPECT_EQ(driver.Find(Kind::kSequenceFinished, 3)->reason, FinishReason::kDeadline);
  EXPECT_TRUE(driver.scheduler->Cancel(1)) << "while its step is in flight";
  driver.Commit();
  EXPECT_EQ(driver.Find(Kind::kToken, 1), nullptr);
  EXPECT_EQ(driver.Find(Kind::kSequenceFinished, 1)->reason, FinishReason::kCancelled);
  EXPECT_EQ(driver.Available(), 16);
  EXPECT_FALSE(driver.scheduler->Cancel(1));
  EXPECT_FALSE(driver.scheduler->HasWork());
}

TEST(Scheduler, AStopStringFoundLateDropsWhatWasGeneratedSince) {
  Driver driver(SmallOptions());
  const SequenceId id = driver.Submit(MakeRequest(1, 4, 30));
  for (int i = 0; i < 4; ++i) driver.Step();
  driver.MakePlan();
  EXPECT_TRUE(driver.scheduler->FinishSequence(id, FinishReason::kStop, 2));
  driver.Commit();
  const SchedulerEvent* finished = driver.Find(Kind::kSequenceFinished, 1);
  ASSERT_NE(finished, nullptr);
  EXPECT_EQ(finished->count, 2);
  EXPECT_EQ(finished->reason, FinishReason::kStop);
  EXPECT_EQ(driver.Find(Kind::kToken, 1), nullptr);
  EXPECT_FALSE(driver.scheduler->FinishSequence(id, FinishReason::kStop, 1));
}

TEST(Scheduler, APausedReaderIsNotPlannedAndGivesWayFirst) {
  Driver driver(SmallOptions(/*blocks=*/4));
  const SequenceId paused = driver.Submit(MakeRequest(1, 8, 8));
  driver.Step();
  EXPECT_TRUE(driver.scheduler->Pause(paused));
  EXPECT_FALSE(driver.scheduler->HasWork());
  EXPECT_TRUE(driver.MakePlan().empty());
  const SequenceId other = driver.Submit(MakeRequest(2, 12, 2));
  driver.Step();
  EXPECT_NE(driver.Find(Kind::kPreempted, 1), nullptr);
  EXPECT_NE(driver.Row(other), nullptr);
  EXPECT_EQ(driver.scheduler->GetStats().paused_preemptions, 1);
  driver.scheduler->Resume(paused);
  driver.Step();
  driver.Step();
  EXPECT_NE(driver.Row(paused), nullptr);
}

TEST(Scheduler, PriorityGoesFirstAndAgeingEndsTheWait) {
  SchedulerOptions options = SmallOptions();
  options.max_sequences = 1;
  options.ageing_seconds = 10;
  Driver driver(options);
  driver.Submit(MakeRequest(1, 4, 1));
  driver.Step();
  Request patient = MakeRequest(2, 4, 1);
  patient.priority = 1;
  patient.arrival = 0;
  const SequenceId id = driver.Submit(patient);
  // One urgent request after another: those that arrive within ten seconds overtake.
  int overtaken = 0;
  for (RequestId urgent = 3; urgent < 40; ++urgent) {
    driver.now = static_cast<double>(urgent);
    Request request = MakeRequest(urgent, 4, 1);
    driver.Submit(request);
    driver.Step();
    if (driver.Row(id) != nullptr) break;
    ++overtaken;
  }
  EXPECT_EQ(overtaken, 7) << "the arrivals of seconds 3 to 9";
}

TEST(Scheduler, AFailedStepIsPlannedAgain) {
  Driver driver(SmallOptions());
  driver.Submit(MakeRequest(1, 6, 4));
  driver.MakePlan();
  driver.scheduler->Abort(driver.events);
  EXPECT_EQ(driver.Count(Kind::kToken), 0);
  EXPECT_FALSE(driver.scheduler->step_in_flight());
  driver.MakePlan();
  EXPECT_EQ(driver.plan.rows[0].first_token, 0);
  EXPECT_EQ(driver.plan.rows[0].count, 6);
}

TEST(Scheduler, TheCulpritOfAFailedStepFailsAlone) {
  Driver driver(SmallOptions());
  const SequenceId good = driver.Submit(MakeRequest(1, 6, 4));
  const SequenceId bad = driver.Submit(MakeRequest(2, 8, 4));
  driver.MakePlan();
  ASSERT_NE(driver.Row(bad), nullptr);
  EXPECT_TRUE(driver.scheduler->FailSequence(bad));
  driver.Commit();
  EXPECT_EQ(driver.Find(Kind::kToken, 1)->sequence, good);
  EXPECT_EQ(driver.Find(Kind::kToken, 2), nullptr);
  EXPECT_EQ(driver.Find(Kind::kSequenceFinished, 2)->reason, FinishReason::kError);
  // What it computed is not offered to others.
  Request again = MakeRequest(2, 8, 4);
  again.id = 3;
  driver.Submit(again);
  driver.Step();
  EXPECT_EQ(driver.Find(Kind::kStarted, 3)->cached_tokens, 0);
}

TEST(Scheduler, InvalidLogitsEndOneSequence) {
  Driver driver(SmallOptions());
  driver.Submit(MakeRequest(1, 6, 4, /*n=*/2));
  driver.MakePlan();
  driver.result.step = driver.plan.step;
  driver.result.samples = {{SampleStatus::kInvalidLogits, 0, {}, {}},
                           {SampleStatus::kOk, 1, {}, {}}};
  ASSERT_TRUE(driver.scheduler->Commit(driver.result, 0, driver.events).ok());
  EXPECT_EQ(driver.Count(Kind::kSequenceFinished), 1);
  EXPECT_EQ(driver.Count(Kind::kRequestDone), 0);
  EXPECT_EQ(driver.Find(Kind::kSequenceFinished, 1)->reason, FinishReason::kError);
  EXPECT_EQ(driver.Find(Kind::kSequenceFinished, 1)->count, 0);
}

TEST(Scheduler, RefusesAResultOfAnotherStep) {
  Driver driver(SmallOptions());
  driver.Submit(MakeRequest(1, 6, 4));
  EXPECT_EQ(driver.scheduler->Commit({}, 0, driver.events).code(), absl::StatusCode::kInternal);
  driver.MakePlan();
  driver.result.step = driver.plan.step + 1;
  driver.result.samples.resize(1);
  EXPECT_FALSE(driver.scheduler->Commit(driver.result, 0, driver.events).ok());
  driver.result.step = driver.plan.step;
  driver.result.samples.clear();
  EXPECT_FALSE(driver.scheduler->Commit(driver.result, 0, driver.events).ok());
  driver.Commit();
  EXPECT_EQ(driver.Count(Kind::kToken), 1);
}

}  // namespace
}  // namespace skep
