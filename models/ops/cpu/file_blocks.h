// GGUF rows, 32 elements at a time, as codes and scales.
#ifndef SKEP_MODELS_OPS_CPU_FILE_BLOCKS_H_
#define SKEP_MODELS_OPS_CPU_FILE_BLOCKS_H_

#include <cstdint>

#include "models/ops/cpu/block_codec.h"
#include "models/weights/block_decoders.h"

namespace skep::cpu {

using models::LoadU16;
using models::LoadU32;

// Takes 32-block `block` out of a row in the file's layout. The layouts:
// models/weights/decode_*.cc.
using FileBlockReader = void (*)(const uint8_t* row, int64_t block, RowBlock* out);

// For the types of an int8 format; nullptr for others.
FileBlockReader FileBlockReaderOf(TensorType type);

// The codebook types (file_blocks_iq.cc).
void ReadIQ4_NL(const uint8_t* row, int64_t block, RowBlock* out);
void ReadIQ4_XS(const uint8_t* row, int64_t block, RowBlock* out);
void ReadIQ3_XXS(const uint8_t* row, int64_t block, RowBlock* out);
void ReadIQ3_S(const uint8_t* row, int64_t block, RowBlock* out);
void ReadIQ2_XXS(const uint8_t* row, int64_t block, RowBlock* out);
void ReadIQ2_XS(const uint8_t* row, int64_t block, RowBlock* out);
void ReadIQ2_S(const uint8_t* row, int64_t block, RowBlock* out);
void ReadIQ1_S(const uint8_t* row, int64_t block, RowBlock* out);
void ReadIQ1_M(const uint8_t* row, int64_t block, RowBlock* out);

// --- parts of several types ----------------------------------------------------------------------

// Low nibbles are elements 0 .. count-1, high ones the next `count`.
template <int kCount>
inline void ReadNibbles(const uint8_t* packed, uint8_t* codes) {
  for (int i = 0; i < kCount; ++i) {
    codes[i] = packed[i] & 15;
    codes[kCount + i] = packed[i] >> 4;
  }
}

// Bits [shift, shift + kBits) of 32 bytes, moved to bit `to`: into the codes, or added to them.
template <int kBits, bool kAdd = false>
inline void ReadFields(const uint8_t* bytes, int shift, int to, uint8_t* codes) {
  constexpr uint64_t kMask = 0x0101010101010101u * ((1u << kBits) - 1u);
  for (int i = 0; i < 32; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, bytes + i, 8);
    eight = ((eight >> shift) & kMask) << to;
    uint64_t before = 0;
    if (kAdd) std::memcpy(&before, codes + i, 8);
    eight |= before;
    std::memcpy(codes + i, &eight, 8);
  }
}

// Byte k of the result is bit k.
inline uint64_t SpreadBits(unsigned bits) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  const uint64_t chosen = (bits * kOnes) & 0x8040201008040201u;  // bit k in byte k
  return ((chosen + 0x7f * kOnes) >> 7) & kOnes;
}

// Byte k is bit k of the 8 bits; the next 8 bits go on. Or-ed into 32 codes, shifted.
inline void AddBits(uint32_t bits, int shift, uint8_t* codes) {
  for (int i = 0; i < 4; ++i) {
    uint64_t eight;
    std::memcpy(&eight, codes + 8 * i, 8);
    eight |= SpreadBits((bits >> (8 * i)) & 255) << shift;
    std::memcpy(codes + 8 * i, &eight, 8);
  }
}

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_FILE_BLOCKS_H_
