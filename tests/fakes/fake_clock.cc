#include "tests/fakes/fake_clock.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "absl/time/time.h"

namespace skep::engine {

absl::Time FakeClock::Now() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return now_;
}

void FakeClock::WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                          absl::Time deadline) {
  {
    std::lock_guard<std::mutex> own(mutex_);
    if (now_ >= deadline) return;
    waiters_.push_back({lock.mutex(), &condition});
  }
  condition.wait(lock);
  std::lock_guard<std::mutex> own(mutex_);
  const auto it = std::find_if(waiters_.begin(), waiters_.end(), [&](const Waiter& waiter) {
    return waiter.condition == &condition;
  });
  waiters_.erase(it);
}

void FakeClock::Advance(absl::Duration duration) {
  std::vector<Waiter> waiters;
  {
    std::lock_guard<std::mutex> own(mutex_);
    now_ += duration;
    waiters = waiters_;
  }
  // Through the waiter's own lock, so that none is between its look at the clock and its wait.
  for (const Waiter& waiter : waiters) {
    std::lock_guard<std::mutex> lock(*waiter.mutex);
    waiter.condition->notify_all();
  }
}

}  // namespace skep::engine
