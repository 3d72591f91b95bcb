// One 32-element stretch of a GGUF row, taken apart: codes and scales, and their places in a panel.
#ifndef SKEP_MODELS_OPS_CPU_BLOCK_CODEC_H_
#define SKEP_MODELS_OPS_CPU_BLOCK_CODEC_H_

#include <cstdint>

#include "models/ops/cpu/packed_matrix.h"

namespace skep::cpu {

// Bytes of a panel's parts: per 32 inputs, and per 256 for the super scales.
struct FormatLayout {
  int64_t quant_bytes;
  int64_t scale_bytes;
  int64_t super_bytes;
};

const FormatLayout& LayoutOf(PackedFormat format);

// Element i is codes[i] in the unsigned form that is stored. Which scales are used depends on the
// format; see packed_matrix.h.
struct RowBlock {
  uint8_t codes[32];
  uint16_t d = 0;  // f16
  uint16_t m = 0;  // f16
  uint8_t scale[2] = {0, 0};
  uint16_t super_d = 0;  // f16
  uint16_t super_m = 0;  // f16
};

// Takes 32-block `block` out of a row in the file's layout.
RowBlock ReadFileBlock(PackedFormat format, const uint8_t* row, int64_t block);

// Writes to, or reads from, row `lane` of a panel.
void StorePanelBlock(PackedFormat format, const RowBlock& value, uint8_t* quants, uint8_t* scales,
                     uint8_t* supers, int64_t block, int lane);
RowBlock LoadPanelBlock(PackedFormat format, const PanelView& panel, int64_t block, int lane);

// The 32 values that a block stands for, in float32, as GGUF defines them.
void DecodeBlock(PackedFormat format, const RowBlock& block, float* out);

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_BLOCK_CODEC_H_
