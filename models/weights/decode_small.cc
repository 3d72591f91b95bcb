// Ternary digits, FP4, and plain one- and two-bit codes.

#include "models/weights/block_decoders.h"

namespace skep::models {
namespace {

// Writes digit m of `count` bytes to out[count * m ..], m = 0 .. digits-1. A byte holds base-3
// digits as a fraction of 256, the first digit on top.
void DecodeBase3(const uint8_t* bytes, int count, int digits, float d, float* out) {
  unsigned power = 1;
  for (int m = 0; m < digits; ++m, power *= 3) {
    for (int i = 0; i < count; ++i) {
      const unsigned rest = (bytes[i] * power) & 255;
      const int digit = static_cast<int>((rest * 3) >> 8);
      out[count * m + i] = d * static_cast<float>(digit - 1);
    }
  }
}

}  // namespace

// {u8 qs[48]; u8 qh[4]; f16 d}
void DecodeTQ1_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block + 52);
  DecodeBase3(block, /*count=*/32, /*digits=*/5, d, out);
  DecodeBase3(block + 32, /*count=*/16, /*digits=*/5, d, out + 160);
  DecodeBase3(block + 48, /*count=*/4, /*digits=*/4, d, out + 240);
}

// {u8 qs[64]; f16 d}: element 128h + 32m + i is bits 2m of qs[32h + i].
void DecodeTQ2_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block + 64);
  for (int run = 0; run < 8; ++run) {
    const uint8_t* qs = block + 32 * (run / 4);
    const int shift = 2 * (run % 4);
    for (int i = 0; i < 32; ++i) {
      out[32 * run + i] = d * static_cast<float>(((qs[i] >> shift) & 3) - 1);
    }
  }
}

// {u8 e; u8 qs[16]}: OCP MXFP4, with the nibbles in the order of Q4_0.
void DecodeMXFP4(const uint8_t* block, float* out) {
  const float d = HalfE8M0ToFloat(block[0]);
  const uint8_t* qs = block + 1;
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(kDoubledE2M1[qs[i] & 15]);
    out[i + 16] = d * static_cast<float>(kDoubledE2M1[qs[i] >> 4]);
  }
}

// {u8 d[4]; u8 qs[32]}: sub-blocks of 16 with unsigned E4M3 scales. The scale of the whole tensor
// is a tensor of its own.
void DecodeNVFP4(const uint8_t* block, float* out) {
  for (int s = 0; s < 4; ++s) {
    const float d = HalfUnsignedE4M3ToFloat(block[s]);
    const uint8_t* qs = block + 4 + 8 * s;
    for (int i = 0; i < 8; ++i) {
      out[16 * s + i] = d * static_cast<float>(kDoubledE2M1[qs[i] & 15]);
      out[16 * s + i + 8] = d * static_cast<float>(kDoubledE2M1[qs[i] >> 4]);
    }
  }
}

// {f16 d; u8 qs[16]}: a set bit is d, a clear one -d.
void DecodeQ1_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int i = 0; i < 128; ++i) out[i] = (block[2 + i / 8] >> (i % 8)) & 1 ? d : -d;
}

// {f16 d; u8 qs[16]}: two bits, -d to 2d.
void DecodeQ2_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int i = 0; i < 64; ++i) {
    out[i] = d * static_cast<float>(((block[2 + i / 4] >> (2 * (i % 4))) & 3) - 1);
  }
}

}  // namespace skep::models
