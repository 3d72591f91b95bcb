// How packed codes become dot-product operands: planes of bits, and tables of values. Included once
// per instruction set, after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_WEIGHT_CODES_H_
#define SKEP_MODELS_OPS_CPU_WEIGHT_CODES_H_

#include <algorithm>

#include "models/ops/cpu/block_codec.h"
#include "models/ops/cpu/code_tables.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// Brings bit kFrom of every byte to bit kTo; bits of the neighbours come along.
template <int kFrom, int kTo>
SKEP_INLINE Ints MoveBits(Ints bytes) {
  if constexpr (kTo > kFrom) {
    return ShiftLeft16<kTo - kFrom>(bytes);
  } else if constexpr (kTo < kFrom) {
    return ShiftRight16<kFrom - kTo>(bytes);
  } else {
    return bytes;
  }
}

// The field of step `s` in a plane of kBits, its lowest bit moved to bit kAt; and what of it
// counts.
template <int kBits, int kAt, int s>
SKEP_INLINE Ints Field(const uint8_t* plane) {
  return MoveBits<s / kBits * kBits, kAt>(LoadBytes(plane + s % kBits * 64));
}
template <int kBits, int kAt>
SKEP_INLINE Ints FieldMask() {
  return SetByte(((1 << kBits) - 1) << kAt);
}

// Codes as numbers, times 2^kAt.
template <int kBits, int kAt = 0>
struct NumberCodes {
  static constexpr int kLargest = ((1 << kBits) - 1) << kAt;
  static constexpr int64_t kStride = 64 * kBits;  // from block to block
  template <int s>
  static SKEP_INLINE Ints Step(const uint8_t* q) {
    if constexpr (kBits == 8) {
      return LoadBytes(q + s * 64);
    } else {
      constexpr int kBase = BasePlaneBits(kBits);
      constexpr int kTop = kBits - kBase;
      const Ints base = And(Field<kBase, kAt, s>(q), FieldMask<kBase, kAt>());
      if constexpr (kTop == 0) {
        return base;
      } else {
        return OrMasked(base, Field<kTop, kAt + kBase, s>(q + 64 * kBase),
                        FieldMask<kTop, kAt + kBase>());
      }
    }
  }
};

// Codes as places in a table.
template <int kBits, const CodeTable& kTable>
struct TableCodes {
  static constexpr int kLargest = *std::max_element(kTable.bytes, kTable.bytes + 16);
  static constexpr int64_t kStride = 64 * kBits;
  template <int s>
  static SKEP_INLINE Ints Step(const uint8_t* q) {
    return Lookup16(kTable.bytes, NumberCodes<kBits>::template Step<s>(q));
  }
};

inline constexpr CodeTable kIq4Table = TableOf(kIq4Codes, 128);
inline constexpr CodeTable kMxFp4Table = TableOf(kFp4Codes, 16);
inline constexpr CodeTable kNvFp4Table = TableOf(kFp4Codes, 32);
inline constexpr CodeTable kIq3XxsTable = TableOf(kIq3XxsCodes, 128);
inline constexpr CodeTable kIq3STable = TableOf(kIq3SCodes, 128);
inline constexpr CodeTable kIq2Table = TableOf(kIq2Codes, 128);
inline constexpr CodeTable kIq2HalvesTable = TableOf(kIq2Codes, 64);
inline constexpr CodeTable kIq1Table = TableOf(kIq1Codes, 16);
inline constexpr CodeTable kIq1HalvesTable = TableOf(kIq1Codes, 32);

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_WEIGHT_CODES_H_
