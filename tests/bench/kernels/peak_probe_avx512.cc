// The machine's int8 peak: nothing but independent dot-product instructions on registers.
#include <immintrin.h>

#include <cstdint>

// Returns the multiply-adds done by `rounds` rounds (and a value, so that they are not left out).
int64_t PeakProbe(int64_t rounds, int32_t* sink) {
  constexpr int kChains = 24;
  __m512i sums[kChains];
#pragma GCC unroll 24
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i a = _mm512_set1_epi8(static_cast<char>(*sink & 3));
  const __m512i b = _mm512_set1_epi8(static_cast<char>(*sink & 1));
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 24
    for (int i = 0; i < kChains; ++i) {
      sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
      asm volatile("" : "+v"(sums[i]));
    }
  }
  __m512i total = sums[0];
#pragma GCC unroll 24
  for (int i = 1; i < kChains; ++i) total = _mm512_add_epi32(total, sums[i]);
  *sink += _mm512_reduce_add_epi32(total);
  return rounds * kChains * 64;
}
