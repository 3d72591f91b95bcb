// Flattens a Plan into the arrays of a StepInput, in memory that is reused from step to step.
#ifndef SKEP_MODELS_RUNNER_BATCH_H_
#define SKEP_MODELS_RUNNER_BATCH_H_

#include <cstdint>
#include <vector>

#include "models/ops/ops.h"
#include "models/runner/prefix.h"
#include "scheduler/plan.h"
#include "scheduler/types.h"

namespace skep::models {

class Batch final {
 public:
  // Sized for the largest step, so that Build allocates nothing.
  Batch(const CacheLayout& layout, int32_t max_tokens, int32_t max_rows, int64_t context_length,
        PrefixOptions prefix = {});

  // The result is valid until the next call.
  const StepInput& Build(const Plan& plan);

 private:
  struct Group {
    std::vector<BlockId> block_table;
    std::vector<int64_t> write_rows;
  };

  void AddTokens(const PlanRow& row);
  void AddPositions(const PlanRow& row);

  const CacheLayout layout_;
  const PrefixOptions prefix_;
  std::vector<TokenId> tokens_;
  std::vector<int32_t> positions_;
  std::vector<int32_t> block_positions_;
  std::vector<int32_t> prefixes_;
  std::vector<int32_t> query_starts_;
  std::vector<int32_t> kv_lengths_;
  std::vector<Group> groups_;
  StepInput input_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_RUNNER_BATCH_H_
