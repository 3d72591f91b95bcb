// Element-wise kernels on 16 lanes. Included once per instruction set, after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_VECTOR_KERNELS_H_
#define SKEP_MODELS_OPS_CPU_VECTOR_KERNELS_H_

#include "models/ops/cpu/kernels.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// e^x within 2 ulp: x = n ln 2 + r, e^r by its Taylor polynomial, |r| <= ln 2 / 2. NaN stays NaN
// (Max and Min return their second operand then).
SKEP_INLINE Vec Exp(Vec x) {
  x = Min(Set(89.0f), Max(Set(-105.0f), x));
  const Vec n = Round(Mul(x, Set(1.44269504f)));
  Vec r = MulAdd(n, Set(-0.693359375f), x);  // ln 2 in two parts: the first has few bits
  r = MulAdd(n, Set(2.12194440e-4f), r);
  Vec p = Set(1.0f / 5040);
  p = MulAdd(p, r, Set(1.0f / 720));
  p = MulAdd(p, r, Set(1.0f / 120));
  p = MulAdd(p, r, Set(1.0f / 24));
  p = MulAdd(p, r, Set(1.0f / 6));
  p = MulAdd(p, r, Set(0.5f));
  p = MulAdd(p, r, Set(1.0f));
  p = MulAdd(p, r, Set(1.0f));
  return Scale2(p, n);
}

// 1 / (1 + e^-x).
SKEP_INLINE Vec Sigmoid(Vec x) { return Div(Set(1.0f), Add(Set(1.0f), Exp(Sub(Zero(), x)))); }

// Near zero an odd polynomial (Cephes tanhf), elsewhere through e^2x, which cancels nothing there.
SKEP_INLINE Vec Tanh(Vec x) {
  const Vec a = Abs(x);
  const Vec s = Mul(x, x);
  Vec p = Set(-5.70498872745e-3f);
  p = MulAdd(p, s, Set(2.06390887954e-2f));
  p = MulAdd(p, s, Set(-5.37397155531e-2f));
  p = MulAdd(p, s, Set(1.33314422036e-1f));
  p = MulAdd(p, s, Set(-3.33332819422e-1f));
  const Vec small = MulAdd(Mul(p, s), x, x);
  const Vec e = Exp(Add(a, a));
  const Vec magnitude = Sub(Set(1.0f), Div(Set(2.0f), Add(e, Set(1.0f))));
  const Vec large = Select(Less(x, Zero()), Sub(Zero(), magnitude), magnitude);
  return Select(Less(a, Set(0.625f)), small, large);
}

SKEP_INLINE Vec ErfLanes(Vec x) {
  float lanes[16];
  Store(lanes, x);
  for (float& lane : lanes) lane = __builtin_erff(lane);
  return Load(lanes);
}

SKEP_INLINE Vec ApplyGate(Gate function, Vec x) {
  switch (function) {
    case Gate::kSilu:
      return Mul(x, Sigmoid(x));
    case Gate::kGeluTanh: {
      // x/2 (1 + tanh u) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3).
      const Vec cube = Mul(Mul(x, x), x);
      const Vec inner = MulAdd(Set(0.044715f), cube, x);
      return Mul(x, Sigmoid(Mul(Set(1.59576912f), inner)));
    }
    case Gate::kGeluErf:
      return Mul(Mul(Set(0.5f), x), Add(Set(1.0f), ErfLanes(Mul(x, Set(0.70710678f)))));
    case Gate::kRelu:
      return Max(Zero(), x);
    case Gate::kReluSquared: {
      const Vec positive = Max(Zero(), x);
      return Mul(positive, positive);
    }
    case Gate::kTanh:
      return Tanh(x);
    case Gate::kIdentity:
    case Gate::kClampedSwish:  // see GateProduct
      return x;
  }
  return x;
}

// gate(x) * up.
SKEP_INLINE Vec GateProduct(Gate function, Vec x, Vec up) {
  if (function != Gate::kClampedSwish) return Mul(ApplyGate(function, x), up);
  const Vec limit = Set(7.0f);
  // NaN stays NaN: Max and Min return their second operand then.
  const Vec g = Min(limit, x);
  const Vec u = Min(limit, Max(Set(-7.0f), up));
  return Mul(Mul(g, Sigmoid(Mul(Set(1.702f), g))), Add(u, Set(1.0f)));
}

SKEP_INLINE void QuantiseBlock(Vec low, Vec high, ActivationBlock* block) {
  // Among the bits of magnitudes, infinities and NaN are the largest.
  const int32_t max_bits = MaxMagnitudeBits(low, high);
  const bool finite = max_bits < 0x7f800000;
  const float max = __builtin_bit_cast(float, max_bits);
  // Below 2^-100 the reciprocal would overflow: such activations are zero to any weight.
  const bool usable = finite && max >= 0x1p-100f;
  const Vec inverse = Set(usable ? 127.0f / max : 0.0f);
  low = usable ? Mul(low, inverse) : Zero();
  high = usable ? Mul(high, inverse) : Zero();
  int32_t sum_low;
  int32_t sum_high;
  StoreRounded(block->q, low, high, sum_low, sum_high);
  const int32_t sum = sum_low + sum_high;
  block->scale = usable ? max / 127.0f : (finite ? 0.0f : __builtin_nanf(""));
  block->sum = static_cast<float>(sum);
  block->sum_low = static_cast<float>(sum_low);
  block->start[kStart8] = kSumBias - 8 * sum;
  block->start[kStart16] = kSumBias - 16 * sum;
  block->start[kStart128] = kSumBias - 128 * sum;
  block->start[kStart32Low] = kSumBias - 32 * sum_low;
  block->start[kStart32High] = kSumBias - 32 * sum_high;
}

inline void Quantise(const float* x, int64_t columns, ActivationBlock* blocks) {
  int64_t i = 0;
  for (; i + kBlock <= columns; i += kBlock, blocks += kTileRows) {
    QuantiseBlock(Load(x + i), Load(x + i + kLanes), blocks);
  }
  if (i < columns) {
    QuantiseBlock(LoadFirst(x + i, FirstLanes(columns - i)),
                  LoadFirst(x + i + kLanes, FirstLanes(columns - i - kLanes)), blocks);
  }
}

inline float MeanSquare(const float* x, int64_t columns) {
  Vec squares[4] = {Zero(), Zero(), Zero(), Zero()};
  int64_t i = 0;
  for (; i + 4 * kLanes <= columns; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j) {
      const Vec v = Load(x + i + j * kLanes);
      squares[j] = MulAdd(v, v, squares[j]);
    }
  }
  for (; i < columns; i += kLanes) {
    const Vec v = LoadFirst(x + i, FirstLanes(columns - i));
    squares[0] = MulAdd(v, v, squares[0]);
  }
  const float total = SumLanes(Add(Add(squares[0], squares[1]), Add(squares[2], squares[3])));
  return total / static_cast<float>(columns);
}

inline void RmsNorm(const float* x, const float* scale, float epsilon, int64_t columns,
                    float* out) {
  const Vec inverse = Set(1.0f / __builtin_sqrtf(MeanSquare(x, columns) + epsilon));
  int64_t i = 0;
  for (; i + kLanes <= columns; i += kLanes) {
    Store(out + i, Mul(Mul(Load(x + i), inverse), Load(scale + i)));
  }
  if (i < columns) {
    const Mask m = FirstLanes(columns - i);
    StoreFirst(out + i, Mul(Mul(LoadFirst(x + i, m), inverse), LoadFirst(scale + i, m)), m);
  }
}

inline float Mean(const float* x, int64_t columns) {
  Vec sum = Zero();
  for (int64_t i = 0; i < columns; i += kLanes) {
    sum = Add(sum, LoadFirst(x + i, FirstLanes(columns - i)));
  }
  return SumLanes(sum) / static_cast<float>(columns);
}

// The mean of (x[i] - mean)^2.
inline float Variance(const float* x, Vec mean, int64_t columns) {
  Vec squares = Zero();
  for (int64_t i = 0; i < columns; i += kLanes) {
    const Mask m = FirstLanes(columns - i);
    const Vec centered = Select(m, Sub(LoadFirst(x + i, m), mean), Zero());
    squares = MulAdd(centered, centered, squares);
  }
  return SumLanes(squares) / static_cast<float>(columns);
}

inline void LayerNorm(const float* x, const float* scale, const float* bias, float epsilon,
                      int64_t columns, float* out) {
  const Vec mean = Set(Mean(x, columns));
  const Vec inverse = Set(1.0f / __builtin_sqrtf(Variance(x, mean, columns) + epsilon));
  for (int64_t i = 0; i < columns; i += kLanes) {
    const Mask m = FirstLanes(columns - i);
    Vec y = Mul(Mul(Sub(LoadFirst(x + i, m), mean), inverse), LoadFirst(scale + i, m));
    if (bias != nullptr) y = Add(y, LoadFirst(bias + i, m));
    StoreFirst(out + i, y, m);
  }
}

inline void ClampRow(float limit, int64_t columns, float* x) {
  for (int64_t i = 0; i < columns; i += kLanes) {
    const Mask m = FirstLanes(columns - i);
    StoreFirst(x + i, Min(Set(limit), Max(Set(-limit), LoadFirst(x + i, m))), m);
  }
}

inline void Rotate(float* x, const float* cosine, const float* sine, int64_t half) {
  for (int64_t i = 0; i < half; i += kLanes) {
    const Mask m = FirstLanes(half - i);
    const Vec a = LoadFirst(x + i, m);
    const Vec b = LoadFirst(x + half + i, m);
    const Vec c = LoadFirst(cosine + i, m);
    const Vec s = LoadFirst(sine + i, m);
    StoreFirst(x + i, Sub(Mul(a, c), Mul(b, s)), m);
    StoreFirst(x + half + i, Add(Mul(b, c), Mul(a, s)), m);
  }
}

inline void AddScaled(const float* x, float multiplier, int64_t columns, float* out) {
  for (int64_t i = 0; i < columns; i += kLanes) {
    const Mask m = FirstLanes(columns - i);
    StoreFirst(out + i, MulAdd(LoadFirst(x + i, m), Set(multiplier), LoadFirst(out + i, m)), m);
  }
}

inline void ScaleRow(float factor, int64_t columns, float* x) {
  for (int64_t i = 0; i < columns; i += kLanes) {
    const Mask m = FirstLanes(columns - i);
    StoreFirst(x + i, Mul(LoadFirst(x + i, m), Set(factor)), m);
  }
}

inline void GateRow(Gate function, const float* up, int64_t columns, float* x) {
  for (int64_t i = 0; i < columns; i += kLanes) {
    const Mask m = FirstLanes(columns - i);
    StoreFirst(x + i, GateProduct(function, LoadFirst(x + i, m), LoadFirst(up + i, m)), m);
  }
}

inline void CutRow(float deviations, int64_t columns, float* x) {
  const float mean = Mean(x, columns);
  const float deviation = __builtin_sqrtf(Variance(x, Set(mean), columns));
  const Vec cut = Set(mean + deviations * deviation);
  for (int64_t i = 0; i < columns; i += kLanes) {
    const Mask m = FirstLanes(columns - i);
    StoreFirst(x + i, Max(Zero(), Sub(LoadFirst(x + i, m), cut)), m);
  }
}

inline void Mix(const float* const* inputs, int64_t input_count, const float* coefficients,
                int64_t columns, float* const* streams, int64_t stream_count) {
  for (int64_t k = 0; k < columns; k += kLanes) {
    const Mask m = FirstLanes(columns - k);
    Vec x[kMaxStreams];
    for (int64_t j = 0; j < input_count; ++j) x[j] = LoadFirst(inputs[j] + k, m);
    for (int64_t i = 0; i < stream_count; ++i) {
      Vec y = LoadFirst(streams[i] + k, m);
      for (int64_t j = 0; j < input_count; ++j) {
        y = MulAdd(x[j], Set(coefficients[i * input_count + j]), y);
      }
      StoreFirst(streams[i] + k, y, m);
    }
  }
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_VECTOR_KERNELS_H_
