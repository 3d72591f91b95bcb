// The operations on a CPU: fused kernels on the buffers' memory, our own threads, no allocation and
// no ATen call in a step once the scratch has grown to the largest step.
#ifndef SKEP_MODELS_OPS_CPU_CPU_OPS_H_
#define SKEP_MODELS_OPS_CPU_CPU_OPS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/ops/cpu/kernels.h"
#include "models/ops/ops.h"

namespace skep::models {

struct CpuOptions {
  int threads = 0;  // 0: cpu::DefaultThreads()
  cpu::KvType kv_type = cpu::KvType::kF16;
};

// Batch invariant at each level. Errors: threads below 0 (InvalidArgument), and those of
// cpu::SelectCpuLevel for the environment variable SKEP_CPU.
absl::StatusOr<std::unique_ptr<Ops>> MakeCpuOps(const CpuOptions& options);

}  // namespace skep::models

#endif  // SKEP_MODELS_OPS_CPU_CPU_OPS_H_
