// One 32-element stretch of a GGUF row, taken apart: codes and scales, and their places in a panel.
#ifndef SKEP_MODELS_OPS_CPU_BLOCK_CODEC_H_
#define SKEP_MODELS_OPS_CPU_BLOCK_CODEC_H_

#include <cstdint>

#include "models/ops/cpu/packed_matrix.h"

namespace skep::cpu {

// What a packed int8 format stores of a row. It has scales either as halves or as bytes.
struct FormatLayout {
  int bits;                  // a code
  int half_scales;           // f16 values ...
  int byte_scales;           // ... or bytes in an entry of scales
  int supers;                // f16 values per 256 inputs
  int64_t scale_blocks = 1;  // 32-blocks that share an entry of scales

  // Bytes of the sixteen rows of a panel.
  int64_t quant_bytes() const { return 64 * bits; }  // per 32 inputs
  int64_t scale_bytes() const { return 32 * half_scales + 16 * byte_scales; }
  int64_t super_bytes() const { return 32 * supers; }
};

const FormatLayout& LayoutOf(PackedFormat format);

// A code of n bits lies in one plane, or two when n is no power of two: its low bits in the larger.
constexpr int BasePlaneBits(int bits) {
  int base = 1;
  while (2 * base <= bits) base *= 2;
  return base;
}

// Element i is codes[i] in the unsigned form that is stored. Which scales are used depends on the
// format; see packed_matrix.h.
struct RowBlock {
  uint8_t codes[32] = {};
  uint16_t half[2] = {0, 0};   // f16
  uint8_t scale[2] = {0, 0};   // as the format reads them
  uint16_t super[2] = {0, 0};  // f16
};

// Writes all of 32-block `block` of a panel, rows[lane] in row `lane`.
void StorePanelBlock(PackedFormat format, const RowBlock (&rows)[16], uint8_t* quants,
                     uint8_t* scales, uint8_t* supers, int64_t block);
RowBlock LoadPanelBlock(PackedFormat format, const PanelView& panel, int64_t block, int lane);

// The 32 values that a block stands for, in float32, as GGUF defines them.
void DecodeBlock(PackedFormat format, const RowBlock& block, float* out);

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_BLOCK_CODEC_H_
