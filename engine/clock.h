// The time as the engine's threads see it. Tests put their own clock in its place and move it by
// hand.
#ifndef SKEP_ENGINE_CLOCK_H_
#define SKEP_ENGINE_CLOCK_H_

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace skep::engine {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never goes back, whatever happens to the machine's wall clock.
  virtual absl::Time Now() const = 0;

  // A reading of the wall clock (absl::Now()), such as a request's deadline, on this clock.
  virtual absl::Time FromWall(absl::Time wall) const = 0;

  // Waits on `condition` until it is notified or until `deadline`. May return early, so the caller
  // looks at its predicate again.
  virtual void WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                         absl::Time deadline) = 0;

  // The machine's monotonic clock, started at the wall clock's reading.
  static Clock& Steady();
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_CLOCK_H_
