// Steady-state decode allocates nothing: counted by a global operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "driver.h"

namespace {
int64_t allocations = 0;
}  // namespace

void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace skep {
namespace {

TEST(Allocation, DecodeStepsAllocateNothing) {
  SchedulerOptions options = SmallOptions(/*blocks=*/200);
  options.layout.groups.push_back({StateKind::kSlidingWindow, 6, 40, 0});
  options.context_length = 400;
  Driver driver(options);
  driver.Submit(MakeRequest(1, 10, 300));
  driver.Submit(MakeRequest(2, 7, 300, /*n=*/2));
  for (int i = 0; i < 5; ++i) driver.Step();
  const int64_t before = allocations;
  int64_t tokens = 0;
  for (int i = 0; i < 200; ++i) {
    driver.MakePlan();
    driver.result.step = driver.plan.step;
    driver.result.samples.resize(driver.plan.samples.size());
    if (!driver.scheduler->Commit(driver.result, driver.now, driver.events).ok()) break;
    tokens += driver.Count(SchedulerEvent::Kind::kToken);
  }
  const int64_t after = allocations;
  EXPECT_EQ(after - before, 0);
  EXPECT_EQ(tokens, 600) << "blocks filled, were published and slid out of the window on the way";
}

}  // namespace
}  // namespace skep
