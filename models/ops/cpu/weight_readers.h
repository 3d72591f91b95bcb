// How each packed format becomes dot-product operands, scales and minimums. Included once per
// instruction set, after its simd header.
//
// A reader of a 32-block yields for s = 0..7 the vector of inputs 4s.. as unsigned bytes, a scale a
// row (two where inputs 0..15 and 16..31 have their own, "halves") and perhaps minimums:
//   w = scale * (byte - offset) + minimum, the offset undone by where the sum starts (kStart*).
#ifndef SKEP_MODELS_OPS_CPU_WEIGHT_READERS_H_
#define SKEP_MODELS_OPS_CPU_WEIGHT_READERS_H_

#include "models/ops/cpu/packed_matrix.h"
#include "models/ops/cpu/weight_codes.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// Packed weights come from memory as one forward stream, fetched this far ahead: past a panel's
// quants into its scales and the next panel.
inline constexpr int64_t kPrefetchBytes = 6144;
// Where a panel is fetched ahead instead (see FetchPlan), so much of the next one is, too.
inline constexpr int64_t kPrefetchMargin = 2048;

template <class Reader>
SKEP_INLINE void PrefetchBlock(const PanelView& panel, int64_t block) {
  const uint8_t* ahead = panel.quants + block * Reader::kStride + kPrefetchBytes;
#pragma GCC unroll 8
  for (int64_t i = 0; i < Reader::kStride; i += 64) Prefetch(ahead + i);
}

// What a tile fetches from memory for later, of each panel: so many bytes a block, a multiple of
// 64, from `offset` behind the panel's start on. May lie beyond the matrix: only caches notice.
struct Ahead {
  int64_t offset = 0;
  int64_t bytes_per_block = 0;
  bool near = false;  // into the first-level cache
};
SKEP_INLINE void Fetch(const uint8_t* from, const Ahead& ahead) {
  if (ahead.near) {
    for (int64_t i = 0; i < ahead.bytes_per_block; i += 64) Prefetch(from + i);
  } else {
    for (int64_t i = 0; i < ahead.bytes_per_block; i += 64) PrefetchFar(from + i);
  }
}

// --- scales --------------------------------------------------------------------------------------

// What a block needs beside its codes; a reader sets the members that its traits name. With halves,
// `scale` is that of inputs 0..15, `minimum` is that of inputs 16..31 but for all 32, and
// `minimum_low` what the first 16 have beyond it: one sum over 32 and one over 16 undo both.
struct BlockScales {
  Vec scale;
  Vec scale_high;   // kHalves
  Vec minimum;      // kHasMin
  Vec minimum_low;  // both
};

template <bool kTwoScales, bool kMinimums>
struct ScaleTraits {
  static constexpr bool kHalves = kTwoScales;
  static constexpr bool kHasMin = kMinimums;
};

// Codes that are kept times 2^kShift have scales over it. Scales stay exact: see ScaleSum.
template <int kShift>
SKEP_INLINE Vec Unshift(Vec scale) {
  if constexpr (kShift == 0) {
    return scale;
  } else {
    return Mul(scale, Set(1.0f / (1 << kShift)));
  }
}

SKEP_INLINE Vec HalfAt(const uint8_t* p) { return LoadHalf(reinterpret_cast<const uint16_t*>(p)); }

// An f16 per kBlocks blocks.
template <int kBlocks = 1, int kShift = 0>
struct HalfScale : ScaleTraits<false, false> {
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    BlockScales s;
    s.scale = Unshift<kShift>(HalfAt(panel.scales + block / kBlocks * 32));
    return s;
  }
};

struct HalfScaleMin : ScaleTraits<false, true> {
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    BlockScales s;
    s.scale = HalfAt(panel.scales + block * 64);
    s.minimum = HalfAt(panel.scales + block * 64 + 32);
    return s;
  }
};

// Q4_K, Q5_K.
struct ByteScaleMin : ScaleTraits<false, true> {
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    const uint8_t* super = panel.supers + block / 8 * 64;
    BlockScales s;
    s.scale = Mul(HalfAt(super), LoadU8(panel.scales + block * 32));
    s.minimum = Sub(Zero(), Mul(HalfAt(super + 32), LoadU8(panel.scales + block * 32 + 16)));
    return s;
  }
};

template <int kShift = 0>
struct ByteScale : ScaleTraits<false, false> {
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    const Vec d = Unshift<kShift>(HalfAt(panel.supers + block / 8 * 32));
    BlockScales s;
    s.scale = Mul(d, LoadI8(panel.scales + block * 16));
    return s;
  }
};

template <int kShift = 0>
struct HalvesByteScale : ScaleTraits<true, false> {
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    const Vec d = Unshift<kShift>(HalfAt(panel.supers + block / 8 * 32));
    BlockScales s;
    s.scale = Mul(d, LoadI8(panel.scales + block * 32));
    s.scale_high = Mul(d, LoadI8(panel.scales + block * 32 + 16));
    return s;
  }
};

// Bytes that are value + kOffset, where no start undoes the offset of a half.
template <int kShift, int kOffset>
struct HalvesByteScaleOffset : ScaleTraits<true, true> {
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    BlockScales s = HalvesByteScale<kShift>::Scales(panel, block);
    s.minimum = Mul(s.scale_high, Set(-kOffset));
    s.minimum_low = Mul(Sub(s.scale, s.scale_high), Set(-kOffset));
    return s;
  }
};

// A byte for each half: the scale in its low nibble, the minimum in its high one.
struct Q2KScale : ScaleTraits<true, true> {
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    const uint8_t* super = panel.supers + block / 8 * 64;
    const Vec d = HalfAt(super);
    const Vec dmin = HalfAt(super + 32);
    const Nibbles low = LoadNibbles(panel.scales + block * 32);
    const Nibbles high = LoadNibbles(panel.scales + block * 32 + 16);
    BlockScales s;
    s.scale = Mul(d, low.low);
    s.scale_high = Mul(d, high.low);
    s.minimum = Mul(dmin, Sub(Zero(), high.high));
    s.minimum_low = Mul(dmin, Sub(high.high, low.high));
    return s;
  }
};

// 2^(byte - 128). Beyond 2^104 a scale stays there, because its product with kSumBias must be
// finite: such weights are larger than 2^104 either way.
struct ExponentScale : ScaleTraits<false, false> {
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    const Vec exponent = Sub(LoadU8(panel.scales + block * 16), Set(128.0f));
    BlockScales s;
    s.scale = Scale2(Set(1.0f), Min(exponent, Set(104.0f)));
    return s;
  }
};

// NVFP4.
struct HalvesE4M3Scale : ScaleTraits<true, false> {
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    BlockScales s;
    s.scale = LoadHalfE4M3(panel.scales + block * 32);
    s.scale_high = LoadHalfE4M3(panel.scales + block * 32 + 16);
    return s;
  }
};

// --- readers -------------------------------------------------------------------------------------

template <class Codes, class Scale, Start kStartAt>
struct Reader : Scale {
  static constexpr bool kFromMemory = true;
  static constexpr int64_t kStride = Codes::kStride;
  static constexpr Start kStart = kStartAt;
  static constexpr bool kSmallBytes = Codes::kLargest <= 127;
  template <int s>
  static SKEP_INLINE Ints Step(const PanelView& panel, int64_t block) {
    return Codes::template Step<s>(panel.quants + block * kStride);
  }
};

using Q40Reader = Reader<NumberCodes<4>, HalfScale<>, kStart8>;
using Q41Reader = Reader<NumberCodes<4>, HalfScaleMin, kStart0>;
using Q50Reader = Reader<NumberCodes<5>, HalfScale<>, kStart16>;
using Q51Reader = Reader<NumberCodes<5>, HalfScaleMin, kStart0>;
using Q80Reader = Reader<NumberCodes<8>, HalfScale<>, kStart128>;
using Q2KReader = Reader<NumberCodes<2>, Q2KScale, kStart0>;
using Q3KReader = Reader<NumberCodes<3, 3>, HalvesByteScale<3>, kStart32Low>;
using Q4KReader = Reader<NumberCodes<4>, ByteScaleMin, kStart0>;
using Q5KReader = Reader<NumberCodes<5>, ByteScaleMin, kStart0>;
using Q6KReader = Reader<NumberCodes<6>, HalvesByteScale<>, kStart32Low>;
using Iq4NlReader = Reader<TableCodes<4, kIq4Table>, HalfScale<>, kStart128>;
using Iq4XsReader = Reader<TableCodes<4, kIq4Table>, ByteScale<>, kStart128>;
using MxFp4Reader = Reader<TableCodes<4, kMxFp4Table>, ExponentScale, kStart16>;
using NvFp4Reader = Reader<TableCodes<4, kNvFp4Table>, HalvesE4M3Scale, kStart32Low>;
using Iq3XxsReader = Reader<TableCodes<4, kIq3XxsTable>, ByteScale<2>, kStart128>;
using Iq3SReader = Reader<TableCodes<4, kIq3STable>, ByteScale<>, kStart128>;
using Iq2XxsReader = Reader<TableCodes<3, kIq2Table>, ByteScale<3>, kStart128>;
using Iq2SReader = Reader<TableCodes<3, kIq2HalvesTable>, HalvesByteScaleOffset<3, 64>, kStart0>;
using Iq1SReader = Reader<TableCodes<3, kIq1Table>, ByteScale<3>, kStart16>;
using Iq1MReader = Reader<TableCodes<3, kIq1HalvesTable>, HalvesByteScale<3>, kStart32Low>;
// Codes that stand for code - 1, kept times 8, and bits that stand for +-1, kept times 16.
using TernaryReader = Reader<NumberCodes<2, 3>, HalfScale<8, 3>, kStart8>;
using Q20Reader = Reader<NumberCodes<2, 3>, HalfScale<2, 3>, kStart8>;
using Q10Reader = Reader<NumberCodes<1, 4>, HalfScale<4, 3>, kStart8>;

// --- decoded panels ------------------------------------------------------------------------------

// A panel decoded once for many activation rows: 8 vectors of bytes and, as floats, the members of
// BlockScales that the format has.

template <Start kStartAt, bool kTwoScales, bool kMinimums, bool kSmall>
struct DecodedReader : ScaleTraits<kTwoScales, kMinimums> {
  static constexpr bool kFromMemory = false;  // just written
  static constexpr bool kSmallBytes = kSmall;
  static constexpr Start kStart = kStartAt;
  static constexpr int64_t kStride = 512 + 64 * (kTwoScales ? 2 : 1) * (kMinimums ? 2 : 1);
  template <int s>
  static SKEP_INLINE Ints Step(const PanelView& panel, int64_t block) {
    return LoadBytes(panel.quants + block * kStride + s * 64);
  }
  static SKEP_INLINE BlockScales Scales(const PanelView& panel, int64_t block) {
    const float* p = reinterpret_cast<const float*>(panel.quants + block * kStride + 512);
    BlockScales s;
    s.scale = Load(p);
    if constexpr (kTwoScales) s.scale_high = Load(p += kLanes);
    if constexpr (kMinimums) s.minimum = Load(p += kLanes);
    if constexpr (kTwoScales && kMinimums) s.minimum_low = Load(p += kLanes);
    return s;
  }
  static SKEP_INLINE void StoreScales(const BlockScales& s, uint8_t* out) {
    float* p = reinterpret_cast<float*>(out);
    Store(p, s.scale);
    if constexpr (kTwoScales) Store(p += kLanes, s.scale_high);
    if constexpr (kMinimums) Store(p += kLanes, s.minimum);
    if constexpr (kTwoScales && kMinimums) Store(p += kLanes, s.minimum_low);
  }
};

template <class R>
using DecodedFor = DecodedReader<R::kStart, R::kHalves, R::kHasMin, R::kSmallBytes>;

template <class R>
inline void DecodePanel(const PanelView& panel, int64_t blocks, uint8_t* out) {
  using Decoded = DecodedFor<R>;
  for (int64_t b = 0; b < blocks; ++b, out += Decoded::kStride) {
    PrefetchBlock<R>(panel, b);
    StoreBytes(out + 0 * 64, R::template Step<0>(panel, b));
    StoreBytes(out + 1 * 64, R::template Step<1>(panel, b));
    StoreBytes(out + 2 * 64, R::template Step<2>(panel, b));
    StoreBytes(out + 3 * 64, R::template Step<3>(panel, b));
    StoreBytes(out + 4 * 64, R::template Step<4>(panel, b));
    StoreBytes(out + 5 * 64, R::template Step<5>(panel, b));
    StoreBytes(out + 6 * 64, R::template Step<6>(panel, b));
    StoreBytes(out + 7 * 64, R::template Step<7>(panel, b));
    Decoded::StoreScales(R::Scales(panel, b), out + 512);
  }
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_WEIGHT_READERS_H_
