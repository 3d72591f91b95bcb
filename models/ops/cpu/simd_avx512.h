// Sixteen lanes in AVX-512 registers. Included only by files compiled with those instructions.
// The same names in AVX2 registers: simd_avx2.h; in plain C++: simd_generic.h.
#ifndef SKEP_MODELS_OPS_CPU_SIMD_AVX512_H_
#define SKEP_MODELS_OPS_CPU_SIMD_AVX512_H_

#include <immintrin.h>

#include <cstdint>

#include "models/ops/cpu/activation_block.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// 32 registers: kernels hold tiles of several rows.
inline constexpr bool kWideTiles = true;
inline constexpr int kRowsAtOnce = 12;

using Vec = __m512;    // 16 floats
using Ints = __m512i;  // 16 int32, or 64 bytes
using Mask = __mmask16;

#define SKEP_INLINE inline __attribute__((always_inline))
#define SKEP_LAMBDA_INLINE __attribute__((always_inline))

SKEP_INLINE Vec Zero() { return _mm512_setzero_ps(); }
SKEP_INLINE Vec Set(float x) { return _mm512_set1_ps(x); }
SKEP_INLINE Vec Load(const float* p) { return _mm512_loadu_ps(p); }
SKEP_INLINE void Store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
SKEP_INLINE Mask FirstLanes(int64_t n) {
  return static_cast<Mask>(n >= 16 ? 0xffffu : n <= 0 ? 0u : (1u << n) - 1u);
}
SKEP_INLINE Vec LoadFirst(const float* p, Mask m) { return _mm512_maskz_loadu_ps(m, p); }
SKEP_INLINE void StoreFirst(float* p, Vec v, Mask m) { _mm512_mask_storeu_ps(p, m, v); }
SKEP_INLINE Vec Add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
SKEP_INLINE Vec Sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
SKEP_INLINE Vec Mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
SKEP_INLINE Vec Div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
SKEP_INLINE Vec MulAdd(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
SKEP_INLINE Vec Max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
SKEP_INLINE Vec Min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
SKEP_INLINE Mask Less(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
SKEP_INLINE Vec Select(Mask m, Vec yes, Vec no) { return _mm512_mask_blend_ps(m, no, yes); }
SKEP_INLINE Vec Abs(Vec a) { return _mm512_abs_ps(a); }
SKEP_INLINE float SumLanes(Vec v) { return _mm512_reduce_add_ps(v); }
SKEP_INLINE float MaxLanes(Vec v) { return _mm512_reduce_max_ps(v); }
// To the nearest integer, ties to even.
SKEP_INLINE Vec Round(Vec v) { return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT); }
// v * 2^n for integral n; overflows to infinity and underflows to zero.
SKEP_INLINE Vec Scale2(Vec v, Vec n) { return _mm512_scalef_ps(v, n); }

SKEP_INLINE Vec LoadHalf(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
SKEP_INLINE void StoreHalf(uint16_t* p, Vec v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
SKEP_INLINE Vec LoadBfloat(const uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
SKEP_INLINE void StoreBfloat(uint16_t* p, Vec v) {
  const Ints bits = _mm512_castps_si512(v);
  const Ints odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const Ints rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const Mask nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  const Ints quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
  const Ints high = _mm512_srli_epi32(_mm512_mask_blend_epi32(nan, rounded, quiet), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(high));
}
// Sixteen pairs of bfloat16: the first of each pair, and the second.
SKEP_INLINE void SplitBfloats(Ints pairs, Vec& first, Vec& second) {
  first = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
  second = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
}
// Sixteen bytes as floats.
SKEP_INLINE Vec LoadU8(const uint8_t* p) {
  return _mm512_cvtepi32_ps(
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
SKEP_INLINE Vec LoadI8(const uint8_t* p) {
  return _mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}

// The nibbles of sixteen bytes as floats.
struct Nibbles {
  Vec low;
  Vec high;
};
SKEP_INLINE Nibbles LoadNibbles(const uint8_t* p) {
  const Ints bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return {_mm512_cvtepi32_ps(_mm512_and_si512(bytes, _mm512_set1_epi32(15))),
          _mm512_cvtepi32_ps(_mm512_srli_epi32(bytes, 4))};
}
// Sixteen unsigned E4M3 numbers below NaN, halved, as floats: the bits of a half 2^7 too small.
SKEP_INLINE Vec LoadHalfE4M3(const uint8_t* p) {
  const __m256i bytes = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm512_mul_ps(_mm512_cvtph_ps(_mm256_slli_epi16(bytes, 7)), Set(128.0f));
}

SKEP_INLINE Ints LoadBytes(const uint8_t* p) { return _mm512_loadu_si512(p); }
SKEP_INLINE void StoreBytes(uint8_t* p, Ints v) { _mm512_storeu_si512(p, v); }
SKEP_INLINE Ints SetInt(int32_t x) { return _mm512_set1_epi32(x); }
SKEP_INLINE Ints SetByte(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
SKEP_INLINE Ints And(Ints a, Ints b) { return _mm512_and_si512(a, b); }
SKEP_INLINE Ints Or(Ints a, Ints b) { return _mm512_or_si512(a, b); }
// a | (b & mask)
SKEP_INLINE Ints OrMasked(Ints a, Ints b, Ints mask) {
  return _mm512_ternarylogic_epi32(a, b, mask, 0xf8);
}
// Byte i is table[index[i]]; indices are below 16.
SKEP_INLINE Ints Lookup16(const uint8_t (&table)[16], Ints index) {
  const __m128i entries = _mm_load_si128(reinterpret_cast<const __m128i*>(table));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(entries), index);
}
template <int kBits>
SKEP_INLINE Ints ShiftRight16(Ints a) {
  return _mm512_srli_epi16(a, kBits);
}
template <int kBits>
SKEP_INLINE Ints ShiftLeft16(Ints a) {
  return _mm512_slli_epi16(a, kBits);
}
SKEP_INLINE Ints AddInts(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
// sum[i] + weights[4i..4i+3] (unsigned) . activations[0..3] (signed). In assembly, because a
// broadcast from memory that is part of the instruction costs no issue slot, and compilers keep
// it in a register instead when two instructions could share it.
template <bool kSmallBytes>
SKEP_INLINE Ints DotAdd(Ints sum, Ints weights, const int8_t* activations) {
  typedef int8_t Four[4];
  asm("vpdpbusd %2%{1to16%}, %1, %0"
      : "+v"(sum)
      : "v"(weights), "m"(*reinterpret_cast<const Four*>(activations)));
  return sum;
}
// Four activations in every lane.
SKEP_INLINE Ints LoadFour(const int8_t* activations) {
  int32_t four;
  __builtin_memcpy(&four, activations, sizeof(four));
  return SetInt(four);
}
template <bool kSmallBytes>
SKEP_INLINE Ints DotAddFour(Ints sum, Ints weights, Ints four) {
  return _mm512_dpbusd_epi32(sum, weights, four);
}
// sum[i] + weights[2i] * pair[0] + weights[2i + 1] * pair[1] of bfloat16 numbers, every lane of
// `pair` holding the same two. Denormals count as zero. In assembly, because this file is compiled
// for processors without it: see HasBfloatDots.
SKEP_INLINE Vec PairDotAdd(Vec sum, Ints weights, Ints pair) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(weights), "v"(pair));
  return sum;
}
// What ScaleSum wants beside a scale.
SKEP_INLINE Vec ScaleShift(Vec scale) { return _mm512_mul_ps(scale, Set(-kSumBiasFloat)); }
// sum * scale, rounded once, of a biased sum: (bias + sum) * scale - bias * scale in one operation.
// Exact up to that rounding because scales have at most 21 significant bits (an f16 times a byte),
// so that `shift`, three quarters of a power of two times the scale, is exact too.
SKEP_INLINE Vec ScaleSum(Ints biased, Vec scale, Vec shift) {
  return _mm512_fmadd_ps(_mm512_castsi512_ps(biased), scale, shift);
}

// The largest bits of |low|, |high|, as integers.
SKEP_INLINE int32_t MaxMagnitudeBits(Vec low, Vec high) {
  const Ints sign_off = _mm512_set1_epi32(0x7fffffff);
  return _mm512_reduce_max_epi32(
      _mm512_max_epi32(_mm512_and_si512(_mm512_castps_si512(low), sign_off),
                       _mm512_and_si512(_mm512_castps_si512(high), sign_off)));
}
// Rounds 32 floats to int8 (values are within [-127, 127]); the sums of each half's results.
SKEP_INLINE void StoreRounded(int8_t* p, Vec low, Vec high, int32_t& sum_low, int32_t& sum_high) {
  const __m256i q = _mm256_set_m128i(_mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(high)),
                                     _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(low)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), q);
  // Four sums of four a half; then the four of each half.
  __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), q);
  sums = _mm256_add_epi32(sums, _mm256_shuffle_epi32(sums, 0x4e));
  sums = _mm256_add_epi32(sums, _mm256_shuffle_epi32(sums, 0xb1));
  sum_low = _mm256_cvtsi256_si32(sums);
  sum_high = _mm256_extract_epi32(sums, 4);
}
SKEP_INLINE void Prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }
// Into the second-level cache.
SKEP_INLINE void PrefetchFar(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_SIMD_AVX512_H_
