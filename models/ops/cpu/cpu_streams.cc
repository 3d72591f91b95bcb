// Several residual streams beside each other.
#include <array>
#include <cmath>

#include "models/ops/cpu/cpu_ops_impl.h"

namespace skep::models {

static_assert(kMaxStreams == cpu::kMaxStreams);

void CpuOps::MixStreams(std::span<const at::Tensor* const> inputs, const at::Tensor& coefficients,
                        int64_t rows, std::span<at::Tensor* const> streams) {
  const int64_t columns = streams[0]->size(1);
  const float* weights = coefficients.data_ptr<float>();
  const int64_t weight_stride = coefficients.stride(0);
  ForRows(rows, columns * static_cast<int64_t>(streams.size()), [&](int64_t row) {
    std::array<const float*, kMaxStreams> from;
    std::array<float*, kMaxStreams> to;
    for (size_t j = 0; j < inputs.size(); ++j) {
      from[j] = inputs[j]->data_ptr<float>() + row * inputs[j]->stride(0);
    }
    for (size_t i = 0; i < streams.size(); ++i) {
      to[i] = streams[i]->data_ptr<float>() + row * streams[i]->stride(0);
    }
    kernels_.mix(from.data(), static_cast<int64_t>(inputs.size()), weights + row * weight_stride,
                 columns, to.data(), static_cast<int64_t>(streams.size()));
  });
}

void CpuOps::WeightedSum(std::span<const at::Tensor* const> inputs, std::span<const float> weights,
                         int64_t rows, at::Tensor& out) {
  const int64_t columns = out.size(1);
  ForRows(rows, columns * static_cast<int64_t>(inputs.size()), [&](int64_t row) {
    const auto row_of = [row](const at::Tensor& x) {
      return x.data_ptr<float>() + row * x.stride(0);
    };
    float* to = row_of(out);
    const float* first = row_of(*inputs[0]);
    if (first != to) std::copy_n(first, columns, to);
    if (weights[0] != 1.0f) kernels_.scale(weights[0], columns, to);
    for (size_t i = 1; i < inputs.size(); ++i) {
      kernels_.add_scaled(row_of(*inputs[i]), weights[i], columns, to);
    }
  });
}

void CpuOps::MatchMagnitude(const at::Tensor& x, float least, int64_t rows, at::Tensor& y) {
  const int64_t columns = y.size(1);
  const float* from = x.data_ptr<float>();
  float* to = y.data_ptr<float>();
  const int64_t from_stride = x.stride(0), to_stride = y.stride(0);
  ForRows(rows, 2 * columns, [&](int64_t row) {
    float* values = to + row * to_stride;
    const float wanted = kernels_.mean_square(from + row * from_stride, columns);
    const float found = std::max(kernels_.mean_square(values, columns), least);
    kernels_.scale(std::sqrt(wanted / found), columns, values);
  });
}

}  // namespace skep::models
