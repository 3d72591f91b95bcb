// The IQ types: groups of 4 or 8 elements are entries of a codebook (iq_grids.h).

#include "models/weights/block_decoders.h"
#include "models/weights/iq_grids.h"

namespace skep::models {
namespace {

// A codebook entry of magnitudes; bit k of `signs` makes element k negative.
template <size_t kValues>
void WriteSigned(float scale, const std::array<int8_t, kValues>& grid, unsigned signs, float* out) {
  for (size_t k = 0; k < kValues; ++k) {
    const float value = scale * static_cast<float>(grid[k]);
    out[k] = (signs >> k) & 1 ? -value : value;
  }
}

// A codebook entry of -1, 0 and 1, shifted by `delta`.
void WriteShifted(float scale, const std::array<int8_t, 8>& grid, float delta, float* out) {
  for (size_t k = 0; k < 8; ++k) out[k] = scale * (static_cast<float>(grid[k]) + delta);
}

// The scale of a sub-block from its 4-bit code.
float HalfStep(float d, unsigned code, float unit) {
  return d * (0.5f + static_cast<float>(code)) * unit;
}

constexpr float kDelta = 0.125f;  // of IQ1_S and IQ1_M

}  // namespace

// {f16 d; {u8 index[4]; u32 signs_and_scale}[8]}: four 7-bit sign codes, then a 4-bit scale.
void DecodeIQ2_XXS(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int group = 0; group < 8; ++group) {
    const uint8_t* index = block + 2 + 8 * group;
    const uint32_t packed = LoadU32(index + 4);
    const float scale = HalfStep(d, packed >> 28, 0.25f);
    for (int i = 0; i < 4; ++i) {
      const unsigned signs = EvenSigns((packed >> (7 * i)) & 127);
      WriteSigned(scale, kIq2XxsGrid[index[i]], signs, out + 32 * group + 8 * i);
    }
  }
}

// {f16 d; u16 qs[32]; u8 scales[8]}: 9 bits of index and 7 of signs; a scale nibble per 16
// elements.
void DecodeIQ2_XS(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const uint8_t* scales = block + 66;
  for (int i = 0; i < 32; ++i) {
    const unsigned q = LoadU16(block + 2 + 2 * i);
    const unsigned code = (scales[i / 4] >> (4 * (i / 2 % 2))) & 15;
    WriteSigned(HalfStep(d, code, 0.25f), kIq2XsGrid[q & 511], EvenSigns(q >> 9), out + 8 * i);
  }
}

// {f16 d; u8 qs[32]; u8 signs[32]; u8 qh[8]; u8 scales[8]}: 10-bit indices, all signs explicit.
void DecodeIQ2_S(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const uint8_t* qs = block + 2;
  const uint8_t* signs = block + 34;
  const uint8_t* qh = block + 66;
  const uint8_t* scales = block + 74;
  for (int i = 0; i < 32; ++i) {
    const unsigned index = qs[i] | ((qh[i / 4] >> (2 * (i % 4))) & 3u) << 8;
    const unsigned code = (scales[i / 4] >> (4 * (i / 2 % 2))) & 15;
    WriteSigned(HalfStep(d, code, 0.25f), kIq2SGrid[index], signs[i], out + 8 * i);
  }
}

// {f16 d; u8 qs[64]; u32 signs_and_scale[8]}: as IQ2_XXS, with entries of 4.
void DecodeIQ3_XXS(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int group = 0; group < 8; ++group) {
    const uint8_t* index = block + 2 + 8 * group;
    const uint32_t packed = LoadU32(block + 66 + 4 * group);
    const float scale = HalfStep(d, packed >> 28, 0.5f);
    for (int i = 0; i < 8; ++i) {
      const unsigned signs = EvenSigns((packed >> (7 * (i / 2))) & 127) >> (4 * (i % 2));
      WriteSigned(scale, kIq3XxsGrid[index[i]], signs, out + 32 * group + 4 * i);
    }
  }
}

// {f16 d; u8 qs[64]; u8 qh[8]; u8 signs[32]; u8 scales[4]}: 9-bit indices, a scale nibble per 32.
void DecodeIQ3_S(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const uint8_t* qs = block + 2;
  const uint8_t* qh = block + 66;
  const uint8_t* signs = block + 74;
  const uint8_t* scales = block + 106;
  for (int i = 0; i < 64; ++i) {
    const unsigned index = qs[i] | ((qh[i / 8] >> (i % 8)) & 1u) << 8;
    const unsigned code = (scales[i / 16] >> (4 * (i / 8 % 2))) & 15;
    const float scale = d * static_cast<float>(1 + 2 * code);
    WriteSigned(scale, kIq3SGrid[index], signs[i / 2] >> (4 * (i % 2)), out + 4 * i);
  }
}

// {f16 d; u8 qs[32]; u16 qh[8]}: per 32 elements four 3-bit index tops, a 3-bit scale, delta's
// sign.
void DecodeIQ1_S(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int group = 0; group < 8; ++group) {
    const uint8_t* qs = block + 2 + 4 * group;
    const unsigned qh = LoadU16(block + 34 + 2 * group);
    const float scale = d * static_cast<float>(2 * ((qh >> 12) & 7) + 1);
    const float delta = qh & 0x8000 ? -kDelta : kDelta;
    for (int i = 0; i < 4; ++i) {
      const unsigned index = qs[i] | ((qh >> (3 * i)) & 7) << 8;
      WriteShifted(scale, kIq1SGrid[index], delta, out + 32 * group + 8 * i);
    }
  }
}

// {u8 qs[32]; u8 qh[16]; u16 scales[4]}: the top nibbles of the scales make up the f16 d; below
// them lie four 3-bit scales each. A nibble of qh has 3 bits of index and delta's sign.
void DecodeIQ1_M(const uint8_t* block, float* out) {
  const uint8_t* scales = block + 48;
  unsigned half = 0;
  for (int i = 0; i < 4; ++i)
    half |= static_cast<unsigned>(LoadU16(scales + 2 * i) >> 12) << (4 * i);
  const float d = HalfToFloat(static_cast<uint16_t>(half));
  for (int i = 0; i < 32; ++i) {
    const unsigned nibble = (block[32 + i / 2] >> (4 * (i % 2))) & 15u;
    const unsigned index = block[i] | (nibble & 7) << 8;
    const unsigned code = (LoadU16(scales + 2 * (i / 8)) >> (3 * (i / 2 % 4))) & 7u;
    const float scale = d * static_cast<float>(2 * code + 1);
    WriteShifted(scale, kIq1SGrid[index], nibble & 8 ? -kDelta : kDelta, out + 8 * i);
  }
}

// {f16 d; u8 qs[16]}: the nibbles of Q4_0 through a table.
void DecodeIQ4_NL(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const uint8_t* qs = block + 2;
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(kIq4Values[qs[i] & 15]);
    out[i + 16] = d * static_cast<float>(kIq4Values[qs[i] >> 4]);
  }
}

// {f16 d; u16 scales_h; u8 scales_l[4]; u8 qs[128]}: sub-blocks of 32 as IQ4_NL, with 6-bit scales.
void DecodeIQ4_XS(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const unsigned scales_h = LoadU16(block + 2);
  for (int s = 0; s < 8; ++s) {
    const int low = (block[4 + s / 2] >> (4 * (s % 2))) & 15;
    const int high = static_cast<int>((scales_h >> (2 * s)) & 3);
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    const uint8_t* qs = block + 8 + 16 * s;
    for (int i = 0; i < 16; ++i) {
      out[32 * s + i] = scale * static_cast<float>(kIq4Values[qs[i] & 15]);
      out[32 * s + i + 16] = scale * static_cast<float>(kIq4Values[qs[i] >> 4]);
    }
  }
}

}  // namespace skep::models
