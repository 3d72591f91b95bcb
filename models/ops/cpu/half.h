// Scalar conversions of the 16-bit floating-point types.
#ifndef SKEP_MODELS_OPS_CPU_HALF_H_
#define SKEP_MODELS_OPS_CPU_HALF_H_

#include <cstdint>

namespace skep::cpu {

// Files compiled for other instruction sets include this: an out-of-line copy compiled for one
// processor must not be what the linker keeps for another.
#define SKEP_HALF_INLINE inline __attribute__((always_inline))

inline constexpr float kHalfMax = 65504.0f;

SKEP_HALF_INLINE float HalfToFloat(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t magnitude = h & 0x7fffu;
  if (magnitude >= 0x7c00u) {  // infinity, NaN
    return __builtin_bit_cast(float, sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  }
  // Exponent re-biased by a multiplication, which also normalises subnormals.
  const float value = __builtin_bit_cast(float, magnitude << 13) * 0x1p112f;
  return __builtin_bit_cast(float, sign | __builtin_bit_cast(uint32_t, value));
}

// Round to nearest even; values beyond the largest half become infinity.
SKEP_HALF_INLINE uint16_t FloatToHalf(float f) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, f);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u;   // NaN
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // rounds to infinity
  if (magnitude < 0x38800000u) {                        // subnormal: let the adder round
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    return sign | static_cast<uint16_t>(__builtin_bit_cast(uint32_t, shifted) - 0x3f000000u);
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return sign | static_cast<uint16_t>((rounded - 0x38000000u) >> 13);
}

SKEP_HALF_INLINE float Bfloat16ToFloat(uint16_t b) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(b) << 16);
}

// Round to nearest even.
SKEP_HALF_INLINE uint16_t FloatToBfloat16(float f) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_HALF_H_
