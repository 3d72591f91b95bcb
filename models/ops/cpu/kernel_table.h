// Fills a table with this instruction set's functions. Included once per instruction set, last.
#ifndef SKEP_MODELS_OPS_CPU_KERNEL_TABLE_H_
#define SKEP_MODELS_OPS_CPU_KERNEL_TABLE_H_

#include "models/ops/cpu/attention_kernels.h"
#include "models/ops/cpu/gemm_kernels.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

inline constexpr Kernels MakeKernels(CpuLevel level) {
  Kernels k{};
  k.level = level;
  k.gemm = Gemm;
  k.rms_norm = RmsNorm;
  k.layer_norm = LayerNorm;
  k.quantise = Quantise;
  k.rotate = Rotate;
  k.add_scaled = AddScaled;
  k.scale = ScaleRow;
  k.clamp = ClampRow;
  k.store_kv = StoreKv;
  k.gate = GateRow;
  k.cut = CutRow;
  k.mean_square = MeanSquare;
  k.mix = Mix;
  k.attend = Attend;
  k.merge = MergeState;
  k.finish = FinishAttention;
  return k;
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_KERNEL_TABLE_H_
