// SIGTERM and SIGINT, counted by a thread of their own: nothing runs inside a signal handler.
#ifndef SKEP_SERVER_SIGNALS_H_
#define SKEP_SERVER_SIGNALS_H_

#include <atomic>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace skep::server {

// Construct it before any other thread exists: threads inherit that the signals are blocked.
class SignalWatcher final {
 public:
  SignalWatcher();
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  // Until StopExiting, a signal ends the process at once with code 0: there is nothing to finish.
  void StopExiting();

  // True when `count` signals have come, false at `deadline`.
  bool WaitFor(int count, absl::Time deadline);

 private:
  void Watch();

  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool exit_at_once_ ABSL_GUARDED_BY(mutex_) = true;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_SIGNALS_H_
