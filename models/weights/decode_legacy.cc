// Blocks of 32 with one scale. The low nibbles hold elements 0..15, the high ones 16..31.

#include "models/weights/block_decoders.h"

namespace skep::models {

// {f16 d; u8 qs[16]}
void DecodeQ4_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const uint8_t* qs = block + 2;
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>((qs[i] & 15) - 8);
    out[i + 16] = d * static_cast<float>((qs[i] >> 4) - 8);
  }
}

// {f16 d; f16 m; u8 qs[16]}
void DecodeQ4_1(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const float m = LoadHalf(block + 2);
  const uint8_t* qs = block + 4;
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(qs[i] & 15) + m;
    out[i + 16] = d * static_cast<float>(qs[i] >> 4) + m;
  }
}

// {f16 d; u32 qh; u8 qs[16]}: bit e of qh is the fifth bit of element e.
void DecodeQ5_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const uint32_t qh = LoadU32(block + 2);
  const uint8_t* qs = block + 6;
  for (int i = 0; i < 16; ++i) {
    const int low = (qs[i] & 15) | static_cast<int>((qh >> i) & 1) << 4;
    const int high = (qs[i] >> 4) | static_cast<int>((qh >> (i + 16)) & 1) << 4;
    out[i] = d * static_cast<float>(low - 16);
    out[i + 16] = d * static_cast<float>(high - 16);
  }
}

// {f16 d; f16 m; u32 qh; u8 qs[16]}
void DecodeQ5_1(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const float m = LoadHalf(block + 2);
  const uint32_t qh = LoadU32(block + 4);
  const uint8_t* qs = block + 8;
  for (int i = 0; i < 16; ++i) {
    const int low = (qs[i] & 15) | static_cast<int>((qh >> i) & 1) << 4;
    const int high = (qs[i] >> 4) | static_cast<int>((qh >> (i + 16)) & 1) << 4;
    out[i] = d * static_cast<float>(low) + m;
    out[i + 16] = d * static_cast<float>(high) + m;
  }
}

namespace {

void DecodeBytes(float d, const uint8_t* qs, int count, float* out) {
  for (int i = 0; i < count; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(qs[i]));
}

}  // namespace

// {f16 d; i8 qs[32]}
void DecodeQ8_0(const uint8_t* block, float* out) {
  DecodeBytes(LoadHalf(block), block + 2, /*count=*/32, out);
}

// {f16 d; f16 s; i8 qs[32]}: s, the sum, serves dot products only.
void DecodeQ8_1(const uint8_t* block, float* out) {
  DecodeBytes(LoadHalf(block), block + 4, /*count=*/32, out);
}

}  // namespace skep::models
