// Which instructions the kernels may use, decided once at run time.
#ifndef SKEP_MODELS_OPS_CPU_CPU_FEATURES_H_
#define SKEP_MODELS_OPS_CPU_CPU_FEATURES_H_

#include <string_view>

#include "absl/status/statusor.h"

namespace skep::cpu {

// Each level is the same source compiled for other instructions; results may differ between levels
// (fused multiply-add), never within one.
enum class CpuLevel { kPortable, kAvx2, kAvx512 };

std::string_view CpuLevelName(CpuLevel level);

// The best level this processor runs.
CpuLevel DetectCpuLevel();

// `forced` is a level's name ("avx512", "avx2", "portable") or empty for the best one. Unknown
// names: InvalidArgument; a level that this processor lacks: FailedPrecondition.
absl::StatusOr<CpuLevel> SelectCpuLevel(std::string_view forced);

// Whether the instructions for dot products of bfloat16 pairs, which round activations to bfloat16,
// are there, and whether they are worth that: on AMD's processors they do twice the work of a
// float32 multiply-add, on Intel's they start half as often.
bool HasBfloatDots(CpuLevel level);
bool FastBfloatDots(CpuLevel level);

// Whether vector operations other than multiplications have pipes of their own, as on AMD's
// processors: unpacking weights is nearly free then, and loads are what an int8 GEMM must save. On
// Intel's, 512-bit operations of every kind share two pipes.
bool HasSparePipes(CpuLevel level);

// SelectCpuLevel of the environment variable SKEP_CPU.
absl::StatusOr<CpuLevel> SelectCpuLevelFromEnvironment();

// Threads that make sense here: processors this process may run on, one a physical core, and no
// more than the cgroup's cpu.max grants (rounded up). At least 1.
int DefaultThreads();

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_CPU_FEATURES_H_
