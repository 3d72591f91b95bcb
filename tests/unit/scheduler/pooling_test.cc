// Requests that pool hidden states, and models that read prompts whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "driver.h"
#include "scheduler/scheduler.h"

namespace skep {
namespace {

using Kind = SchedulerEvent::Kind;
using ::testing::ElementsAre;

Request PoolRequest(RequestId id, int prompt, Pooling pooling) {
  Request request = MakeRequest(id, prompt, /*max_tokens=*/1);
  request.kind = RequestKind::kPool;
  request.pooling = pooling;
  return request;
}

// What the request with this id has come to, if the last step ended it.
std::vector<float> Pooled(const Driver& driver, RequestId id) {
  const SchedulerEvent* event = driver.Find(Kind::kPooled, id);
  return event == nullptr ? std::vector<float>() : driver.result.pooled[event->result].values;
}

TEST(Pooling, APromptIsFoldedChunkByChunkAndEndsWithItsLast) {
  Driver driver(SmallOptions());
  const SequenceId id = driver.Submit(PoolRequest(1, 40, Pooling::kMean));
  for (int i = 0; i < 2; ++i) {
    driver.Step();
    ASSERT_NE(driver.Row(id), nullptr);
    EXPECT_EQ(driver.Row(id)->count, 16);
    EXPECT_EQ(driver.Count(Kind::kPooled) + driver.Count(Kind::kSequenceFinished), 0);
  }
  driver.MakePlan();
  EXPECT_THAT(driver.plan.pools[0].before, ElementsAre(32));
  driver.Commit();
  EXPECT_TRUE(driver.plan.samples.empty());
  EXPECT_THAT(Pooled(driver, 1), ElementsAre(40));
  EXPECT_EQ(driver.Find(Kind::kSequenceFinished, 1)->reason, FinishReason::kStop);
  EXPECT_NE(driver.Find(Kind::kRequestDone, 1), nullptr);
  EXPECT_EQ(driver.Available(), 16);
}

TEST(Pooling, OfALastTokenNothingIsFoldedBeforeIt) {
  Driver driver(SmallOptions());
  const SequenceId id = driver.Submit(PoolRequest(1, 20, Pooling::kLast));
  driver.Step();
  EXPECT_TRUE(driver.plan.pools.empty());
  EXPECT_EQ(driver.Row(id)->pool, -1);
  driver.Step();
  EXPECT_THAT(Pooled(driver, 1), ElementsAre(4));
}

TEST(Pooling, OnlyTheLastTokensPromptMayComeFromTheCache) {
  for (const Pooling pooling : {Pooling::kLast, Pooling::kMean, Pooling::kFirst}) {
    Driver driver(SmallOptions());
    for (RequestId id : {1, 2}) {  // the same prompt
      Request request = PoolRequest(1, 14, pooling);
      request.id = id;
      driver.Submit(request);
      driver.Step();
    }
    const bool hit = pooling == Pooling::kLast;
    EXPECT_EQ(driver.Find(Kind::kStarted, 2)->cached_tokens, hit ? 12 : 0);
    EXPECT_THAT(Pooled(driver, 2), ElementsAre(hit ? 2 : 14));
    // Whoever generates finds what an embedding left.
    Request request = MakeRequest(1, 14, 1);
    request.id = 3;
    driver.Submit(request);
    driver.Step();
    EXPECT_EQ(driver.Find(Kind::kStarted, 3)->cached_tokens, 12);
  }
}

TEST(Pooling, APreemptedPromptIsFoldedAnew) {
  SchedulerOptions options = SmallOptions(/*blocks=*/10);
  options.max_batch_tokens = 8;
  Driver driver(options);
  driver.Submit(MakeRequest(1, 4, 10));  // grows, and ranks first
  driver.Submit(PoolRequest(2, 36, Pooling::kMean));
  std::vector<float> result;
  for (int i = 0; i < 40 && driver.scheduler->HasWork(); ++i) {
    driver.Step();
    if (driver.Find(Kind::kPooled, 2) != nullptr) result = Pooled(driver, 2);
  }
  EXPECT_EQ(driver.scheduler->GetStats().preemptions, 1);
  EXPECT_THAT(result, ElementsAre(36));
}

TEST(Pooling, AnAbortedStepLeavesTheFoldAsItWas) {
  Driver driver(SmallOptions());
  driver.Submit(PoolRequest(1, 30, Pooling::kMean));
  driver.Step();
  driver.MakePlan();
  driver.scheduler->Abort(driver.events);
  driver.MakePlan();
  EXPECT_THAT(driver.plan.pools[0].before, ElementsAre(16));
  driver.Commit();
  EXPECT_THAT(Pooled(driver, 1), ElementsAre(30));
}

TEST(Pooling, ValuesThatAreNoNumbersEndTheRequest) {
  Driver driver(SmallOptions());
  driver.Submit(PoolRequest(1, 30, Pooling::kMean));
  driver.MakePlan();
  driver.result.step = driver.plan.step;
  EXPECT_FALSE(driver.scheduler->Commit(driver.result, 0, driver.events).ok());  // none at all
  driver.result.pooled = {{SampleStatus::kInvalidLogits, {}}};
  ASSERT_TRUE(driver.scheduler->Commit(driver.result, 0, driver.events).ok());
  EXPECT_EQ(driver.Find(Kind::kSequenceFinished, 1)->reason, FinishReason::kError);
  EXPECT_EQ(driver.Available(), 16);
}

SchedulerOptions WholePrompts(int32_t blocks = 16) {
  SchedulerOptions options = SmallOptions(blocks);
  options.whole_prompts = true;
  return options;
}

TEST(WholePrompts, APromptWaitsForAStepThatTakesItWhole) {
  Driver driver(WholePrompts());
  const SequenceId quick = driver.Submit(MakeRequest(1, 4, 3));
  driver.Step();
  const SequenceId large = driver.Submit(MakeRequest(2, 16, 1));
  const SequenceId small = driver.Submit(MakeRequest(3, 4, 1));
  for (int i = 0; i < 2; ++i) {  // beside a token of the first there is room for 15
    driver.Step();
    EXPECT_NE(driver.Row(quick), nullptr);
    EXPECT_EQ(driver.plan.rows.size(), 1u) << "and nobody overtakes";
  }
  driver.Step();
  ASSERT_NE(driver.Row(large), nullptr);
  EXPECT_EQ(driver.Row(large)->count, 16);
  EXPECT_EQ(driver.Row(small), nullptr);
  driver.Step();
  EXPECT_NE(driver.Row(small), nullptr);
}

TEST(WholePrompts, NoBlockServesAnotherRequest) {
  Driver driver(WholePrompts());
  for (RequestId id : {1, 2}) {
    Request request = MakeRequest(1, 14, 1);
    request.id = id;
    driver.Submit(request);
    driver.Step();
    EXPECT_EQ(driver.Find(Kind::kStarted, id)->cached_tokens, 0);
  }
  EXPECT_EQ(driver.scheduler->GetStats().prefix_queries, 0);
}

TEST(WholePrompts, TheTimeOfAStepDoesNotCutThem) {
  SchedulerOptions options = WholePrompts();
  options.max_step_seconds = 1;
  Driver driver(options);
  driver.costs = {0.2, 0.1, 0.1};
  const SequenceId id = driver.Submit(MakeRequest(1, 16, 1));
  driver.Step();
  ASSERT_NE(driver.Row(id), nullptr);
  EXPECT_EQ(driver.Row(id)->count, 16);
}

TEST(WholePrompts, APreemptedSequenceIsRecomputedInOneStepWhereItFits) {
  Driver driver(WholePrompts(/*blocks=*/6));
  driver.Submit(MakeRequest(1, 4, 20));  // grows, and ranks first
  const SequenceId id = driver.Submit(MakeRequest(2, 8, 8));
  bool preempted = false;
  for (int i = 0; i < 60 && driver.scheduler->HasWork(); ++i) {
    driver.Step();
    preempted = preempted || driver.Find(Kind::kPreempted, 2) != nullptr;
    const PlanRow* row = driver.Row(id);
    if (!preempted || row == nullptr) continue;
    EXPECT_EQ(row->first_token, 0);
    EXPECT_GT(row->count, 8);
    EXPECT_EQ(row->count, static_cast<int64_t>(row->sequence.tokens.size()));
    return;
  }
  ADD_FAILURE() << "it was not preempted and computed again";
}

}  // namespace
}  // namespace skep
