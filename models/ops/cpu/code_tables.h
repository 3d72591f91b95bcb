// The values that codes of the table formats stand for, and the bytes that kernels look up: value
// + offset, so that they are unsigned (the offset is undone by where a sum starts).
#ifndef SKEP_MODELS_OPS_CPU_CODE_TABLES_H_
#define SKEP_MODELS_OPS_CPU_CODE_TABLES_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "models/weights/float_bits.h"
#include "models/weights/iq_grids.h"

namespace skep::cpu {

using CodeValues = std::array<int8_t, 16>;

// Magnitude i as code i, its negative as code i + sign_bit.
template <size_t kCount>
constexpr CodeValues SignedValues(const std::array<int8_t, kCount>& magnitudes, size_t sign_bit) {
  CodeValues values{};
  for (size_t i = 0; i < kCount; ++i) {
    values[i] = magnitudes[i];
    values[i + sign_bit] = static_cast<int8_t>(-magnitudes[i]);
  }
  return values;
}

// Eight times a digit of IQ1 plus its delta: digit d as code d + 1, less 1/8, or d + 5, more 1/8.
constexpr CodeValues Iq1Values() {
  CodeValues values{};
  for (size_t i = 0; i < models::kIq1Digits.size(); ++i) {
    values[i] = static_cast<int8_t>(8 * models::kIq1Digits[i] - 1);
    values[i + 4] = static_cast<int8_t>(8 * models::kIq1Digits[i] + 1);
  }
  return values;
}

inline constexpr int kIq3SignCode = 8;
inline constexpr int kIq2SignCode = 4;
inline constexpr int kIq1DeltaCode = 4;

inline constexpr CodeValues kIq4Codes = models::kIq4Values;
inline constexpr CodeValues kFp4Codes = models::kDoubledE2M1;
inline constexpr CodeValues kIq3XxsCodes = SignedValues(models::kIq3XxsMagnitudes, kIq3SignCode);
inline constexpr CodeValues kIq3SCodes = SignedValues(models::kIq3SMagnitudes, kIq3SignCode);
inline constexpr CodeValues kIq2Codes = SignedValues(models::kIq2Magnitudes, kIq2SignCode);
inline constexpr CodeValues kIq1Codes = Iq1Values();

struct CodeTable {
  alignas(16) uint8_t bytes[16];
};

constexpr CodeTable TableOf(const CodeValues& values, int offset) {
  CodeTable table{};
  for (size_t i = 0; i < values.size(); ++i) {
    table.bytes[i] = static_cast<uint8_t>(values[i] + offset);
  }
  return table;
}

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_CODE_TABLES_H_
