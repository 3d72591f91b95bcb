// The kernels of the avx2 level; compiled with that level's instructions.
#define SKEP_CPU_NAMESPACE avx2
#include "models/ops/cpu/simd_avx2.h"
// The simd header comes first: the kernels are written in its terms.
#include "models/ops/cpu/kernel_table.h"

namespace skep::cpu {

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels = avx2::MakeKernels(CpuLevel::kAvx2);

}  // namespace skep::cpu
