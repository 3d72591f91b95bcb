// One decoder a block type: `block` holds the type's block_bytes, `out` its block_elements. Private
// to models/weights; DequantizeRow is the way in.
//
// The layouts are those of ggml/src/ggml-common.h. Each float32 operation is rounded on its own, in
// the order of gguf.quants (no fused multiply-add: see CMakeLists.txt).

#ifndef SKEP_MODELS_WEIGHTS_BLOCK_DECODERS_H_
#define SKEP_MODELS_WEIGHTS_BLOCK_DECODERS_H_

#include <cstdint>
#include <cstring>

#include "models/weights/float_bits.h"

namespace skep::models {

using BlockDecoder = void (*)(const uint8_t* block, float* out);

// 32 elements, one scale (decode_legacy.cc).
void DecodeQ4_0(const uint8_t* block, float* out);
void DecodeQ4_1(const uint8_t* block, float* out);
void DecodeQ5_0(const uint8_t* block, float* out);
void DecodeQ5_1(const uint8_t* block, float* out);
void DecodeQ8_0(const uint8_t* block, float* out);
void DecodeQ8_1(const uint8_t* block, float* out);

// 256 elements, scales of sub-blocks (decode_k.cc).
void DecodeQ2_K(const uint8_t* block, float* out);
void DecodeQ3_K(const uint8_t* block, float* out);
void DecodeQ4_K(const uint8_t* block, float* out);
void DecodeQ5_K(const uint8_t* block, float* out);
void DecodeQ6_K(const uint8_t* block, float* out);
void DecodeQ8_K(const uint8_t* block, float* out);

// Codebooks (decode_iq.cc).
void DecodeIQ2_XXS(const uint8_t* block, float* out);
void DecodeIQ2_XS(const uint8_t* block, float* out);
void DecodeIQ2_S(const uint8_t* block, float* out);
void DecodeIQ3_XXS(const uint8_t* block, float* out);
void DecodeIQ3_S(const uint8_t* block, float* out);
void DecodeIQ1_S(const uint8_t* block, float* out);
void DecodeIQ1_M(const uint8_t* block, float* out);
void DecodeIQ4_NL(const uint8_t* block, float* out);
void DecodeIQ4_XS(const uint8_t* block, float* out);

// One or two bits, ternary digits, FP4 (decode_small.cc).
void DecodeTQ1_0(const uint8_t* block, float* out);
void DecodeTQ2_0(const uint8_t* block, float* out);
void DecodeMXFP4(const uint8_t* block, float* out);
void DecodeNVFP4(const uint8_t* block, float* out);
void DecodeQ1_0(const uint8_t* block, float* out);
void DecodeQ2_0(const uint8_t* block, float* out);

// Unaligned little-endian fields of a block.
inline uint16_t LoadU16(const uint8_t* data) {
  uint16_t value;
  std::memcpy(&value, data, sizeof(value));
  return value;
}
inline uint32_t LoadU32(const uint8_t* data) {
  uint32_t value;
  std::memcpy(&value, data, sizeof(value));
  return value;
}
inline float LoadHalf(const uint8_t* data) { return HalfToFloat(LoadU16(data)); }

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_BLOCK_DECODERS_H_
