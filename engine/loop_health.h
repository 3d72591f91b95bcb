// Whether the loop advances, as a probe sees it.
#ifndef SKEP_ENGINE_LOOP_HEALTH_H_
#define SKEP_ENGINE_LOOP_HEALTH_H_

#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace skep::engine {

// Thread-safe.
class LoopHealth final {
 public:
  // The loop's heartbeat: it has work (since when, unless it had before); it finished a step; it
  // has nothing to do.
  void Working(absl::Time now);
  void Advanced(absl::Time now);
  void Idle();

  // The device fails whatever it is given.
  void Broke(absl::Status why);
  void SelfTestPassed();

  // Whether requests make sense at all: not broken.
  absl::Status Usable() const;
  absl::Status Check(absl::Time now, absl::Duration stuck_after) const;

 private:
  mutable std::mutex mutex_;
  absl::Time working_since_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);
  bool tested_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_LOOP_HEALTH_H_
