// What the reference operations are made of, in ATen's operators, on tensors of float32.
#ifndef SKEP_MODELS_OPS_REFERENCE_REFERENCE_MATH_H_
#define SKEP_MODELS_OPS_REFERENCE_REFERENCE_MATH_H_

#include "models/ops/ops.h"

namespace skep::models {

// Norms over the last dimension.
at::Tensor Normalize(const at::Tensor& x, const NormWeights& norm);
// Of rows [rows, columns], each part that is as long as the scale.
at::Tensor NormalizeParts(const at::Tensor& x, const NormWeights& norm);
// Of heads [rows, heads, head_dim].
at::Tensor NormalizeHeads(const at::Tensor& x, const NormWeights& norm, HeadNorm span);

// x [rows, heads, head_dim]; pairs (i, i + rotary_dim / 2).
at::Tensor Rotate(const at::Tensor& x, const RopeTable& rope);

at::Tensor ApplyGate(const at::Tensor& x, GateFunction function);
// max(0, x - (mean + cutoff * standard deviation)), of the last dimension.
at::Tensor CutGates(const at::Tensor& x, double cutoff);
// function(gate) * up.
at::Tensor Gated(const at::Tensor& gate, const at::Tensor& up, GateFunction function);

}  // namespace skep::models

#endif  // SKEP_MODELS_OPS_REFERENCE_REFERENCE_MATH_H_
