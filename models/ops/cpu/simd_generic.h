// Sixteen lanes in plain C++ (compiler vectors). The same names in registers: simd_avx512.h,
// simd_avx2.h.
#ifndef SKEP_MODELS_OPS_CPU_SIMD_GENERIC_H_
#define SKEP_MODELS_OPS_CPU_SIMD_GENERIC_H_

#include <cmath>
#include <cstdint>
#include <cstring>

#include "models/ops/cpu/activation_block.h"
#include "models/ops/cpu/half.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// Few registers: kernels take one row at a time (and compile in seconds).
inline constexpr bool kWideTiles = false;
inline constexpr int kRowsAtOnce = 1;

typedef float Vec __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef int32_t Mask __attribute__((vector_size(64)));  // -1 or 0 a lane

#define SKEP_INLINE inline __attribute__((always_inline))
#define SKEP_LAMBDA_INLINE __attribute__((always_inline))

template <typename To, typename From>
SKEP_INLINE To Bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

SKEP_INLINE Vec Zero() { return Vec{}; }
SKEP_INLINE Vec Set(float x) { return x - Vec{}; }
SKEP_INLINE Vec Load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
SKEP_INLINE void Store(float* p, const Vec& v) { std::memcpy(p, &v, sizeof(v)); }
SKEP_INLINE Mask FirstLanes(int64_t n) {
  Mask m;
  for (int i = 0; i < 16; ++i) m[i] = i < n ? -1 : 0;
  return m;
}
SKEP_INLINE Vec LoadFirst(const float* p, const Mask& m) {
  Vec v{};
  for (int i = 0; i < 16 && m[i]; ++i) v[i] = p[i];
  return v;
}
SKEP_INLINE void StoreFirst(float* p, const Vec& v, const Mask& m) {
  for (int i = 0; i < 16 && m[i]; ++i) p[i] = v[i];
}
SKEP_INLINE Vec Add(const Vec& a, const Vec& b) { return a + b; }
SKEP_INLINE Vec Sub(const Vec& a, const Vec& b) { return a - b; }
SKEP_INLINE Vec Mul(const Vec& a, const Vec& b) { return a * b; }
SKEP_INLINE Vec Div(const Vec& a, const Vec& b) { return a / b; }
SKEP_INLINE Vec MulAdd(const Vec& a, const Vec& b, const Vec& c) { return a * b + c; }
SKEP_INLINE Vec Max(const Vec& a, const Vec& b) { return a > b ? a : b; }
SKEP_INLINE Vec Min(const Vec& a, const Vec& b) { return a < b ? a : b; }
SKEP_INLINE Mask Less(const Vec& a, const Vec& b) { return a < b; }
SKEP_INLINE Vec Select(const Mask& m, const Vec& yes, const Vec& no) { return m ? yes : no; }
SKEP_INLINE Vec Abs(const Vec& a) { return Bits<Vec>(Bits<Ints>(a) & 0x7fffffff); }
SKEP_INLINE float SumLanes(const Vec& v) {
  float sum[16];
  Store(sum, v);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) sum[i] += sum[i + width];
  }
  return sum[0];
}
SKEP_INLINE float MaxLanes(const Vec& v) {
  float max = v[0];
  for (int i = 1; i < 16; ++i) max = v[i] > max ? v[i] : max;
  return max;
}
// To the nearest integer, ties to even, for |v| < 2^22: adding 1.5 * 2^23 leaves no fraction bits.
SKEP_INLINE Vec Round(const Vec& v) { return (v + 12582912.0f) - 12582912.0f; }
SKEP_INLINE Ints RoundToInt(const Vec& v) {
  return Bits<Ints>(v + 12582912.0f) - Bits<int32_t>(12582912.0f);
}
// v * 2^n for integral |n| < 252, in two steps so that the result may overflow or underflow.
SKEP_INLINE Vec Scale2(const Vec& v, const Vec& n) {
  const Ints whole = RoundToInt(n);
  const Ints half = whole >> 1;
  const Vec first = Bits<Vec>((half + 127) << 23);
  const Vec second = Bits<Vec>((whole - half + 127) << 23);
  return v * first * second;
}

SKEP_INLINE Vec LoadHalf(const uint16_t* p) {
  Vec v;
  for (int i = 0; i < 16; ++i) v[i] = HalfToFloat(p[i]);
  return v;
}
SKEP_INLINE void StoreHalf(uint16_t* p, const Vec& v) {
  for (int i = 0; i < 16; ++i) p[i] = FloatToHalf(v[i]);
}
SKEP_INLINE Vec LoadBfloat(const uint16_t* p) {
  Ints v;
  for (int i = 0; i < 16; ++i) v[i] = static_cast<int32_t>(static_cast<uint32_t>(p[i]) << 16);
  return Bits<Vec>(v);
}
// Sixteen pairs of bfloat16: the first of each pair, and the second.
SKEP_INLINE void SplitBfloats(const Ints& pairs, Vec& first, Vec& second) {
  first = Bits<Vec>(pairs << 16);
  second = Bits<Vec>(pairs & -65536);
}
SKEP_INLINE void StoreBfloat(uint16_t* p, const Vec& v) {
  for (int i = 0; i < 16; ++i) p[i] = FloatToBfloat16(v[i]);
}
// sum[i] + weights[2i] * pair[0] + weights[2i + 1] * pair[1] of bfloat16 numbers.
SKEP_INLINE Vec PairDotAdd(const Vec& sum, const Ints& weights, const Ints& pair) {
  Vec w[2], x[2];
  SplitBfloats(weights, w[0], w[1]);
  SplitBfloats(pair, x[0], x[1]);
  return MulAdd(w[1], x[1], MulAdd(w[0], x[0], sum));
}
SKEP_INLINE Vec LoadU8(const uint8_t* p) {
  Vec v;
  for (int i = 0; i < 16; ++i) v[i] = p[i];
  return v;
}
SKEP_INLINE Vec LoadI8(const uint8_t* p) {
  Vec v;
  for (int i = 0; i < 16; ++i) v[i] = static_cast<int8_t>(p[i]);
  return v;
}

// The nibbles of sixteen bytes as floats.
struct Nibbles {
  Vec low;
  Vec high;
};
SKEP_INLINE Nibbles LoadNibbles(const uint8_t* p) {
  Nibbles n;
  for (int i = 0; i < 16; ++i) {
    n.low[i] = static_cast<float>(p[i] & 15);
    n.high[i] = static_cast<float>(p[i] >> 4);
  }
  return n;
}
// Sixteen unsigned E4M3 numbers below NaN, halved, as floats: the bits of a half 2^7 too small.
SKEP_INLINE Vec LoadHalfE4M3(const uint8_t* p) {
  Vec v;
  for (int i = 0; i < 16; ++i) v[i] = HalfToFloat(static_cast<uint16_t>(p[i] << 7));
  return v * 128.0f;
}

SKEP_INLINE Ints LoadBytes(const uint8_t* p) {
  Ints v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
SKEP_INLINE void StoreBytes(uint8_t* p, const Ints& v) { std::memcpy(p, &v, sizeof(v)); }
SKEP_INLINE Ints SetInt(int32_t x) { return x - Ints{}; }
SKEP_INLINE Ints SetByte(int x) { return SetInt(static_cast<int32_t>(0x01010101u * x)); }
SKEP_INLINE Ints And(const Ints& a, const Ints& b) { return a & b; }
SKEP_INLINE Ints Or(const Ints& a, const Ints& b) { return a | b; }
SKEP_INLINE Ints OrMasked(const Ints& a, const Ints& b, const Ints& mask) { return a | (b & mask); }
// Byte i is table[index[i]]; indices are below 16.
SKEP_INLINE Ints Lookup16(const uint8_t (&table)[16], const Ints& index) {
  uint8_t bytes[64];
  std::memcpy(bytes, &index, sizeof(bytes));
  for (uint8_t& byte : bytes) byte = table[byte];
  return Bits<Ints>(bytes);
}
typedef uint16_t Words __attribute__((vector_size(64)));
template <int kBits>
SKEP_INLINE Ints ShiftRight16(const Ints& a) {
  return Bits<Ints>(Bits<Words>(a) >> kBits);
}
template <int kBits>
SKEP_INLINE Ints ShiftLeft16(const Ints& a) {
  return Bits<Ints>(Bits<Words>(a) << kBits);
}
SKEP_INLINE Ints AddInts(const Ints& a, const Ints& b) { return a + b; }
// Four activations in every lane.
SKEP_INLINE Ints LoadFour(const int8_t* activations) {
  int32_t four;
  std::memcpy(&four, activations, sizeof(four));
  return SetInt(four);
}
// sum[i] + weights[4i..4i+3] (unsigned) . activations[0..3] (signed): bytes are taken out of their
// 32-bit lanes by shifts.
template <bool kSmallBytes>
SKEP_INLINE Ints DotAddFour(const Ints& sum, const Ints& weights, const Ints& four) {
  Ints result = sum;
  for (int shift = 0; shift < 32; shift += 8) {
    result += (weights >> shift & 255) * (four << (24 - shift) >> 24);
  }
  return result;
}
template <bool kSmallBytes>
SKEP_INLINE Ints DotAdd(const Ints& sum, const Ints& weights, const int8_t* activations) {
  return DotAddFour<kSmallBytes>(sum, weights, LoadFour(activations));
}
// What the AVX-512 form of ScaleSum wants beside a scale: nothing here.
SKEP_INLINE Vec ScaleShift(const Vec& scale) { return scale; }
// sum * scale, rounded once, of a biased sum.
SKEP_INLINE Vec ScaleSum(const Ints& biased, const Vec& scale, const Vec&) {
  return __builtin_convertvector(biased - kSumBias, Vec) * scale;
}

// The largest bits of |low|, |high|, as integers.
SKEP_INLINE int32_t MaxMagnitudeBits(const Vec& low, const Vec& high) {
  const Ints a = Bits<Ints>(low) & 0x7fffffff;
  const Ints b = Bits<Ints>(high) & 0x7fffffff;
  int32_t max = 0;
  for (int i = 0; i < 16; ++i) {
    const int32_t larger = a[i] > b[i] ? a[i] : b[i];
    max = larger > max ? larger : max;
  }
  return max;
}
// Rounds 32 floats to int8 (values are within [-127, 127]); the sums of each half's results.
SKEP_INLINE void StoreRounded(int8_t* p, const Vec& low, const Vec& high, int32_t& sum_low,
                              int32_t& sum_high) {
  const Ints a = RoundToInt(low);
  const Ints b = RoundToInt(high);
  sum_low = 0;
  sum_high = 0;
  for (int i = 0; i < 16; ++i) {
    p[i] = static_cast<int8_t>(a[i]);
    p[16 + i] = static_cast<int8_t>(b[i]);
    sum_low += a[i];
    sum_high += b[i];
  }
}
SKEP_INLINE void Prefetch(const void* p) { __builtin_prefetch(p); }
SKEP_INLINE void PrefetchFar(const void* p) { __builtin_prefetch(p, /*write=*/0, /*locality=*/2); }

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_SIMD_GENERIC_H_
