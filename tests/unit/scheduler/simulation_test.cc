// Random requests, cancels, pauses, stop strings and faults against a naive model.
#include "simulation.h"

#include <gtest/gtest.h>

namespace skep {
namespace {

constexpr uint64_t kRuns = 50000;

TEST(SchedulerSimulation, AgreesWithTheNaiveModel) {
  int64_t tokens = 0;
  int64_t preemptions = 0;
  int64_t hits = 0;
  int64_t copies = 0;
  int64_t pooled = 0;
  for (uint64_t seed = 1; seed <= kRuns; ++seed) {
    Simulation simulation(seed);
    const std::string error = simulation.Run();
    ASSERT_EQ(error, "");
    tokens += simulation.stats().generated_tokens;
    preemptions += simulation.stats().preemptions;
    hits += simulation.prefix_shared_rows();
    copies += simulation.num_copies();
    pooled += simulation.num_pooled();
  }
  // The runs did meet what they are meant to test.
  EXPECT_GT(tokens, static_cast<int64_t>(10 * kRuns));
  EXPECT_GT(preemptions, static_cast<int64_t>(kRuns / 10));
  EXPECT_GT(hits, static_cast<int64_t>(kRuns / 10));
  EXPECT_GT(copies, static_cast<int64_t>(kRuns / 10));
  EXPECT_GT(pooled, static_cast<int64_t>(kRuns / 10));
}

TEST(SchedulerSimulation, IsDeterministic) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Simulation first(seed);
    Simulation second(seed);
    EXPECT_EQ(first.Run(), second.Run());
    EXPECT_EQ(first.digest(), second.digest()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace skep
