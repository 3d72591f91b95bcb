#include "models/ops/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <vector>

namespace skep::cpu {
namespace {

TEST(ThreadPoolTest, EveryItemRunsOnceAndItsWritesAreSeen) {
  for (int threads : {1, 2, 3, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    std::vector<int> counts(1000);
    for (int step = 0; step < 20; ++step) {
      pool.BeginStep();
      for (int64_t chunk : {1, 7, 100, 5000}) {
        // Plain ints: a data race here is what the thread sanitizer looks for.
        pool.ParallelFor(static_cast<int64_t>(counts.size()), chunk,
                         [&](int64_t begin, int64_t end, int thread) {
                           EXPECT_LT(thread, threads);
                           for (int64_t i = begin; i < end; ++i) ++counts[i];
                         });
        // Serial work between regions, on what the threads wrote.
        for (int& count : counts) ++count;
      }
      pool.EndStep();
    }
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0), 1000 * 20 * 4 * 2);
  }
}

TEST(ThreadPoolTest, WorksOutsideStepsAndAfterSleeping) {
  ThreadPool pool(3);
  std::vector<int> counts(64);
  const auto add = [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) ++counts[i];
  };
  pool.ParallelFor(64, 1, add);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  pool.ParallelFor(64, 1, add);
  pool.BeginStep();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // longer than workers spin
  pool.ParallelFor(64, 1, add);
  pool.EndStep();
  for (int count : counts) EXPECT_EQ(count, 3);
}

TEST(ThreadPoolTest, NothingToDo) {
  ThreadPool pool(2);
  bool called = false;
  pool.ParallelFor(0, 1, [&](int64_t, int64_t, int) { called = true; });
  EXPECT_FALSE(called);
}

TEST(ThreadPoolTest, StartsAndStopsAtAnyMoment) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(3);
    if (i % 3 == 0) continue;  // destroyed before its threads ran
    pool.BeginStep();
    if (i % 3 == 1) pool.EndStep();
  }
}

}  // namespace
}  // namespace skep::cpu
