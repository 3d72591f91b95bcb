// Every operation in plain libtorch, float32, from dequantised weights: the oracle of kernel tests,
// the path for devices without kernels of their own, and the fallback. Nothing here is fast, and it
// promises no batch invariance.
#ifndef SKEP_MODELS_OPS_REFERENCE_REFERENCE_OPS_H_
#define SKEP_MODELS_OPS_REFERENCE_REFERENCE_OPS_H_

#include <memory>

#include "models/ops/ops.h"

namespace skep::models {

// Caches and weights are float32; keys and values lie as [blocks, block_size, kv_heads, head_dim].
std::unique_ptr<Ops> MakeReferenceOps();

}  // namespace skep::models

#endif  // SKEP_MODELS_OPS_REFERENCE_REFERENCE_OPS_H_
