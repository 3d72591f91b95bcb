#include "engine/clock.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace skep::engine {
namespace {

class SteadyClock final : public Clock {
 public:
  absl::Time Now() const override {
    return wall_start_ + absl::FromChrono(std::chrono::steady_clock::now() - start_);
  }

  absl::Time FromWall(absl::Time wall) const override {
    if (wall == absl::InfiniteFuture() || wall == absl::InfinitePast()) return wall;
    return Now() + (wall - absl::Now());
  }

  void WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                 absl::Time deadline) override {
    if (deadline == absl::InfiniteFuture()) {
      condition.wait(lock);
      return;
    }
    // Capped, so that a far deadline does not overflow the platform's arithmetic.
    const absl::Duration left = std::min(deadline - Now(), absl::Hours(1));
    if (left <= absl::ZeroDuration()) return;
    condition.wait_for(lock, absl::ToChronoNanoseconds(left));
  }

 private:
  const absl::Time wall_start_ = absl::Now();
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

Clock& Clock::Steady() {
  static SteadyClock* const clock = new SteadyClock;  // lives as long as any thread may ask
  return *clock;
}

}  // namespace skep::engine
