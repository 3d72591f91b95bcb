// The kernels of the avx512 level; compiled with that level's instructions.
#define SKEP_CPU_NAMESPACE avx512
#include "models/ops/cpu/simd_avx512.h"
// The simd header comes first: the kernels are written in its terms.
#include "models/ops/cpu/kernel_table.h"

namespace skep::cpu {

extern const Kernels kAvx512Kernels;
const Kernels kAvx512Kernels = avx512::MakeKernels(CpuLevel::kAvx512);

}  // namespace skep::cpu
