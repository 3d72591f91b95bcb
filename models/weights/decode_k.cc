// The K types: 256 elements in sub-blocks of 16 or 32, whose small integer scales share one or two
// halves.

#include <bit>

#include "models/weights/block_decoders.h"

namespace skep::models {
namespace {

// The 6-bit scales and minima of the 8 sub-blocks of Q4_K and Q5_K, in 12 bytes.
struct ScalesAndMinima {
  uint8_t scale[8];
  uint8_t minimum[8];
};

ScalesAndMinima UnpackScales(const uint8_t* packed) {
  ScalesAndMinima result;
  for (int i = 0; i < 4; ++i) {
    result.scale[i] = packed[i] & 63;
    result.minimum[i] = packed[i + 4] & 63;
    result.scale[i + 4] = static_cast<uint8_t>((packed[i + 8] & 15) | (packed[i] >> 6) << 4);
    result.minimum[i + 4] = static_cast<uint8_t>((packed[i + 8] >> 4) | (packed[i + 4] >> 6) << 4);
  }
  return result;
}

}  // namespace

// {u8 scales[16]; u8 qs[64]; f16 d; f16 dmin}: element 128h + 32m + i is bits 2m of qs[32h + i].
void DecodeQ2_K(const uint8_t* block, float* out) {
  const uint8_t* scales = block;
  const float d = LoadHalf(block + 80);
  const float dmin = LoadHalf(block + 82);
  for (int s = 0; s < 16; ++s) {
    const uint8_t* qs = block + 16 + 32 * (s / 8) + 16 * (s % 2);
    const int shift = 2 * (s % 8 / 2);
    const float scale = d * static_cast<float>(scales[s] & 15);
    const float minimum = dmin * static_cast<float>(scales[s] >> 4);
    for (int i = 0; i < 16; ++i) {
      out[16 * s + i] = scale * static_cast<float>((qs[i] >> shift) & 3) - minimum;
    }
  }
}

// {u8 hmask[32]; u8 qs[64]; u8 scales[12]; f16 d}: codes as Q2_K; a clear bit e / 32 of hmask[e %
// 32] takes 4 off element e. Scale j has its low 4 bits in byte j % 8, its high 2 in byte 8 + j
// % 4.
void DecodeQ3_K(const uint8_t* block, float* out) {
  const uint8_t* packed = block + 96;
  const float d = LoadHalf(block + 108);
  for (int s = 0; s < 16; ++s) {
    const int low = (packed[s % 8] >> (4 * (s / 8))) & 15;
    const int high = (packed[8 + s % 4] >> (2 * (s / 4))) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    const uint8_t* hmask = block + 16 * (s % 2);
    const uint8_t* qs = block + 32 + 32 * (s / 8) + 16 * (s % 2);
    const int shift = 2 * (s % 8 / 2);
    for (int i = 0; i < 16; ++i) {
      const int code = ((qs[i] >> shift) & 3) - 4 * (1 - ((hmask[i] >> (s / 2)) & 1));
      out[16 * s + i] = scale * static_cast<float>(code);
    }
  }
}

// {f16 d; f16 dmin; u8 scales[12]; u8 qs[128]}: each 32 bytes hold sub-block 2g in their low
// nibbles and 2g + 1 in their high ones.
void DecodeQ4_K(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const float dmin = LoadHalf(block + 2);
  const ScalesAndMinima packed = UnpackScales(block + 4);
  for (int s = 0; s < 8; ++s) {
    const uint8_t* qs = block + 16 + 32 * (s / 2);
    const int shift = 4 * (s % 2);
    const float scale = d * static_cast<float>(packed.scale[s]);
    const float minimum = dmin * static_cast<float>(packed.minimum[s]);
    for (int i = 0; i < 32; ++i) {
      out[32 * s + i] = scale * static_cast<float>((qs[i] >> shift) & 15) - minimum;
    }
  }
}

// {f16 d; f16 dmin; u8 scales[12]; u8 qh[32]; u8 qs[128]}: as Q4_K; bit s of qh[i] is the fifth bit
// of element i of sub-block s.
void DecodeQ5_K(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const float dmin = LoadHalf(block + 2);
  const ScalesAndMinima packed = UnpackScales(block + 4);
  const uint8_t* qh = block + 16;
  for (int s = 0; s < 8; ++s) {
    const uint8_t* qs = block + 48 + 32 * (s / 2);
    const int shift = 4 * (s % 2);
    const float scale = d * static_cast<float>(packed.scale[s]);
    const float minimum = dmin * static_cast<float>(packed.minimum[s]);
    for (int i = 0; i < 32; ++i) {
      const int code = ((qs[i] >> shift) & 15) | ((qh[i] >> s) & 1) << 4;
      out[32 * s + i] = scale * static_cast<float>(code) - minimum;
    }
  }
}

// {u8 ql[128]; u8 qh[64]; i8 scales[16]; f16 d}: in each half of 128 elements, quarter m has its
// low nibbles in ql[32 (m % 2) ..] (high nibbles of the bytes for m >= 2) and its high bits in bits
// 2m of qh.
void DecodeQ6_K(const uint8_t* block, float* out) {
  const float d = LoadHalf(block + 208);
  for (int s = 0; s < 16; ++s) {
    const int half = s / 8;
    const int quarter = s % 8 / 2;
    const uint8_t* ql = block + 64 * half + 32 * (quarter % 2) + 16 * (s % 2);
    const uint8_t* qh = block + 128 + 32 * half + 16 * (s % 2);
    const float scale = d * static_cast<float>(static_cast<int8_t>(block[192 + s]));
    for (int i = 0; i < 16; ++i) {
      const int code = ((ql[i] >> (4 * (quarter / 2))) & 15) | ((qh[i] >> (2 * quarter)) & 3) << 4;
      out[16 * s + i] = scale * static_cast<float>(code - 32);
    }
  }
}

// {f32 d; i8 qs[256]; i16 bsums[16]}: the sums serve dot products only.
void DecodeQ8_K(const uint8_t* block, float* out) {
  const float d = std::bit_cast<float>(LoadU32(block));
  const uint8_t* qs = block + 4;
  for (int i = 0; i < 256; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(qs[i]));
}

}  // namespace skep::models
