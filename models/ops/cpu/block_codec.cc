#include "models/ops/cpu/block_codec.h"

#include <cstring>

#include "models/ops/cpu/half.h"

namespace skep::cpu {
namespace {

constexpr FormatLayout kLayouts[] = {
    {256, 32, 0},         // Q4_0
    {256, 64, 0},         // Q4_1
    {256 + 64, 32, 0},    // Q5_0
    {256 + 64, 64, 0},    // Q5_1
    {512, 32, 0},         // Q8_0
    {256, 32, 64},        // Q4_K
    {256 + 64, 32, 64},   // Q5_K
    {256 + 128, 32, 32},  // Q6_K
    {32 * 16 * 4, 0, 0},  // F32
    {32 * 16 * 2, 0, 0},  // F16
    {32 * 16 * 2, 0, 0},  // BF16
};

uint16_t Load16(const uint8_t* p) {
  uint16_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

uint32_t Load32(const uint8_t* p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

void Store16(uint8_t* p, uint16_t value) { std::memcpy(p, &value, sizeof(value)); }

void ReadNibbles(const uint8_t* packed, uint8_t* codes) {
  for (int i = 0; i < 16; ++i) {
    codes[i] = packed[i] & 15;
    codes[16 + i] = packed[i] >> 4;
  }
}

void AddFifthBits(uint32_t bits, uint8_t* codes) {
  for (int i = 0; i < 32; ++i) codes[i] |= ((bits >> i) & 1) << 4;
}

// The 6-bit scale and minimum of sub-block `i` of a Q4_K or Q5_K block.
void ReadScaleMin(const uint8_t* packed, int i, uint8_t* scale) {
  if (i < 4) {
    scale[0] = packed[i] & 63;
    scale[1] = packed[i + 4] & 63;
  } else {
    scale[0] = (packed[i + 4] & 15) | ((packed[i - 4] >> 6) << 4);
    scale[1] = (packed[i + 4] >> 4) | ((packed[i] >> 6) << 4);
  }
}

RowBlock ReadKBlock(PackedFormat format, const uint8_t* row, int64_t block) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * (format == PackedFormat::kQ4_K ? 144 : 176);
  RowBlock result;
  result.super_d = Load16(p);
  result.super_m = Load16(p + 2);
  ReadScaleMin(p + 4, sub, result.scale);
  const bool five = format == PackedFormat::kQ5_K;
  const uint8_t* high = p + 16;
  const uint8_t* low = p + (five ? 48 : 16) + sub / 2 * 32;
  for (int i = 0; i < 32; ++i) {
    result.codes[i] = sub % 2 == 0 ? low[i] & 15 : low[i] >> 4;
    if (five) result.codes[i] |= ((high[i] >> sub) & 1) << 4;
  }
  return result;
}

RowBlock ReadQ6K(const uint8_t* row, int64_t block) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 210;
  const uint8_t* low = p + sub / 4 * 64 + sub % 2 * 32;
  const uint8_t* high = p + 128 + sub / 4 * 32;
  const int quarter = sub % 4;
  RowBlock result;
  for (int i = 0; i < 32; ++i) {
    const int nibble = quarter < 2 ? low[i] & 15 : low[i] >> 4;
    result.codes[i] = static_cast<uint8_t>(nibble | ((high[i] >> (2 * quarter)) & 3) << 4);
  }
  result.scale[0] = p[192 + 2 * sub];
  result.scale[1] = p[192 + 2 * sub + 1];
  result.super_d = Load16(p + 208);
  return result;
}

// Element index -> step (one vector of 4 inputs) and byte in it.
int StepOf(int element) { return element / 4; }

int BitsOf(PackedFormat format) {
  switch (format) {
    case PackedFormat::kQ5_0:
    case PackedFormat::kQ5_1:
    case PackedFormat::kQ5_K:
      return 5;
    case PackedFormat::kQ6_K:
      return 6;
    case PackedFormat::kQ8_0:
      return 8;
    default:
      return 4;
  }
}

void StoreCode(int bits, int element, int lane, uint8_t code, uint8_t* quants) {
  const int step = StepOf(element);
  const int at = lane * 4 + element % 4;
  if (bits == 8) {
    quants[step * 64 + at] = code;
    return;
  }
  quants[step % 4 * 64 + at] |= (code & 15) << (step < 4 ? 0 : 4);
  if (bits == 5) quants[256 + at] |= (code >> 4) << step;
  if (bits == 6) quants[256 + step / 4 * 64 + at] |= (code >> 4) << (2 * (step % 4));
}

uint8_t LoadCode(int bits, int element, int lane, const uint8_t* quants) {
  const int step = StepOf(element);
  const int at = lane * 4 + element % 4;
  if (bits == 8) return quants[step * 64 + at];
  int code = (quants[step % 4 * 64 + at] >> (step < 4 ? 0 : 4)) & 15;
  if (bits == 5) code |= ((quants[256 + at] >> step) & 1) << 4;
  if (bits == 6) code |= ((quants[256 + step / 4 * 64 + at] >> (2 * (step % 4))) & 3) << 4;
  return static_cast<uint8_t>(code);
}

}  // namespace

const FormatLayout& LayoutOf(PackedFormat format) { return kLayouts[static_cast<int>(format)]; }

RowBlock ReadFileBlock(PackedFormat format, const uint8_t* row, int64_t block) {
  RowBlock result;
  switch (format) {
    case PackedFormat::kQ4_0:
      result.d = Load16(row + block * 18);
      ReadNibbles(row + block * 18 + 2, result.codes);
      break;
    case PackedFormat::kQ4_1:
      result.d = Load16(row + block * 20);
      result.m = Load16(row + block * 20 + 2);
      ReadNibbles(row + block * 20 + 4, result.codes);
      break;
    case PackedFormat::kQ5_0:
      result.d = Load16(row + block * 22);
      ReadNibbles(row + block * 22 + 6, result.codes);
      AddFifthBits(Load32(row + block * 22 + 2), result.codes);
      break;
    case PackedFormat::kQ5_1:
      result.d = Load16(row + block * 24);
      result.m = Load16(row + block * 24 + 2);
      ReadNibbles(row + block * 24 + 8, result.codes);
      AddFifthBits(Load32(row + block * 24 + 4), result.codes);
      break;
    case PackedFormat::kQ8_0:
      result.d = Load16(row + block * 34);
      for (int i = 0; i < 32; ++i) result.codes[i] = row[block * 34 + 2 + i] ^ 0x80;
      break;
    case PackedFormat::kQ4_K:
    case PackedFormat::kQ5_K:
      return ReadKBlock(format, row, block);
    case PackedFormat::kQ6_K:
      return ReadQ6K(row, block);
    default:
      break;
  }
  return result;
}

void StorePanelBlock(PackedFormat format, const RowBlock& value, uint8_t* quants, uint8_t* scales,
                     uint8_t* supers, int64_t block, int lane) {
  const FormatLayout& layout = LayoutOf(format);
  quants += block * layout.quant_bytes;
  scales += block * layout.scale_bytes;
  supers += block / 8 * layout.super_bytes;
  const int bits = BitsOf(format);
  for (int i = 0; i < 32; ++i) StoreCode(bits, i, lane, value.codes[i], quants);
  if (layout.super_bytes == 0) {
    Store16(scales + 2 * lane, value.d);
    if (layout.scale_bytes == 64) Store16(scales + 32 + 2 * lane, value.m);
    return;
  }
  scales[lane] = value.scale[0];
  scales[16 + lane] = value.scale[1];
  Store16(supers + 2 * lane, value.super_d);
  if (layout.super_bytes == 64) Store16(supers + 32 + 2 * lane, value.super_m);
}

RowBlock LoadPanelBlock(PackedFormat format, const PanelView& panel, int64_t block, int lane) {
  const FormatLayout& layout = LayoutOf(format);
  const uint8_t* quants = panel.quants + block * layout.quant_bytes;
  const uint8_t* scales = panel.scales + block * layout.scale_bytes;
  const uint8_t* supers = panel.supers + block / 8 * layout.super_bytes;
  RowBlock result;
  const int bits = BitsOf(format);
  for (int i = 0; i < 32; ++i) result.codes[i] = LoadCode(bits, i, lane, quants);
  if (layout.super_bytes == 0) {
    result.d = Load16(scales + 2 * lane);
    if (layout.scale_bytes == 64) result.m = Load16(scales + 32 + 2 * lane);
    return result;
  }
  result.scale[0] = scales[lane];
  result.scale[1] = scales[16 + lane];
  result.super_d = Load16(supers + 2 * lane);
  if (layout.super_bytes == 64) result.super_m = Load16(supers + 32 + 2 * lane);
  return result;
}

void DecodeBlock(PackedFormat format, const RowBlock& block, float* out) {
  float scale[2];
  float minimum = 0.0f;
  int offset = 0;
  switch (format) {
    case PackedFormat::kQ4_K:
    case PackedFormat::kQ5_K:
      scale[0] = scale[1] = HalfToFloat(block.super_d) * block.scale[0];
      minimum = -(HalfToFloat(block.super_m) * block.scale[1]);
      break;
    case PackedFormat::kQ6_K:
      for (int i = 0; i < 2; ++i) {
        scale[i] = HalfToFloat(block.super_d) * static_cast<int8_t>(block.scale[i]);
      }
      offset = 32;
      break;
    default:
      scale[0] = scale[1] = HalfToFloat(block.d);
      minimum = HalfToFloat(block.m);
      if (format == PackedFormat::kQ4_0) offset = 8;
      if (format == PackedFormat::kQ5_0) offset = 16;
      if (format == PackedFormat::kQ8_0) offset = 128;
  }
  for (int i = 0; i < 32; ++i) {
    const float product = scale[i / 16] * static_cast<float>(block.codes[i] - offset);
    out[i] = offset != 0 ? product : product + minimum;
  }
}

}  // namespace skep::cpu
