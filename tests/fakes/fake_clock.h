// A clock that only moves when a test moves it.
#ifndef SKEP_TESTS_FAKES_FAKE_CLOCK_H_
#define SKEP_TESTS_FAKES_FAKE_CLOCK_H_

#include <condition_variable>
#include <mutex>
#include <vector>

#include "absl/time/time.h"
#include "engine/clock.h"

namespace skep::engine {

// Thread-safe. It must not be moved while what waits on it is being destroyed.
class FakeClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Time FromWall(absl::Time wall) const override { return wall; }
  void WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                 absl::Time deadline) override;

  void Advance(absl::Duration duration);

 private:
  struct Waiter {
    std::mutex* mutex;
    std::condition_variable* condition;
  };

  mutable std::mutex mutex_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
  std::vector<Waiter> waiters_;
};

}  // namespace skep::engine

#endif  // SKEP_TESTS_FAKES_FAKE_CLOCK_H_
