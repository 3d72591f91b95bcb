// Tiles of the floating-point GEMM. Included once per instruction set, after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_FLOAT_TILES_H_
#define SKEP_MODELS_OPS_CPU_FLOAT_TILES_H_

#include <cstring>

#include "models/ops/cpu/kernels.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// Weights are fetched so far ahead, past a panel's end into the next but one.
inline constexpr int64_t kFloatPrefetchBytes = 4096;

// How a panel's floats are read: kStep inputs of 16 rows each from one place.
struct F32Weights {
  static constexpr int64_t kStep = 1;
  static constexpr int64_t kBytes = 4;
  static SKEP_INLINE void At(const uint8_t* panel, int64_t k, Vec (&w)[kStep]) {
    w[0] = Load(reinterpret_cast<const float*>(panel) + k * kLanes);
  }
};
struct F16Weights {
  static constexpr int64_t kStep = 1;
  static constexpr int64_t kBytes = 2;
  static SKEP_INLINE void At(const uint8_t* panel, int64_t k, Vec (&w)[kStep]) {
    w[0] = LoadHalf(reinterpret_cast<const uint16_t*>(panel) + k * kLanes);
  }
};
struct Bf16Weights {
  static constexpr int64_t kStep = 2;
  static constexpr int64_t kBytes = 2;
  static SKEP_INLINE void At(const uint8_t* panel, int64_t k, Vec (&w)[kStep]) {
    SplitBfloats(LoadBytes(panel + k * kLanes * 2), w[0], w[1]);
  }
};

// Activations as the tiles read them: [columns / 16][M rows][16], the last stretch padded with
// zeros.

template <class Weights, int M>
SKEP_INLINE void AddInputs(const uint8_t* const (&panels)[2], int64_t k, const float* x,
                           Vec (&totals)[2][M]) {
  constexpr int64_t kStep = Weights::kStep;
  Vec first[kStep];
  Vec second[kStep];
  Weights::At(panels[0], k, first);
  Weights::At(panels[1], k, second);
  for (const uint8_t* panel : panels) {
    Prefetch(panel + k * kLanes * Weights::kBytes + kFloatPrefetchBytes);
  }
#pragma GCC unroll 2
  for (int64_t i = 0; i < kStep; ++i) {
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      const Vec value = Set(x[m * kStretch + i]);
      totals[0][m] = MulAdd(first[i], value, totals[0][m]);
      totals[1][m] = MulAdd(second[i], value, totals[1][m]);
    }
  }
}

// y[p][m][16] of two panels and M rows. One sum a row and output, over k upwards.
template <class Weights, int M>
void FloatTile(const uint8_t* const* panel_list, int64_t columns, const float* x, float* y) {
  constexpr int64_t kStep = Weights::kStep;
  const uint8_t* const panels[2] = {panel_list[0], panel_list[1]};
  Vec totals[2][M];
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) totals[0][m] = totals[1][m] = Zero();
  int64_t k = 0;
  for (; k + kStretch <= columns; k += kStretch, x += M * kStretch) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < kStretch; i += kStep) {
      AddInputs<Weights, M>(panels, k + i, x + i, totals);
    }
  }
  for (int64_t i = 0; k + i < columns; i += kStep) {
    AddInputs<Weights, M>(panels, k + i, x + i, totals);
  }
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    Store(y + m * kLanes, totals[0][m]);
    Store(y + (kTileRows + m) * kLanes, totals[1][m]);
  }
}

// The same of bfloat16 pairs on both sides; `x` is [columns / 16][M rows][8 pairs].
template <int M>
void PairTile(const uint8_t* const* panel_list, int64_t columns, const float* x, float* y) {
  const uint8_t* first = panel_list[0];
  const uint8_t* second = panel_list[1];
  const auto* pairs = reinterpret_cast<const uint8_t*>(x);
  Vec totals[2][M];
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) totals[0][m] = totals[1][m] = Zero();
  const auto step = [&](int64_t pair) SKEP_LAMBDA_INLINE {
    const Ints w[2] = {LoadBytes(first), LoadBytes(second)};
    Prefetch(first + kFloatPrefetchBytes);
    Prefetch(second + kFloatPrefetchBytes);
    first += 64;
    second += 64;
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      int32_t bits;
      std::memcpy(&bits, pairs + 4 * (m * kStretch / 2 + pair), sizeof(bits));
      const Ints value = SetInt(bits);
      totals[0][m] = PairDotAdd(totals[0][m], w[0], value);
      totals[1][m] = PairDotAdd(totals[1][m], w[1], value);
    }
  };
  int64_t k = 0;
  for (; k + kStretch <= columns; k += kStretch, pairs += 2 * M * kStretch) {
#pragma GCC unroll 8
    for (int64_t i = 0; i < kStretch / 2; ++i) step(i);
  }
  for (int64_t i = 0; k + 2 * i < columns; ++i) step(i);
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    Store(y + m * kLanes, totals[0][m]);
    Store(y + (kTileRows + m) * kLanes, totals[1][m]);
  }
}

// FloatTile where registers hold fewer rows: R of one panel.
template <class Weights, int M, int R>
SKEP_INLINE void FewFloatRows(const uint8_t* panel, int64_t columns, const float* x, float* y) {
  Vec totals[R];
  for (int m = 0; m < R; ++m) totals[m] = Zero();
  for (int64_t k = 0; k < columns; k += Weights::kStep) {
    Vec w[Weights::kStep];
    Weights::At(panel, k, w);
    const float* values = x + k / kStretch * M * kStretch + k % kStretch;
    for (int64_t i = 0; i < Weights::kStep; ++i) {
#pragma GCC unroll 4
      for (int m = 0; m < R; ++m) {
        totals[m] = MulAdd(w[i], Set(values[m * kStretch + i]), totals[m]);
      }
    }
  }
  for (int m = 0; m < R; ++m) Store(y + m * kLanes, totals[m]);
}

template <class Weights, int M>
void FloatRows(const uint8_t* const* panels, int64_t columns, const float* x, float* y) {
  constexpr int kRows = M < kRowsAtOnce ? M : kRowsAtOnce;
  static_assert(M % kRows == 0);
  for (int p = 0; p < 2; ++p) {
    for (int m = 0; m < M; m += kRows) {
      FewFloatRows<Weights, M, kRows>(panels[p], columns, x + m * kStretch,
                                      y + (p * kTileRows + m) * kLanes);
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

inline constexpr FloatTileFunction kPairTiles[kNumFloatTileSizes] = {
    PairTile<1>, PairTile<2>, PairTile<4>, PairTile<8>, PairTile<12>};

SKEP_INLINE const FloatTileFunction* FloatTilesOf(const PackedMatrix& matrix) {
  if (matrix.rounds_inputs()) return kPairTiles;
  if (matrix.format() == PackedFormat::kF16) return kFloatTiles<F16Weights>;
  if (matrix.format() == PackedFormat::kBF16) return kFloatTiles<Bf16Weights>;
  return kFloatTiles<F32Weights>;  // kFileRows: panels decoded to float32
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_FLOAT_TILES_H_
