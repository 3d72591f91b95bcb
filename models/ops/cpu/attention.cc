#include "models/ops/cpu/attention.h"

#include <algorithm>

namespace skep::cpu {
namespace {

int64_t StateBytes(const AttentionJob& job) { return (AttentionStateFloats(job) + 15) / 16 * 64; }

AttentionState StateAt(const AttentionJob& job, uint8_t* memory, int64_t index) {
  return CarveState(job, reinterpret_cast<float*>(memory + index * StateBytes(job)));
}

}  // namespace

int64_t AttentionThreadBytes(const AttentionJob& job) {
  // Two states (the part at hand and the total) before the kernel's own scratch.
  return 2 * StateBytes(job) + AttentionWorkspaceBytes(job);
}

void AttentionRunner::ListTasks(const AttentionJob& job, const AttentionBatch& batch) {
  tasks_.clear();
  const int64_t tile_tokens = TileTokens(job);
  for (size_t s = 0; s < batch.kv_lengths.size(); ++s) {
    const int64_t start = batch.query_starts[s];
    const int64_t count = batch.query_starts[s + 1] - start;
    const int64_t first_position = batch.kv_lengths[s] - count;
    const int64_t prefix = batch.prefixes.empty() ? 0 : batch.prefixes[s];
    // Later tokens see more keys: the dearest tasks go first.
    for (int64_t tile = (count + tile_tokens - 1) / tile_tokens - 1; tile >= 0; --tile) {
      const int64_t at = tile * tile_tokens;
      const int64_t tokens = std::min(tile_tokens, count - at);
      const int64_t position = first_position + at;
      const int64_t oldest = job.FirstSeen(position);
      Task task;
      task.first_split = oldest / kSplitTokens;
      const int64_t newest = job.EndSeen(position + tokens - 1, prefix) - 1;
      task.num_splits = newest / kSplitTokens - task.first_split + 1;
      for (int64_t head = 0; head < job.kv_heads; ++head) {
        task.tile = {start + at, tokens,
                     position,   prefix,
                     head,       batch.block_table + static_cast<int64_t>(s) * batch.table_stride};
        tasks_.push_back(task);
      }
    }
  }
}

void AttentionRunner::Finish(const Kernels& kernels, const AttentionJob& job, const Task& task,
                             const AttentionState& total, ActivationBlock* out_blocks) {
  kernels.finish(job, task.tile, total);
  const int64_t columns = job.group() * job.value_dim;
  if (out_blocks == nullptr || columns % kBlock != 0) return;
  const int64_t column = task.tile.kv_head * columns;
  const int64_t blocks = BlocksOf(job.query_heads * job.value_dim);
  for (int64_t t = 0; t < task.tile.tokens; ++t) {
    const int64_t row = task.tile.first_token + t;
    kernels.quantise(job.out + row * job.out_stride + column, columns,
                     out_blocks + ActivationIndex(row, column / kBlock, blocks));
  }
}

void AttentionRunner::RunWhole(const Kernels& kernels, const AttentionJob& job, const Task& task,
                               uint8_t* workspace, ActivationBlock* out_blocks) {
  const AttentionState part = StateAt(job, workspace, 0);
  const AttentionState total = StateAt(job, workspace, 1);
  uint8_t* scratch = workspace + 2 * StateBytes(job);
  if (task.num_splits == 1) {
    kernels.attend(job, task.tile, task.first_split, total, scratch);
  } else {
    for (int64_t i = 0; i < task.num_splits; ++i) {
      kernels.attend(job, task.tile, task.first_split + i, part, scratch);
      kernels.merge(job, task.tile.tokens * job.group(), part, /*first=*/i == 0, total);
    }
  }
  Finish(kernels, job, task, total, out_blocks);
}

void AttentionRunner::Run(const Kernels& kernels, const AttentionJob& job,
                          const AttentionBatch& batch, ThreadPool& pool,
                          std::span<uint8_t* const> workspaces, ActivationBlock* out_blocks) {
  ListTasks(job, batch);
  const int64_t count = static_cast<int64_t>(tasks_.size());
  int64_t num_parts = 0;
  for (Task& task : tasks_) {
    task.state = num_parts;
    num_parts += task.num_splits;
  }
  // Few sequences and long contexts: the parts of a task run on several threads.
  const bool split = pool.threads() > 1 && count < 4 * pool.threads() && num_parts > count;
  if (!split) {
    pool.ParallelFor(count, /*chunk=*/1, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t i = begin; i < end; ++i) {
        RunWhole(kernels, job, tasks_[i], workspaces[thread], out_blocks);
      }
    });
  } else {
    parts_.clear();
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t i = 0; i < tasks_[t].num_splits; ++i) {
        parts_.push_back({t, tasks_[t].first_split + i, tasks_[t].state + i});
      }
    }
    uint8_t* states = states_.Get(num_parts * StateBytes(job));
    pool.ParallelFor(num_parts, /*chunk=*/1, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t i = begin; i < end; ++i) {
        kernels.attend(job, tasks_[parts_[i].task].tile, parts_[i].split,
                       StateAt(job, states, parts_[i].state), workspaces[thread]);
      }
    });
    pool.ParallelFor(count, /*chunk=*/1, [&](int64_t begin, int64_t end, int thread) {
      const AttentionState total = StateAt(job, workspaces[thread], 1);
      for (int64_t t = begin; t < end; ++t) {
        const Task& task = tasks_[t];
        for (int64_t i = 0; i < task.num_splits; ++i) {
          kernels.merge(job, task.tile.tokens * job.group(), StateAt(job, states, task.state + i),
                        /*first=*/i == 0, total);
        }
        Finish(kernels, job, task, total, out_blocks);
      }
    });
  }
  if (out_blocks == nullptr || job.group() * job.value_dim % kBlock == 0) return;
  // Blocks of 32 reach across KV heads: quantise whole rows when all heads are there.
  const int64_t columns = job.query_heads * job.value_dim;
  pool.ParallelFor(batch.query_starts.back(), /*chunk=*/4, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      kernels.quantise(job.out + row * job.out_stride, columns,
                       out_blocks + ActivationIndex(row, 0, BlocksOf(columns)));
    }
  });
}

}  // namespace skep::cpu
