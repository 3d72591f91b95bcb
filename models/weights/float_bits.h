// Small floating-point formats, decoded exactly with integer operations.

#ifndef SKEP_MODELS_WEIGHTS_FLOAT_BITS_H_
#define SKEP_MODELS_WEIGHTS_FLOAT_BITS_H_

#include <array>
#include <bit>
#include <cstdint>

namespace skep::models {

// IEEE 754 half. Branch-free, so that loops over it vectorise.
inline float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7FFF) << 13;
  // Normal numbers: rebias the exponent from 15 to 127; infinity and NaN keep all exponent bits.
  const uint32_t rebias = magnitude >= (0x7C00u << 13) ? (255u - 31u) << 23 : (127u - 15u) << 23;
  const uint32_t normal = magnitude + rebias;
  // Subnormal numbers: 2^-14 + x - 2^-14, where x is in the mantissa's place.
  const float offset = std::bit_cast<float>((127u - 14u) << 23);
  const uint32_t subnormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude + ((127u - 14u) << 23)) - offset);
  return std::bit_cast<float>(sign | (magnitude < (1u << 23) ? subnormal : normal));
}

inline float Bfloat16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

// OCP FP8 E5M2: the upper byte of a half.
inline float Float8E5M2ToFloat(uint8_t bits) {
  return HalfToFloat(static_cast<uint16_t>(bits << 8));
}

// OCP FP8 E4M3: bias 7, no infinity, NaN where all seven bits are set.
inline float Float8E4M3ToFloat(uint8_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x80) << 24;
  const uint32_t magnitude = bits & 0x7F;
  if (magnitude == 0x7F) return std::bit_cast<float>(sign | 0x7FC00000u);
  // As a half with exponent bias 15, that is 2^8 too small; the product is exact.
  const float half = HalfToFloat(static_cast<uint16_t>(magnitude << 7));
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(half * 256.0f));
}

// Twice the values of FP4 E2M1, so that they are integers.
inline constexpr std::array<int8_t, 16> kDoubledE2M1 = {0, 1,  2,  3,  4,  6,  8,  12,
                                                        0, -1, -2, -3, -4, -6, -8, -12};

// OCP E8M0, a power of two: 2^(e - 127), NaN where all bits are set.
inline float E8M0ToFloat(uint8_t e) {
  if (e == 0xFF) return std::bit_cast<float>(0x7FC00000u);
  return std::bit_cast<float>(e == 0 ? 0x00400000u : static_cast<uint32_t>(e) << 23);
}

// E8M0 scale of MXFP4, halved because the FP4 table is doubled: 2^(e - 128).
inline float HalfE8M0ToFloat(uint8_t e) {
  return std::bit_cast<float>(e < 2 ? 0x00200000u << e : static_cast<uint32_t>(e - 1) << 23);
}

// Unsigned E4M3 scale of NVFP4, halved for the same reason. 0 and 0x7F are zero; the top bit is
// ignored.
inline float HalfUnsignedE4M3ToFloat(uint8_t bits) {
  if (bits == 0x7F) return 0.0f;
  return HalfToFloat(static_cast<uint16_t>((bits & 0x7F) << 7)) * 128.0f;
}

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_FLOAT_BITS_H_
