#include "models/ops/cpu/thread_pool.h"

#include <algorithm>

namespace skep::cpu {
namespace {

// About 50-100 microseconds of pausing: longer than the serial stretches of a step, short enough
// to leave the processor to others when the step's thread was descheduled.
constexpr int kSpins = 2000;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  workers_.reserve(std::max(0, threads - 1));
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { WorkerLoop(i); });
}

ThreadPool::~ThreadPool() {
  stopping_.store(true, std::memory_order_seq_cst);
  WakeSleepers();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::BeginStep() {
  in_step_.store(true, std::memory_order_seq_cst);
  steps_.fetch_add(1, std::memory_order_seq_cst);
  WakeSleepers();
}

void ThreadPool::EndStep() { in_step_.store(false, std::memory_order_seq_cst); }

void ThreadPool::WakeSleepers() {
  if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
  // Taking the lock orders this after a worker's last look at the state and before its sleep.
  { std::lock_guard<std::mutex> lock(mutex_); }
  wake_.notify_all();
}

void ThreadPool::RunRegion() {
  next_.store(0, std::memory_order_relaxed);
  running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_seq_cst);
  WakeSleepers();
  RunChunks(/*thread=*/0);
  for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpins) {
      Pause();
    } else {
      std::this_thread::yield();  // a worker lost its processor: let it have ours
    }
  }
}

void ThreadPool::RunChunks(int thread) {
  const Region region = region_;
  for (;;) {
    const int64_t begin = next_.fetch_add(region.chunk, std::memory_order_relaxed);
    if (begin >= region.count) return;
    region.call(region.context, begin, std::min(begin + region.chunk, region.count), thread);
  }
}

bool ThreadPool::WaitForRegion(uint64_t seen) {
  const auto ready = [&] {
    return generation_.load(std::memory_order_seq_cst) != seen ||
           stopping_.load(std::memory_order_seq_cst);
  };
  for (;;) {
    for (int spins = 0; spins < kSpins && in_step_.load(std::memory_order_relaxed); ++spins) {
      if (ready()) return !stopping_.load(std::memory_order_relaxed);
      Pause();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    const uint64_t step = steps_.load(std::memory_order_seq_cst);
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    // A step that begins wakes us, so that its first region finds us spinning.
    wake_.wait(lock, [&] { return ready() || steps_.load(std::memory_order_seq_cst) != step; });
    sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    if (ready()) return !stopping_.load(std::memory_order_relaxed);
  }
}

void ThreadPool::WorkerLoop(int thread) {
  uint64_t seen = 0;
  while (WaitForRegion(seen)) {
    ++seen;
    RunChunks(thread);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace skep::cpu
