#include "engine/stats_board.h"

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "engine/engine.h"
#include "scheduler/scheduler_options.h"

namespace skep::engine {

EngineStats StatsBoard::Snapshot() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

void StatsBoard::Update(const SchedulerStats& scheduler, int64_t tokenizing, uint64_t steps) {
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.running_requests = scheduler.running;
  stats_.waiting_requests = scheduler.waiting + tokenizing;
  stats_.blocks_total = stats_.blocks_free = stats_.blocks_cached = 0;
  stats_.cache_usage = 0;
  for (int32_t group = 0; group < scheduler.num_groups; ++group) {
    const SchedulerStats::Blocks& blocks = scheduler.blocks[group];
    stats_.blocks_total += blocks.total;
    stats_.blocks_free += blocks.free;
    stats_.blocks_cached += blocks.cached;
    if (blocks.total == 0) continue;
    const double used = blocks.total - blocks.free - blocks.cached;
    stats_.cache_usage = std::max(stats_.cache_usage, used / blocks.total);
  }
  stats_.prefix_query_tokens = scheduler.prefix_queries;
  stats_.prefix_hit_tokens = scheduler.prefix_hits;
  stats_.preemptions = scheduler.preemptions + scheduler.paused_preemptions;
  stats_.steps = steps;
}

void StatsBoard::AddPrompt(int64_t tokens, int64_t cached) {
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.prompt_tokens += tokens;
  stats_.cached_prompt_tokens += cached;
}

void StatsBoard::AddGenerated(int64_t tokens) {
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.generated_tokens += tokens;
}

}  // namespace skep::engine
