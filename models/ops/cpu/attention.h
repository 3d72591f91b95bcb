// Splits a step's attention into tasks, and runs them.
#ifndef SKEP_MODELS_OPS_CPU_ATTENTION_H_
#define SKEP_MODELS_OPS_CPU_ATTENTION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "models/ops/cpu/activation_block.h"
#include "models/ops/cpu/kernels.h"
#include "models/ops/cpu/scratch.h"
#include "models/ops/cpu/thread_pool.h"

namespace skep::cpu {

// The sequences of a step, as one layer's cache group sees them.
struct AttentionBatch {
  std::span<const int32_t> query_starts;  // [sequences + 1]
  std::span<const int32_t> kv_lengths;    // [sequences], including this step's tokens
  const int32_t* block_table = nullptr;   // [sequences, table_stride]
  int64_t table_stride = 0;
  std::span<const int32_t> prefixes;  // [sequences], see StepInput; empty: all 0
};

// Keeps its lists and scratch from call to call; they grow to the largest step.
class AttentionRunner final {
 public:
  // Attention of all tokens of the batch into job.out and, unless null, its quantised form
  // `out_blocks` (rows of query_heads * value_dim).
  void Run(const Kernels& kernels, const AttentionJob& job, const AttentionBatch& batch,
           ThreadPool& pool, std::span<uint8_t* const> workspaces, ActivationBlock* out_blocks);

 private:
  struct Task {
    AttentionTile tile;
    int64_t first_split = 0;
    int64_t num_splits = 0;
    int64_t state = 0;  // where its first part is kept, when parts run on their own
  };

  void ListTasks(const AttentionJob& job, const AttentionBatch& batch);
  void RunWhole(const Kernels& kernels, const AttentionJob& job, const Task& task,
                uint8_t* workspace, ActivationBlock* out_blocks);
  void Finish(const Kernels& kernels, const AttentionJob& job, const Task& task,
              const AttentionState& total, ActivationBlock* out_blocks);

  struct Part {
    int64_t task = 0;
    int64_t split = 0;
    int64_t state = 0;
  };
  std::vector<Task> tasks_;
  std::vector<Part> parts_;
  Scratch states_;
};

// What a thread's workspace must hold to run attention of this shape.
int64_t AttentionThreadBytes(const AttentionJob& job);

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_ATTENTION_H_
