// Where the engine's threads write their counters and anyone reads them.
#ifndef SKEP_ENGINE_STATS_BOARD_H_
#define SKEP_ENGINE_STATS_BOARD_H_

#include <cstdint>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "engine/engine.h"
#include "scheduler/scheduler_options.h"

namespace skep::engine {

// Thread-safe.
class StatsBoard final {
 public:
  EngineStats Snapshot() const;

  // What the loop sees after each change. `tokenizing`: requests the scheduler does not know yet.
  void Update(const SchedulerStats& scheduler, int64_t tokenizing, uint64_t steps);
  void AddPrompt(int64_t tokens, int64_t cached);
  void AddGenerated(int64_t tokens);

 private:
  mutable std::mutex mutex_;
  EngineStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_STATS_BOARD_H_
