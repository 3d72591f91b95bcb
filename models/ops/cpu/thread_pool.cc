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
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { WorkerLoop(i); });
  } catch (...) {  // no more threads are to be had: those there are must not outlive the pool
    Stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { Stop(); }

void ThreadPool::Stop() {
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
  region_.chunks = (region_.count + region_.chunk - 1) / region_.chunk;
  unfinished_.store(region_.chunks, std::memory_order_relaxed);
  unclaimed_.store(region_.chunks, std::memory_order_seq_cst);  // publishes region_
  WakeSleepers();
  RunChunks(/*thread=*/0);
  for (int spins = 0; unfinished_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpins) {
      Pause();
    } else {
      std::this_thread::yield();  // a worker lost its processor: let it have ours
    }
  }
}

void ThreadPool::RunChunks(int thread) {
  int64_t unclaimed = unclaimed_.load(std::memory_order_relaxed);
  while (unclaimed > 0) {
    if (!unclaimed_.compare_exchange_weak(unclaimed, unclaimed - 1, std::memory_order_acq_rel,
                                          std::memory_order_relaxed)) {
      continue;
    }
    // The region cannot end, nor the next one begin, before this chunk is finished.
    const int64_t begin = (region_.chunks - unclaimed) * region_.chunk;
    region_.call(region_.context, begin, std::min(begin + region_.chunk, region_.count), thread);
    unfinished_.fetch_sub(1, std::memory_order_release);
    unclaimed = unclaimed_.load(std::memory_order_relaxed);
  }
}

bool ThreadPool::WaitForWork() {
  const auto ready = [&] {
    return unclaimed_.load(std::memory_order_seq_cst) > 0 ||
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
  while (WaitForWork()) RunChunks(thread);
}

}  // namespace skep::cpu
