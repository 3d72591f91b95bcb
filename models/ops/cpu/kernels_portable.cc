// The kernels of the portable level; compiled with that level's instructions.
#define SKEP_CPU_NAMESPACE portable
#include "models/ops/cpu/simd_generic.h"
// The simd header comes first: the kernels are written in its terms.
#include "models/ops/cpu/kernel_table.h"

namespace skep::cpu {

extern const Kernels kPortableKernels;
const Kernels kPortableKernels = portable::MakeKernels(CpuLevel::kPortable);

}  // namespace skep::cpu
