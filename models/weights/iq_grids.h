// The codebooks of the IQ block types: each entry is 8 (IQ1, IQ2) or 4 (IQ3) values, for IQ2 and
// IQ3 their magnitudes.

#ifndef SKEP_MODELS_WEIGHTS_IQ_GRIDS_H_
#define SKEP_MODELS_WEIGHTS_IQ_GRIDS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace skep::models {

// What the grids' entries are made of.
inline constexpr std::array<int8_t, 3> kIq2Magnitudes = {8, 25, 43};
inline constexpr std::array<int8_t, 8> kIq3XxsMagnitudes = {4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr std::array<int8_t, 8> kIq3SMagnitudes = {1, 3, 5, 7, 9, 11, 13, 15};
inline constexpr std::array<int8_t, 3> kIq1Digits = {-1, 0, 1};

template <size_t kEntries, size_t kValues>
using IqGrid = std::array<std::array<int8_t, kValues>, kEntries>;

extern const IqGrid<256, 8> kIq2XxsGrid;
extern const IqGrid<512, 8> kIq2XsGrid;
extern const IqGrid<1024, 8> kIq2SGrid;
extern const IqGrid<256, 4> kIq3XxsGrid;
extern const IqGrid<512, 4> kIq3SGrid;
extern const IqGrid<2048, 8> kIq1SGrid;  // IQ1_S and IQ1_M: -1, 0, 1

// The nibbles of IQ4_NL and IQ4_XS.
inline constexpr std::array<int8_t, 16> kIq4Values = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                      1,    13,   25,  38,  53,  69,  89,  113};

// The signs of 8 values (bit k: value k is negative) from 7 bits: the number of minus signs is
// even.
constexpr uint8_t EvenSigns(uint8_t seven_bits) {
  uint8_t parity = seven_bits ^ (seven_bits >> 4);
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return static_cast<uint8_t>(seven_bits | (parity & 1) << 7);
}

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_IQ_GRIDS_H_
