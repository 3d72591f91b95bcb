#include "models/ops/cpu/block_codec.h"

#include <cstring>

#include "models/ops/cpu/code_tables.h"
#include "models/ops/cpu/half.h"

namespace skep::cpu {
namespace {

constexpr FormatLayout kLayouts[kNumInt8Formats] = {
    // bits, half scales, byte scales, supers, blocks an entry
    {4, 1, 0, 0},     // Q4_0
    {4, 2, 0, 0},     // Q4_1
    {5, 1, 0, 0},     // Q5_0
    {5, 2, 0, 0},     // Q5_1
    {8, 1, 0, 0},     // Q8_0
    {2, 0, 2, 2},     // Q2_K
    {3, 0, 2, 1},     // Q3_K
    {4, 0, 2, 2},     // Q4_K
    {5, 0, 2, 2},     // Q5_K
    {6, 0, 2, 1},     // Q6_K
    {4, 1, 0, 0},     // IQ4_NL
    {4, 0, 1, 1},     // IQ4_XS
    {4, 0, 1, 0},     // MXFP4
    {4, 0, 2, 0},     // NVFP4
    {4, 0, 1, 1},     // IQ3_XXS
    {4, 0, 1, 1},     // IQ3_S
    {3, 0, 1, 1},     // IQ2_XXS
    {3, 0, 2, 1},     // IQ2_S
    {3, 0, 1, 1},     // IQ1_S
    {3, 0, 2, 1},     // IQ1_M
    {2, 1, 0, 0, 8},  // ternary
    {2, 1, 0, 0, 2},  // Q2_0
    {1, 1, 0, 0, 4},  // Q1_0
};

uint16_t Load16(const uint8_t* p) {
  uint16_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

void Store16(uint8_t* p, uint16_t value) { std::memcpy(p, &value, sizeof(value)); }

// --- planes --------------------------------------------------------------------------------------
//
// Four inputs of a row are a word: step s holds inputs 4s .. 4s + 3, one a byte. A plane of n bits
// has n vectors of 8 / n fields: step s is field s / n of vector s % n.

using Steps = uint32_t[8][16];  // [step][row]

template <int kBits>
void StorePlane(const Steps& steps, int shift, uint8_t* out) {
  constexpr uint32_t kMask = 0x01010101u * ((1u << kBits) - 1u);
  for (int v = 0; v < kBits; ++v) {
    uint32_t words[16] = {};
    for (int s = v; s < 8; s += kBits) {
      for (int r = 0; r < 16; ++r)
        words[r] |= ((steps[s][r] >> shift) & kMask) << (s / kBits * kBits);
    }
    std::memcpy(out + 64 * v, words, 64);
  }
}

void StorePlaneOf(int bits, const Steps& steps, int shift, uint8_t* out) {
  if (bits == 1) StorePlane<1>(steps, shift, out);
  if (bits == 2) StorePlane<2>(steps, shift, out);
  if (bits == 4) StorePlane<4>(steps, shift, out);
  if (bits == 8) StorePlane<8>(steps, shift, out);
}

// Adds a plane's bits to the codes of row `lane`.
void LoadPlane(int bits, int shift, const uint8_t* plane, int lane, uint8_t* codes) {
  const int mask = (1 << bits) - 1;
  for (int i = 0; i < 32; ++i) {
    const int step = i / 4;
    const int byte = plane[step % bits * 64 + lane * 4 + i % 4];
    codes[i] |= static_cast<uint8_t>(((byte >> (step / bits * bits)) & mask) << shift);
  }
}

// --- values --------------------------------------------------------------------------------------

// What codes mean: code * step - offset, or an entry of a table.
struct CodeMeaning {
  int offset = 0;
  int step = 1;
  const CodeValues* table = nullptr;

  int Value(uint8_t code) const { return table != nullptr ? (*table)[code] : code * step - offset; }
};

CodeMeaning MeaningOf(PackedFormat format) {
  switch (format) {
    case PackedFormat::kQ4_0:
      return {8};
    case PackedFormat::kQ5_0:
      return {16};
    case PackedFormat::kQ8_0:
      return {128};
    case PackedFormat::kQ3_K:
      return {4};
    case PackedFormat::kQ6_K:
      return {32};
    case PackedFormat::kTernary:
    case PackedFormat::kQ2_0:
      return {1};
    case PackedFormat::kQ1_0:
      return {1, 2};
    case PackedFormat::kIQ4_NL:
    case PackedFormat::kIQ4_XS:
      return {0, 1, &kIq4Codes};
    case PackedFormat::kMXFP4:
    case PackedFormat::kNVFP4:
      return {0, 1, &kFp4Codes};
    case PackedFormat::kIQ3_XXS:
      return {0, 1, &kIq3XxsCodes};
    case PackedFormat::kIQ3_S:
      return {0, 1, &kIq3SCodes};
    case PackedFormat::kIQ2_XXS:
    case PackedFormat::kIQ2_S:
      return {0, 1, &kIq2Codes};
    case PackedFormat::kIQ1_S:
    case PackedFormat::kIQ1_M:
      return {0, 1, &kIq1Codes};
    default:
      return {};
  }
}

// Of inputs 0..15 and 16..31.
struct Scales {
  float scale[2];
  float minimum[2] = {0.0f, 0.0f};
};

// Every product here is exact in float32: the codebooks' formulas may be multiplied out.
Scales SignedByteScales(const FormatLayout& layout, const RowBlock& block, float unit) {
  const float d = HalfToFloat(block.super[0]) * unit;
  Scales s;
  s.scale[0] = d * static_cast<int8_t>(block.scale[0]);
  s.scale[1] = layout.byte_scales == 2 ? d * static_cast<int8_t>(block.scale[1]) : s.scale[0];
  return s;
}

Scales ScalesOf(PackedFormat format, const RowBlock& block) {
  const FormatLayout& layout = LayoutOf(format);
  Scales s;
  switch (format) {
    case PackedFormat::kQ2_K:
      for (int i = 0; i < 2; ++i) {
        s.scale[i] = HalfToFloat(block.super[0]) * static_cast<float>(block.scale[i] & 15);
        s.minimum[i] = -(HalfToFloat(block.super[1]) * static_cast<float>(block.scale[i] >> 4));
      }
      return s;
    case PackedFormat::kQ4_K:
    case PackedFormat::kQ5_K:
      s.scale[0] = s.scale[1] = HalfToFloat(block.super[0]) * block.scale[0];
      s.minimum[0] = s.minimum[1] = -(HalfToFloat(block.super[1]) * block.scale[1]);
      return s;
    case PackedFormat::kQ3_K:
    case PackedFormat::kQ6_K:
    case PackedFormat::kIQ4_XS:
    case PackedFormat::kIQ3_S:
      return SignedByteScales(layout, block, 1.0f);
    case PackedFormat::kIQ3_XXS:
      return SignedByteScales(layout, block, 1.0f / 4);
    case PackedFormat::kIQ2_XXS:
    case PackedFormat::kIQ2_S:
    case PackedFormat::kIQ1_S:
    case PackedFormat::kIQ1_M:
      return SignedByteScales(layout, block, 1.0f / 8);
    case PackedFormat::kMXFP4:
      s.scale[0] = s.scale[1] = models::HalfE8M0ToFloat(block.scale[0]);
      return s;
    case PackedFormat::kNVFP4:
      for (int i = 0; i < 2; ++i) {
        s.scale[i] = HalfToFloat(static_cast<uint16_t>(block.scale[i] << 7)) * 128.0f;
      }
      return s;
    default:
      s.scale[0] = s.scale[1] = HalfToFloat(block.half[0]);
      s.minimum[0] = s.minimum[1] = HalfToFloat(block.half[1]);
      return s;
  }
}

}  // namespace

const FormatLayout& LayoutOf(PackedFormat format) { return kLayouts[static_cast<int>(format)]; }

void StorePanelBlock(PackedFormat format, const RowBlock (&rows)[16], uint8_t* quants,
                     uint8_t* scales, uint8_t* supers, int64_t block) {
  const FormatLayout& layout = LayoutOf(format);
  Steps steps;
  for (int r = 0; r < 16; ++r) {
    uint32_t words[8];
    std::memcpy(words, rows[r].codes, sizeof(words));
    for (int s = 0; s < 8; ++s) steps[s][r] = words[s];
  }
  quants += block * layout.quant_bytes();
  const int base = BasePlaneBits(layout.bits);
  StorePlaneOf(base, steps, 0, quants);
  StorePlaneOf(layout.bits - base, steps, base, quants + 64 * base);

  if (block % layout.scale_blocks == 0) {
    scales += block / layout.scale_blocks * layout.scale_bytes();
    for (int i = 0; i < layout.half_scales; ++i) {
      for (int r = 0; r < 16; ++r) Store16(scales + 32 * i + 2 * r, rows[r].half[i]);
    }
    for (int i = 0; i < layout.byte_scales; ++i) {
      for (int r = 0; r < 16; ++r) scales[16 * i + r] = rows[r].scale[i];
    }
  }
  if (block % 8 == 0) {
    supers += block / 8 * layout.super_bytes();
    for (int i = 0; i < layout.supers; ++i) {
      for (int r = 0; r < 16; ++r) Store16(supers + 32 * i + 2 * r, rows[r].super[i]);
    }
  }
}

RowBlock LoadPanelBlock(PackedFormat format, const PanelView& panel, int64_t block, int lane) {
  const FormatLayout& layout = LayoutOf(format);
  RowBlock result;
  const uint8_t* quants = panel.quants + block * layout.quant_bytes();
  const int base = BasePlaneBits(layout.bits);
  LoadPlane(base, 0, quants, lane, result.codes);
  if (layout.bits != base) {
    LoadPlane(layout.bits - base, base, quants + 64 * base, lane, result.codes);
  }
  const uint8_t* scales = panel.scales + block / layout.scale_blocks * layout.scale_bytes();
  for (int i = 0; i < layout.half_scales; ++i) result.half[i] = Load16(scales + 32 * i + 2 * lane);
  for (int i = 0; i < layout.byte_scales; ++i) result.scale[i] = scales[16 * i + lane];
  const uint8_t* supers = panel.supers + block / 8 * layout.super_bytes();
  for (int i = 0; i < layout.supers; ++i) result.super[i] = Load16(supers + 32 * i + 2 * lane);
  return result;
}

void DecodeBlock(PackedFormat format, const RowBlock& block, float* out) {
  const Scales scales = ScalesOf(format, block);
  const CodeMeaning meaning = MeaningOf(format);
  // Only formats without an offset have minimums; adding zero changes nothing but the sign of zero.
  for (int i = 0; i < 32; ++i) {
    const float value = static_cast<float>(meaning.Value(block.codes[i]));
    out[i] = scales.scale[i / 16] * value + scales.minimum[i / 16];
  }
}

}  // namespace skep::cpu
