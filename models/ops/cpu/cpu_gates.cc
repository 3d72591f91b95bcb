// Projections that go through a function, and what multiplies them there.
#include "models/ops/cpu/cpu_ops_impl.h"

namespace skep::models {

using cpu::ActivationBlock;
using cpu::ActivationIndex;
using cpu::BlocksOf;
using cpu::Epilogue;
using cpu::GemmJob;
using cpu::PackedMatrix;

void CpuOps::ActivatedProjection(const Activation& x, const LinearWeights& w, GateFunction function,
                                 int64_t rows, Activation& out) {
  GemmJob job = JobFor(x, w, rows);
  job.epilogue = Epilogue::kActivate;
  job.gate = GateOf(function);
  if (!out.only_quantized) job.out = out.values.data_ptr<float>();
  job.out_stride = out.values.stride(0);
  job.out_blocks = BlocksOrNull(out);
  RunGemms({&job, 1});
}

void CpuOps::FinishGates(const GateJob& job, int64_t rows, int64_t columns, Activation& out) {
  float* values = out.values.data_ptr<float>();
  const int64_t stride = out.values.stride(0);
  ActivationBlock* blocks = BlocksOrNull(out);
  ForRows(rows, columns, [&](int64_t row) {
    float* y = values + row * stride;
    if (job.cutoff) kernels_.cut(*job.cutoff, columns, y);
    kernels_.gate(job.gate, job.factors + row * job.factor_stride, columns, y);
    if (blocks != nullptr) {
      kernels_.quantise(y, columns, blocks + ActivationIndex(row, 0, BlocksOf(columns)));
    }
  });
}

void CpuOps::GateAfterwards(const Activation& x, const LinearWeights& gate, const LinearWeights& up,
                            GateFunction function, std::optional<float> cutoff, int64_t rows,
                            Activation& out) {
  const int64_t columns = gate.matrix->rows();
  GemmJob jobs[2] = {JobFor(x, gate, rows), JobFor(x, up, rows)};
  jobs[0].out = out.values.data_ptr<float>();
  jobs[0].out_stride = out.values.stride(0);
  jobs[1].out = projected_.Floats(rows * columns);
  jobs[1].out_stride = columns;
  RunGemms(jobs);
  FinishGates({GateOf(function), cutoff, jobs[1].out, columns}, rows, columns, out);
}

void CpuOps::GatedProjection(const Activation& x, const LinearWeights& gate,
                             const LinearWeights& up, GateFunction function, int64_t rows,
                             Activation& out) {
  GemmJob job = JobFor(x, gate, rows);
  const PackedMatrix& second = Packed(*up.matrix);
  if (!SameKernel(*job.matrix, second)) {
    GateAfterwards(x, gate, up, function, /*cutoff=*/std::nullopt, rows, out);
    return;
  }
  job.epilogue = Epilogue::kGate;
  job.gate = GateOf(function);
  if (!out.only_quantized) job.out = out.values.data_ptr<float>();
  job.out_stride = out.values.stride(0);
  job.out_blocks = BlocksOrNull(out);
  job.second = &second;
  job.second_bias = BiasOf(up);
  RunGemms({&job, 1});
}

void CpuOps::SparseGatedProjection(const Activation& x, const LinearWeights& gate,
                                   const LinearWeights& up, GateFunction function, float cutoff,
                                   int64_t rows, Activation& out) {
  GateAfterwards(x, gate, up, function, cutoff, rows, out);
}

void CpuOps::ModulatedProjection(const Activation& x, const LinearWeights& w, GateFunction function,
                                 const at::Tensor& factors, int64_t first_factor, int64_t rows,
                                 Activation& out) {
  GemmJob job = JobFor(x, w, rows);
  job.out = out.values.data_ptr<float>();
  job.out_stride = out.values.stride(0);
  RunGemms({&job, 1});
  FinishGates({GateOf(function), /*cutoff=*/std::nullopt, factors.data_ptr<float>() + first_factor,
               factors.stride(0)},
              rows, w.matrix->rows(), out);
}

}  // namespace skep::models
