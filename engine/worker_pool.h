// A few threads that run tasks in the order in which they come.
#ifndef SKEP_ENGINE_WORKER_POOL_H_
#define SKEP_ENGINE_WORKER_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"

namespace skep::engine {

// Thread-safe. The queue has no limit of its own: the engine bounds it by admission tickets.
class WorkerPool final {
 public:
  explicit WorkerPool(int threads);
  ~WorkerPool() { Stop(); }

  // Tasks must not throw. Dropped after Stop.
  void Post(std::function<void()> task);

  // Waits for the tasks that run and drops those that wait. Idempotent, from one thread.
  void Stop();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_WORKER_POOL_H_
