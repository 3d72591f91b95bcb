// How each packed format becomes dot-product operands, scales and minimums. Included once per
// instruction set, after its simd header.
//
// A reader of a 32-block yields for v = 0..3 the vectors of inputs 4v.. ("low") and 16 + 4v..
// ("high") as unsigned bytes, a scale a row (two where 16 inputs share one) and a minimum a row:
//   w = scale * (byte - offset) + minimum, the offset undone by where the sum starts (kStart*).
#ifndef SKEP_MODELS_OPS_CPU_WEIGHT_READERS_H_
#define SKEP_MODELS_OPS_CPU_WEIGHT_READERS_H_

#include "models/ops/cpu/packed_matrix.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// Packed weights come from memory as one forward stream, fetched this far ahead: past a panel's
// quants into its scales and the next panel.
inline constexpr int64_t kPrefetchBytes = 6144;

template <class Reader>
SKEP_INLINE void PrefetchBlock(const PanelView& panel, int64_t block) {
  const uint8_t* ahead = panel.quants + block * Reader::kStride + kPrefetchBytes;
#pragma GCC unroll 8
  for (int64_t i = 0; i < Reader::kStride; i += 64) Prefetch(ahead + i);
}

struct Pair {
  Ints low;
  Ints high;
};

SKEP_INLINE Pair SplitNibbles(const uint8_t* p) {
  const Ints raw = LoadBytes(p);
  const Ints mask = SetByte(15);
  return {And(raw, mask), And(ShiftRight16<4>(raw), mask)};
}

// The high parts of steps s = v and v + 4 of a nibble vector.
template <int v>
SKEP_INLINE Pair AddFifthBit(Pair nibbles, const uint8_t* p) {
  const Ints bits = LoadBytes(p);
  const Ints mask = SetByte(16);
  return {Or(nibbles.low, And(ShiftLeft16<4 - v>(bits), mask)),
          Or(nibbles.high, And(ShiftRight16<v>(bits), mask))};
}

template <int v>
SKEP_INLINE Ints TwoBits(const uint8_t* p) {
  const Ints bits = LoadBytes(p);
  const Ints mask = SetByte(0x30);
  if constexpr (v <= 2) {
    return And(ShiftLeft16<4 - 2 * v>(bits), mask);
  } else {
    return And(ShiftRight16<2>(bits), mask);
  }
}

template <int kBits, int kQuantBytes>
struct CodeReader {
  // Tiles of rows that make up for decoding a panel and reading it back (measured).
  static constexpr int64_t kDecodeTiles = kBits == 8 ? 1000 : kBits == 4 ? 6 : kBits == 5 ? 4 : 3;
  static constexpr int64_t kStride = kQuantBytes;  // from block to block
  static constexpr bool kFromMemory = true;
  template <int v>
  static SKEP_INLINE Pair Codes(const PanelView& panel, int64_t block) {
    const uint8_t* q = panel.quants + block * kQuantBytes;
    if constexpr (kBits == 8) {
      return {LoadBytes(q + v * 64), LoadBytes(q + 256 + v * 64)};
    } else {
      Pair pair = SplitNibbles(q + v * 64);
      if constexpr (kBits == 5) pair = AddFifthBit<v>(pair, q + 256);
      if constexpr (kBits == 6) {
        pair.low = Or(pair.low, TwoBits<v>(q + 256));
        pair.high = Or(pair.high, TwoBits<v>(q + 320));
      }
      return pair;
    }
  }
};

// What a reader says of its format.
template <Start kStartAt, bool kMin, bool kTwoScales>
struct Traits {
  static constexpr Start kStart = kStartAt;
  static constexpr Start kStartHigh = kTwoScales ? kStart32High : kStartAt;
  static constexpr bool kHasMin = kMin;
  static constexpr bool kHalves = kTwoScales;  // a scale for inputs 0..15, another for 16..31
};

template <int kBits, int kQuantBytes, Start kStartAt>
struct ScaleReader : CodeReader<kBits, kQuantBytes>, Traits<kStartAt, false, false> {
  static SKEP_INLINE void Scales(const PanelView& panel, int64_t block, Vec& scale, Vec&) {
    scale = LoadHalf(reinterpret_cast<const uint16_t*>(panel.scales + block * 32));
  }
};

template <int kBits, int kQuantBytes>
struct ScaleMinReader : CodeReader<kBits, kQuantBytes>, Traits<kStart0, true, false> {
  static SKEP_INLINE void Scales(const PanelView& panel, int64_t block, Vec& scale, Vec& second) {
    scale = LoadHalf(reinterpret_cast<const uint16_t*>(panel.scales + block * 64));
    second = LoadHalf(reinterpret_cast<const uint16_t*>(panel.scales + block * 64 + 32));
  }
};

template <int kBits, int kQuantBytes>
struct KReader : CodeReader<kBits, kQuantBytes>, Traits<kStart0, true, false> {
  static SKEP_INLINE void Scales(const PanelView& panel, int64_t block, Vec& scale, Vec& second) {
    const auto* super = reinterpret_cast<const uint16_t*>(panel.supers + block / 8 * 64);
    scale = Mul(LoadHalf(super), LoadU8(panel.scales + block * 32));
    const Vec min = Mul(LoadHalf(super + 16), LoadU8(panel.scales + block * 32 + 16));
    second = Sub(Zero(), min);
  }
};

struct Q6KReader : CodeReader<6, 384>, Traits<kStart32Low, false, true> {
  static SKEP_INLINE void Scales(const PanelView& panel, int64_t block, Vec& scale, Vec& second) {
    const Vec d = LoadHalf(reinterpret_cast<const uint16_t*>(panel.supers + block / 8 * 32));
    scale = Mul(d, LoadI8(panel.scales + block * 32));
    second = Mul(d, LoadI8(panel.scales + block * 32 + 16));
  }
};

using Q40Reader = ScaleReader<4, 256, kStart8>;
using Q41Reader = ScaleMinReader<4, 256>;
using Q50Reader = ScaleReader<5, 320, kStart16>;
using Q51Reader = ScaleMinReader<5, 320>;
using Q80Reader = ScaleReader<8, 512, kStart128>;
using Q4KReader = KReader<4, 256>;
using Q5KReader = KReader<5, 320>;

// A panel decoded once for many activation rows: 8 vectors of bytes, a scale and a second scale or
// minimum, as floats, a block.
inline constexpr int64_t kDecodedBlockBytes = 512 + 64 + 64;

template <Start kStartAt, bool kMin, bool kTwoScales>
struct DecodedReader : Traits<kStartAt, kMin, kTwoScales> {
  static constexpr bool kFromMemory = false;  // just written
  template <int v>
  static SKEP_INLINE Pair Codes(const PanelView& panel, int64_t block) {
    const uint8_t* q = panel.quants + block * kDecodedBlockBytes;
    return {LoadBytes(q + v * 64), LoadBytes(q + 256 + v * 64)};
  }
  static SKEP_INLINE void Scales(const PanelView& panel, int64_t block, Vec& scale, Vec& second) {
    const uint8_t* q = panel.quants + block * kDecodedBlockBytes;
    scale = Load(reinterpret_cast<const float*>(q + 512));
    if constexpr (kMin || kTwoScales) {
      second = Load(reinterpret_cast<const float*>(q + 576));
    }
  }
};

template <class Reader>
using DecodedFor = DecodedReader<Reader::kStart, Reader::kHasMin, Reader::kHalves>;

template <class Reader>
inline void DecodePanel(const PanelView& panel, int64_t blocks, uint8_t* out) {
  for (int64_t b = 0; b < blocks; ++b, out += kDecodedBlockBytes) {
    PrefetchBlock<Reader>(panel, b);
    const auto put = [&](int v, Pair pair) SKEP_LAMBDA_INLINE {
      StoreBytes(out + v * 64, pair.low);
      StoreBytes(out + 256 + v * 64, pair.high);
    };
    put(0, Reader::template Codes<0>(panel, b));
    put(1, Reader::template Codes<1>(panel, b));
    put(2, Reader::template Codes<2>(panel, b));
    put(3, Reader::template Codes<3>(panel, b));
    Vec scale = Zero();
    Vec second = Zero();
    Reader::Scales(panel, b, scale, second);
    Store(reinterpret_cast<float*>(out + 512), scale);
    Store(reinterpret_cast<float*>(out + 576), second);
  }
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_WEIGHT_READERS_H_
