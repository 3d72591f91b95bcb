#include "models/ops/cpu/gemm_jobs.h"

namespace skep::models {

using cpu::ActivationBlock;
using cpu::GemmJob;
using cpu::PackedMatrix;

const float* BiasOf(const LinearWeights& w) {
  return w.bias.defined() ? w.bias.data_ptr<float>() : nullptr;
}

ActivationBlock* BlocksOrNull(const Activation& a) {
  return a.quantized.defined() ? static_cast<ActivationBlock*>(a.quantized.data_ptr()) : nullptr;
}

cpu::Gate GateOf(GateFunction function) {
  switch (function) {
    case GateFunction::kSilu:
      return cpu::Gate::kSilu;
    case GateFunction::kGeluTanh:
      return cpu::Gate::kGeluTanh;
    case GateFunction::kGeluErf:
      return cpu::Gate::kGeluErf;
    case GateFunction::kRelu:
      return cpu::Gate::kRelu;
    case GateFunction::kReluSquared:
      return cpu::Gate::kReluSquared;
    case GateFunction::kTanh:
      return cpu::Gate::kTanh;
    case GateFunction::kClampedSwish:
      return cpu::Gate::kClampedSwish;
    case GateFunction::kIdentity:
      return cpu::Gate::kIdentity;
  }
  return cpu::Gate::kIdentity;
}

GemmJob JobFor(const Activation& x, const LinearWeights& w, int64_t rows) {
  GemmJob job;
  job.matrix = &Packed(*w.matrix);
  job.bias = BiasOf(w);
  job.blocks = BlocksOrNull(x);
  job.values = x.values.data_ptr<float>();
  job.values_stride = x.values.stride(0);
  job.rows = rows;
  return job;
}

bool SameKernel(const PackedMatrix& a, const PackedMatrix& b) {
  return a.format() == b.format() || (cpu::IsInt8(a.format()) && cpu::IsInt8(b.format()));
}

}  // namespace skep::models
