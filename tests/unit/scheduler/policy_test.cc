#include "scheduler/policy.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace skep {
namespace {

RequestState Make(uint64_t number, double rank_time, bool sheltered = false, bool paused = false) {
  RequestState request;
  request.number = number;
  request.rank_time = rank_time;
  request.sheltered = sheltered;
  request.sequences.resize(1);
  request.sequences[0].paused = paused;
  return request;
}

TEST(Policy, RankTimeTradesPriorityForWaiting) {
  EXPECT_EQ(RankTime(5, 0, 10), 5);
  EXPECT_EQ(RankTime(5, 2, 10), 25);
  EXPECT_EQ(RankTime(5, -1, 10), -5);
  EXPECT_EQ(RankTime(5, 3, 0), 5);
  EXPECT_LT(RankTime(0, std::numeric_limits<int32_t>::min(), 10), -2e10);
}

TEST(Policy, ShelteredThenRankTimeThenOrderOfSubmission) {
  const RequestState a = Make(1, 5);
  const RequestState b = Make(2, 5);
  const RequestState c = Make(3, 4);
  const RequestState d = Make(4, 9, /*sheltered=*/true);
  EXPECT_TRUE(RanksBefore(a, b));
  EXPECT_FALSE(RanksBefore(b, a));
  EXPECT_FALSE(RanksBefore(a, a));
  EXPECT_TRUE(RanksBefore(c, a));
  EXPECT_TRUE(RanksBefore(d, c));
}

TEST(Policy, PausedReadersGiveWayFirstThenTheLastButNobodyAhead) {
  RequestState first = Make(1, 1, false, /*paused=*/true);
  RequestState second = Make(2, 2, false, /*paused=*/true);
  RequestState third = Make(3, 3);
  RequestState fourth = Make(4, 4);
  const std::vector<RequestState*> running = {&first, &second, &third, &fourth};
  EXPECT_EQ(ChooseVictim(running, third), &second);
  EXPECT_EQ(ChooseVictim(running, fourth), &second);
  first.sequences[0].paused = second.sequences[0].paused = false;
  EXPECT_EQ(ChooseVictim(running, third), &fourth);
  EXPECT_EQ(ChooseVictim(running, fourth), nullptr);
  EXPECT_EQ(LastPaused(running), nullptr);
  EXPECT_EQ(ChooseVictim({}, third), nullptr);
}

TEST(Policy, PrefillTakesWhatTheBatchAndTheTimeLeave) {
  SchedulerOptions options;
  options.max_batch_tokens = 100;
  const StepCosts costs = {1, 0.25, 0.5};
  EXPECT_EQ(PrefillRoom(options, costs, 10, 20, 4), 70) << "no time limit";
  options.max_step_seconds = 10;
  EXPECT_EQ(PrefillRoom(options, {}, 10, 20, 4), 70) << "no costs known";
  EXPECT_EQ(PrefillRoom(options, costs, 8, 0, 4), 20) << "(10 - 1 - 8 * 0.5) / 0.25";
  EXPECT_EQ(PrefillRoom(options, costs, 8, 15, 4), 5);
  EXPECT_EQ(PrefillRoom(options, costs, 50, 0, 4), 4) << "never less";
  EXPECT_LE(PrefillRoom(options, costs, 50, 4, 4), 0);
  EXPECT_EQ(PrefillRoom(options, {1, 1e-300, 0}, 0, 0, 4), 100) << "no overflow";
}

}  // namespace
}  // namespace skep
