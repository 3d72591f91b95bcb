// Tiles of the floating-point GEMM. Included once per instruction set, after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_FLOAT_TILES_H_
#define SKEP_MODELS_OPS_CPU_FLOAT_TILES_H_

#include "models/ops/cpu/kernels.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

struct F32Weights {
  static constexpr int64_t kBytes = 4;
  static SKEP_INLINE Vec At(const uint8_t* panel, int64_t k) {
    return Load(reinterpret_cast<const float*>(panel) + k * kLanes);
  }
};
struct F16Weights {
  static constexpr int64_t kBytes = 2;
  static SKEP_INLINE Vec At(const uint8_t* panel, int64_t k) {
    return LoadHalf(reinterpret_cast<const uint16_t*>(panel) + k * kLanes);
  }
};
struct Bf16Weights {
  static constexpr int64_t kBytes = 2;
  static SKEP_INLINE Vec At(const uint8_t* panel, int64_t k) {
    return LoadBfloat(reinterpret_cast<const uint16_t*>(panel) + k * kLanes);
  }
};

// y[p][m][16] of two panels and M rows; `x` is [columns][M]. One sum a row and output, over k
// upwards.
template <class Weights, int M>
void FloatTile(const uint8_t* const* panels, int64_t columns, const float* x, float* y) {
  const uint8_t* first = panels[0];
  const uint8_t* second = panels[1];
  Vec totals[2][M];
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) totals[0][m] = totals[1][m] = Zero();
  for (int64_t k = 0; k < columns; ++k, x += M) {
    const Vec a = Weights::At(first, k);
    const Vec b = Weights::At(second, k);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      const Vec value = Set(x[m]);
      totals[0][m] = MulAdd(a, value, totals[0][m]);
      totals[1][m] = MulAdd(b, value, totals[1][m]);
    }
  }
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    Store(y + m * kLanes, totals[0][m]);
    Store(y + (kTileRows + m) * kLanes, totals[1][m]);
  }
}

// The same, one row at a time.
template <class Weights, int M>
void FloatRows(const uint8_t* const* panels, int64_t columns, const float* x, float* y) {
  for (int p = 0; p < 2; ++p) {
    for (int m = 0; m < M; ++m) {
      Vec total = Zero();
      for (int64_t k = 0; k < columns; ++k) {
        total = MulAdd(Weights::At(panels[p], k), Set(x[k * M + m]), total);
      }
      Store(y + (p * kTileRows + m) * kLanes, total);
    }
  }
}

using FloatTileFunction = void (*)(const uint8_t* const* panels, int64_t columns, const float* x,
                                   float* y);

inline constexpr int kFloatTileSizes[] = {1, 2, 4, 8, 12};
inline constexpr int kNumFloatTileSizes = 5;

SKEP_INLINE int FloatTileSizeIndex(int64_t rows) {
  int i = 0;
  while (kFloatTileSizes[i] < rows) ++i;
  return i;
}

template <class W, int M>
constexpr FloatTileFunction ChooseFloatTile() {
  if constexpr (kWideTiles) {
    return FloatTile<W, M>;
  } else {
    return FloatRows<W, M>;
  }
}

template <class W>
inline constexpr FloatTileFunction kFloatTiles[kNumFloatTileSizes] = {
    ChooseFloatTile<W, 1>(), ChooseFloatTile<W, 2>(), ChooseFloatTile<W, 4>(),
    ChooseFloatTile<W, 8>(), ChooseFloatTile<W, 12>()};

SKEP_INLINE const FloatTileFunction* FloatTilesOf(PackedFormat format) {
  if (format == PackedFormat::kF16) return kFloatTiles<F16Weights>;
  if (format == PackedFormat::kBF16) return kFloatTiles<Bf16Weights>;
  return kFloatTiles<F32Weights>;  // kFileRows: panels decoded to float32
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_FLOAT_TILES_H_
