// Threads that share the work of one step.
#ifndef SKEP_MODELS_OPS_CPU_THREAD_POOL_H_
#define SKEP_MODELS_OPS_CPU_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace skep::cpu {

// threads - 1 workers and the caller. Between BeginStep and EndStep the workers spin for a short
// while after each region, so that the next one starts within a cache miss; otherwise they sleep.
//
// A region waits for chunks, not for threads: a worker that lost its processor, or sleeps, costs
// nothing but its help unless it holds a chunk.
//
// One thread at a time may use a pool. Which thread computes which chunk varies from run to run:
// results must not depend on it.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): a cache line for each busy counter
class ThreadPool final {
 public:
  // Throws std::system_error when the system has no more threads.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  void BeginStep();
  void EndStep();

  // Calls body(begin, end, thread) for chunks that cover [0, count) once; returns when all are
  // done. Everything written before the call is seen by the bodies, and everything they write is
  // seen after it. A count of at most one chunk runs on the caller without waking anybody.
  template <typename Body>
  void ParallelFor(int64_t count, int64_t chunk, Body&& body) {
    if (count <= 0) return;
    if (workers_.empty() || count <= chunk) {
      body(int64_t{0}, count, 0);
      return;
    }
    region_.call = [](void* context, int64_t begin, int64_t end, int thread) {
      (*static_cast<std::remove_reference_t<Body>*>(context))(begin, end, thread);
    };
    region_.context = const_cast<void*>(static_cast<const void*>(&body));
    region_.count = count;
    region_.chunk = chunk < 1 ? 1 : chunk;
    RunRegion();
  }

 private:
  struct Region {
    void (*call)(void* context, int64_t begin, int64_t end, int thread) = nullptr;
    void* context = nullptr;
    int64_t count = 0;
    int64_t chunk = 1;
    int64_t chunks = 0;
  };

  void Stop();
  void RunRegion();
  void RunChunks(int thread);
  void WorkerLoop(int thread);
  bool WaitForWork();  // false: the pool is being destroyed
  void WakeSleepers();

  // Written while no chunk is unclaimed or running, read by whoever claimed a chunk.
  Region region_;
  alignas(64) std::atomic<int64_t> unclaimed_{0};   // chunks
  alignas(64) std::atomic<int64_t> unfinished_{0};  // chunks, claimed or not
  alignas(64) std::atomic<bool> in_step_{false};
  std::atomic<uint64_t> steps_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_THREAD_POOL_H_
