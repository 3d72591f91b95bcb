// Quantised activations: the one format that every int8 kernel reads.
#ifndef SKEP_MODELS_OPS_CPU_ACTIVATION_BLOCK_H_
#define SKEP_MODELS_OPS_CPU_ACTIVATION_BLOCK_H_

#include <cstdint>

namespace skep::cpu {

inline constexpr int64_t kBlock = 32;     // elements that share an activation scale
inline constexpr int64_t kLanes = 16;     // weight rows in a panel, floats in a vector
inline constexpr int64_t kTileRows = 12;  // activation rows stored side by side

// Where an int8 dot product starts. Weights are stored unsigned, q + offset, so that
// sum(x * (q + offset)) = sum(x * q) + offset * sum(x): starting at -offset * sum(x) undoes it for
// the price of starting at zero.
//
// Every start also adds kSumBias, the bits of the float 1.5 * 2^23. Around it consecutive integers
// are consecutive floats, so the bits of a biased sum (|sum| < 2^22) are those of the float
// 1.5 * 2^23 + sum: no conversion is needed, see ScaleSum in the simd headers.
inline constexpr int32_t kSumBias = 0x4b400000;
inline constexpr float kSumBiasFloat = 12582912.0f;
// kStart0 needs no place in a block: it is kSumBias.
enum Start { kStart8, kStart16, kStart128, kStart32Low, kStart32High, kNumStarts, kStart0 };

// 32 activations of one row: x[i] = scale * q[i], |q| <= 127. One cache line.
struct alignas(64) ActivationBlock {
  int8_t q[kBlock];
  float scale;                // absmax / 127; NaN where an input was not finite
  float sum;                  // of q, for minimums
  float sum_low;              // of q[0..15]
  int32_t start[kNumStarts];  // kSumBias - offset * sum of q
};
static_assert(sizeof(ActivationBlock) == 64);

inline int64_t BlocksOf(int64_t columns) { return (columns + kBlock - 1) / kBlock; }

// Rows are stored in tiles of kTileRows: [tile][block][row in tile]. A kernel that reads a tile
// walks memory forward, and the rows of a block lie at constant distances.
inline int64_t ActivationIndex(int64_t row, int64_t block, int64_t blocks) {
  return ((row / kTileRows) * blocks + block) * kTileRows + row % kTileRows;
}

inline int64_t ActivationBlocks(int64_t max_rows, int64_t columns) {
  return (max_rows + kTileRows - 1) / kTileRows * kTileRows * BlocksOf(columns);
}

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_ACTIVATION_BLOCK_H_
