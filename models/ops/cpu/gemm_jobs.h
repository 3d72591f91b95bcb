// What the operations are given, as the kernels want it.
#ifndef SKEP_MODELS_OPS_CPU_GEMM_JOBS_H_
#define SKEP_MODELS_OPS_CPU_GEMM_JOBS_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "models/ops/cpu/arena.h"
#include "models/ops/cpu/kernels.h"
#include "models/ops/ops.h"

namespace skep::models {

class CpuMatrix final : public PreparedMatrix {
 public:
  CpuMatrix(cpu::PackedMatrix packed, std::shared_ptr<cpu::Arena> arena)
      : PreparedMatrix(packed.type(), packed.rows(), packed.columns()),
        packed_(packed),
        arena_(std::move(arena)) {}
  const cpu::PackedMatrix& packed() const { return packed_; }
  int64_t bytes() const override { return packed_.bytes(); }

 private:
  cpu::PackedMatrix packed_;
  std::shared_ptr<cpu::Arena> arena_;  // owns what packed_ points to
};

// The matrix behind what PrepareMatrix of the CPU's operations returned.
inline const cpu::PackedMatrix& Packed(const PreparedMatrix& matrix) {
  return static_cast<const CpuMatrix&>(matrix).packed();
}

const float* BiasOf(const LinearWeights& w);
cpu::ActivationBlock* BlocksOrNull(const Activation& a);
cpu::Gate GateOf(GateFunction function);

// A job that multiplies `rows` rows of x.
cpu::GemmJob JobFor(const Activation& x, const LinearWeights& w, int64_t rows);

// Whether gate and up can run as one job: both on int8 kernels, or of one format.
bool SameKernel(const cpu::PackedMatrix& a, const cpu::PackedMatrix& b);

}  // namespace skep::models

#endif  // SKEP_MODELS_OPS_CPU_GEMM_JOBS_H_
