// Sixteen lanes in pairs of AVX2 registers. Included only by files compiled with those
// instructions. The same names in AVX-512 registers: simd_avx512.h; in plain C++: simd_generic.h.
#ifndef SKEP_MODELS_OPS_CPU_SIMD_AVX2_H_
#define SKEP_MODELS_OPS_CPU_SIMD_AVX2_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "models/ops/cpu/activation_block.h"
#include "models/ops/cpu/half.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// 16 registers: four rows of one panel's sums are what they hold.
inline constexpr bool kWideTiles = false;
inline constexpr int kRowsAtOnce = 4;

#define SKEP_INLINE inline __attribute__((always_inline))
#define SKEP_LAMBDA_INLINE __attribute__((always_inline))

struct Vec {  // 16 floats
  __m256 low, high;
};
struct Ints {  // 16 int32, or 64 bytes
  __m256i low, high;
};
struct Mask {  // all bits of a lane, or none
  __m256 low, high;
};

SKEP_INLINE Vec Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
SKEP_INLINE Vec Set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
SKEP_INLINE Vec Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
SKEP_INLINE void Store(float* p, Vec v) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
SKEP_INLINE Mask FirstLanes(int64_t n) {
  const int32_t count = static_cast<int32_t>(n < 0 ? 0 : n > 16 ? 16 : n);
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i low = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lanes);
  const __m256i high = _mm256_cmpgt_epi32(_mm256_set1_epi32(count - 8), lanes);
  return {_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)};
}
SKEP_INLINE Vec LoadFirst(const float* p, Mask m) {
  return {_mm256_maskload_ps(p, _mm256_castps_si256(m.low)),
          _mm256_maskload_ps(p + 8, _mm256_castps_si256(m.high))};
}
SKEP_INLINE void StoreFirst(float* p, Vec v, Mask m) {
  _mm256_maskstore_ps(p, _mm256_castps_si256(m.low), v.low);
  _mm256_maskstore_ps(p + 8, _mm256_castps_si256(m.high), v.high);
}
SKEP_INLINE Vec Add(Vec a, Vec b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
SKEP_INLINE Vec Sub(Vec a, Vec b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
SKEP_INLINE Vec Mul(Vec a, Vec b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
SKEP_INLINE Vec Div(Vec a, Vec b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
SKEP_INLINE Vec MulAdd(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
SKEP_INLINE Vec Max(Vec a, Vec b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
SKEP_INLINE Vec Min(Vec a, Vec b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
SKEP_INLINE Mask Less(Vec a, Vec b) {
  return {_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ)};
}
SKEP_INLINE Vec Select(Mask m, Vec yes, Vec no) {
  return {_mm256_blendv_ps(no.low, yes.low, m.low), _mm256_blendv_ps(no.high, yes.high, m.high)};
}
SKEP_INLINE Vec Abs(Vec a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
// Lanes are folded in halves, as the other forms do it.
SKEP_INLINE float SumLanes(Vec v) {
  const __m256 eight = _mm256_add_ps(v.low, v.high);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}
SKEP_INLINE float MaxLanes(Vec v) {
  const __m256 eight = _mm256_max_ps(v.low, v.high);
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}
// To the nearest integer, ties to even.
SKEP_INLINE Vec Round(Vec v) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(v.low, kNearest), _mm256_round_ps(v.high, kNearest)};
}

SKEP_INLINE Ints SetInt(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
SKEP_INLINE Ints AddInts(Ints a, Ints b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
SKEP_INLINE Ints ToInts(Vec v) { return {_mm256_cvtps_epi32(v.low), _mm256_cvtps_epi32(v.high)}; }
SKEP_INLINE Vec ToFloats(Ints v) { return {_mm256_cvtepi32_ps(v.low), _mm256_cvtepi32_ps(v.high)}; }
SKEP_INLINE Vec AsFloats(Ints v) {
  return {_mm256_castsi256_ps(v.low), _mm256_castsi256_ps(v.high)};
}
SKEP_INLINE Ints AsInts(Vec v) { return {_mm256_castps_si256(v.low), _mm256_castps_si256(v.high)}; }
template <int kBits>
SKEP_INLINE Ints ShiftLeft32(Ints a) {
  return {_mm256_slli_epi32(a.low, kBits), _mm256_slli_epi32(a.high, kBits)};
}
SKEP_INLINE Ints And(Ints a, Ints b) {
  return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)};
}
SKEP_INLINE Ints Or(Ints a, Ints b) {
  return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
}

// v * 2^n for integral |n| < 252, in two steps so that the result may overflow or underflow.
SKEP_INLINE Vec Scale2(Vec v, Vec n) {
  const Ints whole = ToInts(n);
  const Ints half = {_mm256_srai_epi32(whole.low, 1), _mm256_srai_epi32(whole.high, 1)};
  const Ints rest = {_mm256_sub_epi32(whole.low, half.low),
                     _mm256_sub_epi32(whole.high, half.high)};
  const Vec first = AsFloats(ShiftLeft32<23>(AddInts(half, SetInt(127))));
  const Vec second = AsFloats(ShiftLeft32<23>(AddInts(rest, SetInt(127))));
  return Mul(Mul(v, first), second);
}

SKEP_INLINE __m128i Load16(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}
SKEP_INLINE Vec LoadHalf(const uint16_t* p) {
  return {_mm256_cvtph_ps(Load16(p)), _mm256_cvtph_ps(Load16(p + 8))};
}
SKEP_INLINE void StoreHalf(uint16_t* p, Vec v) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v.low, kNearest));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(v.high, kNearest));
}
SKEP_INLINE Vec LoadBfloat(const uint16_t* p) {
  const Ints bits = {_mm256_cvtepu16_epi32(Load16(p)), _mm256_cvtepu16_epi32(Load16(p + 8))};
  return AsFloats(ShiftLeft32<16>(bits));
}
SKEP_INLINE void StoreBfloat(uint16_t* p, Vec v) {
  float values[16];
  Store(values, v);
  for (int i = 0; i < 16; ++i) p[i] = FloatToBfloat16(values[i]);
}
// Sixteen pairs of bfloat16: the first of each pair, and the second.
SKEP_INLINE void SplitBfloats(Ints pairs, Vec& first, Vec& second) {
  first = AsFloats(ShiftLeft32<16>(pairs));
  second = AsFloats(And(pairs, SetInt(-65536)));
}
// sum[i] + weights[2i] * pair[0] + weights[2i + 1] * pair[1] of bfloat16 numbers.
SKEP_INLINE Vec PairDotAdd(Vec sum, Ints weights, Ints pair) {
  Vec w[2], x[2];
  SplitBfloats(weights, w[0], w[1]);
  SplitBfloats(pair, x[0], x[1]);
  return MulAdd(w[1], x[1], MulAdd(w[0], x[0], sum));
}

// Sixteen bytes as floats.
SKEP_INLINE Vec LoadU8(const uint8_t* p) {
  const __m128i bytes = Load16(p);
  return ToFloats({_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))});
}
SKEP_INLINE Vec LoadI8(const uint8_t* p) {
  const __m128i bytes = Load16(p);
  return ToFloats({_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))});
}

// The nibbles of sixteen bytes as floats.
struct Nibbles {
  Vec low;
  Vec high;
};
SKEP_INLINE Nibbles LoadNibbles(const uint8_t* p) {
  const __m128i bytes = Load16(p);
  const Ints wide = {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
  return {ToFloats(And(wide, SetInt(15))),
          ToFloats({_mm256_srli_epi32(wide.low, 4), _mm256_srli_epi32(wide.high, 4)})};
}
// Sixteen unsigned E4M3 numbers below NaN, halved, as floats: the bits of a half 2^7 too small.
SKEP_INLINE Vec LoadHalfE4M3(const uint8_t* p) {
  const __m256i bytes = _mm256_slli_epi16(_mm256_cvtepu8_epi16(Load16(p)), 7);
  const Vec small = {_mm256_cvtph_ps(_mm256_castsi256_si128(bytes)),
                     _mm256_cvtph_ps(_mm256_extracti128_si256(bytes, 1))};
  return Mul(small, Set(128.0f));
}

SKEP_INLINE Ints LoadBytes(const uint8_t* p) {
  const auto* from = reinterpret_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
}
SKEP_INLINE void StoreBytes(uint8_t* p, Ints v) {
  auto* to = reinterpret_cast<__m256i*>(p);
  _mm256_storeu_si256(to, v.low);
  _mm256_storeu_si256(to + 1, v.high);
}
SKEP_INLINE Ints SetByte(int x) {
  const __m256i bytes = _mm256_set1_epi8(static_cast<char>(x));
  return {bytes, bytes};
}
SKEP_INLINE Ints OrMasked(Ints a, Ints b, Ints mask) { return Or(a, And(b, mask)); }
// Byte i is table[index[i]]; indices are below 16.
SKEP_INLINE Ints Lookup16(const uint8_t (&table)[16], Ints index) {
  const __m256i entries = _mm256_broadcastsi128_si256(Load16(table));
  return {_mm256_shuffle_epi8(entries, index.low), _mm256_shuffle_epi8(entries, index.high)};
}
template <int kBits>
SKEP_INLINE Ints ShiftRight16(Ints a) {
  return {_mm256_srli_epi16(a.low, kBits), _mm256_srli_epi16(a.high, kBits)};
}
template <int kBits>
SKEP_INLINE Ints ShiftLeft16(Ints a) {
  return {_mm256_slli_epi16(a.low, kBits), _mm256_slli_epi16(a.high, kBits)};
}

// Four activations in every lane.
SKEP_INLINE Ints LoadFour(const int8_t* activations) {
  int32_t four;
  std::memcpy(&four, activations, sizeof(four));
  return SetInt(four);
}
// sum[i] + weights[4i..4i+3] (unsigned) . activations[0..3] (signed, none -128). Bytes of at most
// 127 are multiplied in pairs to 16 bits, which holds two products; larger ones are widened first,
// those at even places apart from those at odd ones.
template <bool kSmallBytes>
SKEP_INLINE Ints DotAddFour(Ints sum, Ints weights, Ints four) {
  const __m256i x = four.low;
  if constexpr (kSmallBytes) {
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i low = _mm256_madd_epi16(_mm256_maddubs_epi16(weights.low, x), ones);
    const __m256i high = _mm256_madd_epi16(_mm256_maddubs_epi16(weights.high, x), ones);
    return AddInts(sum, {low, high});
  }
  const __m256i odd_x = _mm256_srai_epi16(x, 8);
  const __m256i even_x = _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8);
  const Ints even = And(weights, SetInt(0x00ff00ff));
  const Ints odd = ShiftRight16<8>(weights);
  sum = AddInts(sum, {_mm256_madd_epi16(even.low, even_x), _mm256_madd_epi16(even.high, even_x)});
  return AddInts(sum, {_mm256_madd_epi16(odd.low, odd_x), _mm256_madd_epi16(odd.high, odd_x)});
}
template <bool kSmallBytes>
SKEP_INLINE Ints DotAdd(Ints sum, Ints weights, const int8_t* activations) {
  return DotAddFour<kSmallBytes>(sum, weights, LoadFour(activations));
}
// sum * scale, rounded once, of a biased sum; see simd_avx512.h.
SKEP_INLINE Vec ScaleShift(Vec scale) { return Mul(scale, Set(-kSumBiasFloat)); }
SKEP_INLINE Vec ScaleSum(Ints biased, Vec scale, Vec shift) {
  return MulAdd(AsFloats(biased), scale, shift);
}

// The largest bits of |low|, |high|, as integers.
SKEP_INLINE int32_t MaxMagnitudeBits(Vec low, Vec high) {
  const Ints sign_off = SetInt(0x7fffffff);
  const Ints a = And(AsInts(low), sign_off), b = And(AsInts(high), sign_off);
  const __m256i eight =
      _mm256_max_epi32(_mm256_max_epi32(a.low, a.high), _mm256_max_epi32(b.low, b.high));
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}
// Rounds 32 floats to int8 (values are within [-127, 127]); the sums of each half's results.
SKEP_INLINE void StoreRounded(int8_t* p, Vec low, Vec high, int32_t& sum_low, int32_t& sum_high) {
  const Ints a = ToInts(low), b = ToInts(high);
  // Packing works in 128-bit lanes; the permutation puts fours of bytes back in order.
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i bytes =
      _mm256_packs_epi16(_mm256_packs_epi32(a.low, a.high), _mm256_packs_epi32(b.low, b.high));
  const __m256i q = _mm256_permutevar8x32_epi32(bytes, order);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), q);
  __m256i sums =
      _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), q), _mm256_set1_epi16(1));
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

#endif  // SKEP_MODELS_OPS_CPU_SIMD_AVX2_H_
