// Counts the requests inside the engine, and closes the door behind the last one.
#ifndef SKEP_ENGINE_GATE_H_
#define SKEP_ENGINE_GATE_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/clock.h"

namespace skep::engine {

// Thread-safe.
class Gate final {
 public:
  // False once closed. Whoever entered leaves.
  bool Enter();
  void Leave();
  void Close();
  bool closed() const;

  // Waits until nobody is inside, or until the earliest `deadline` that any caller has given. False
  // if somebody still is.
  bool AwaitEmpty(Clock& clock, absl::Time deadline);
  // Waits until nobody is inside.
  void AwaitEmpty();

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t inside_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time deadline_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_GATE_H_
