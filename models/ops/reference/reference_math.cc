#include "models/ops/reference/reference_math.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace skep::models {

at::Tensor Normalize(const at::Tensor& x, const NormWeights& norm) {
  if (norm.kind == NormKind::kNone) {
    return norm.scale.defined() ? x * norm.scale.view({-1}) : x;
  }
  at::Tensor centered = x;
  if (norm.kind == NormKind::kLayer) centered = x - x.mean(/*dim=*/{-1}, /*keepdim=*/true);
  const at::Tensor mean_square = centered.square().mean(/*dim=*/{-1}, /*keepdim=*/true);
  at::Tensor y = centered * at::rsqrt(mean_square + norm.epsilon) * norm.scale.view({-1});
  if (norm.bias.defined()) y = y + norm.bias.view({-1});
  return y;
}

at::Tensor NormalizeParts(const at::Tensor& x, const NormWeights& norm) {
  if (!norm.scale.defined()) return Normalize(x, norm);
  return Normalize(x.view({x.size(0), -1, norm.scale.numel()}), norm).view(x.sizes());
}

at::Tensor NormalizeHeads(const at::Tensor& x, const NormWeights& norm, HeadNorm span) {
  if (span == HeadNorm::kWholeRow) {
    return Normalize(x.reshape({x.size(0), -1}), norm).view(x.sizes());
  }
  if (norm.scale.numel() == x.size(2)) return Normalize(x, norm);
  // Each head has a scale of its own.
  NormWeights plain = norm;
  plain.scale = at::ones({1, x.size(2)});
  plain.bias = at::Tensor();
  at::Tensor y = Normalize(x, plain) * norm.scale.view({x.size(1), x.size(2)});
  if (norm.bias.defined()) y = y + norm.bias.view({x.size(1), x.size(2)});
  return y;
}

at::Tensor Rotate(const at::Tensor& x, const RopeTable& rope) {
  const int64_t rows = x.size(0), half = rope.rotary_dim / 2;
  const at::Tensor cosine = rope.cosine.narrow(0, 0, rows).narrow(1, 0, half).unsqueeze(1);
  const at::Tensor sine = rope.sine.narrow(0, 0, rows).narrow(1, 0, half).unsqueeze(1);
  const at::Tensor first = x.narrow(2, 0, half), second = x.narrow(2, half, half);
  const at::Tensor rest = x.narrow(2, rope.rotary_dim, x.size(2) - rope.rotary_dim);
  return at::cat({first * cosine - second * sine, second * cosine + first * sine, rest}, 2);
}

at::Tensor ApplyGate(const at::Tensor& x, GateFunction function) {
  switch (function) {
    case GateFunction::kSilu:
      return at::silu(x);
    case GateFunction::kGeluTanh:
      return at::gelu(x, "tanh");
    case GateFunction::kGeluErf:
      return at::gelu(x);
    case GateFunction::kRelu:
      return at::relu(x);
    case GateFunction::kReluSquared:
      return at::relu(x).square();
    case GateFunction::kTanh:
      return at::tanh(x);
    case GateFunction::kIdentity:
    case GateFunction::kClampedSwish:  // see Gated
      return x;
  }
  return x;
}

at::Tensor CutGates(const at::Tensor& x, double cutoff) {
  const at::Tensor centered = x - x.mean(/*dim=*/{-1}, /*keepdim=*/true);
  const at::Tensor deviation = at::sqrt(centered.square().mean(/*dim=*/{-1}, /*keepdim=*/true));
  return at::relu(centered - deviation * cutoff);
}

at::Tensor Gated(const at::Tensor& gate, const at::Tensor& up, GateFunction function) {
  if (function != GateFunction::kClampedSwish) return ApplyGate(gate, function) * up;
  const at::Tensor g = gate.clamp_max(7.0);
  return g * at::sigmoid(g * 1.702) * (up.clamp(-7.0, 7.0) + 1.0);
}

}  // namespace skep::models
