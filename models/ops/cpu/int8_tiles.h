// Tiles of the int8 GEMM: a few panels times a few activation rows, over all inputs. Included once
// per instruction set, after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_INT8_TILES_H_
#define SKEP_MODELS_OPS_CPU_INT8_TILES_H_

#include "models/ops/cpu/weight_readers.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// One step of four inputs: sums[p][m] += weights of panel p . activations of row m.
template <int P, int M>
SKEP_INLINE void DotStep(const Ints (&weights)[P], const ActivationBlock* x, int64_t at,
                         Ints (&sums)[P][M]) {
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    const Ints activations = BroadcastBytes(x[m].q + at);
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) sums[p][m] = DotAdd(sums[p][m], weights[p], activations);
  }
}

template <int P, int M>
SKEP_INLINE void StartSums(Start start, const ActivationBlock* x, Ints (&sums)[P][M]) {
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    const Ints value = start == kStart0 ? SetInt(0) : SetInt(x[m].start[start]);
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) sums[p][m] = value;
  }
}

// totals[p][m] += (sums * scale + minimum * sum of x) * scale of x. The one place where rounding
// happens, block after block: the same for every tile shape.
template <bool kHasMin, int P, int M>
SKEP_INLINE void AddBlock(const Vec (&scale)[P], const Vec (&minimum)[P], const ActivationBlock* x,
                          const Ints (&sums)[P][M], Vec (&totals)[P][M]) {
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) {
      Vec t = Mul(ToFloat(sums[p][m]), scale[p]);
      if constexpr (kHasMin) t = MulAdd(minimum[p], Set(x[m].sum), t);
      totals[p][m] = MulAdd(t, Set(x[m].scale), totals[p][m]);
    }
  }
}

template <class Reader, int v, int P>
SKEP_INLINE void LoadStep(const PanelView* panels, int64_t block, Ints (&low)[P], Ints (&high)[P]) {
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
    const Pair pair = Reader::template Codes<v>(panels[p], block);
    low[p] = pair.low;
    high[p] = pair.high;
  }
}

template <class Reader, int v, int P, int M>
SKEP_INLINE void WholeStep(const PanelView* panels, int64_t block, const ActivationBlock* x,
                           Ints (&sums)[P][M]) {
  Ints low[P];
  Ints high[P];
  LoadStep<Reader, v>(panels, block, low, high);
  DotStep(low, x, 4 * v, sums);
  DotStep(high, x, 16 + 4 * v, sums);
}

template <class Reader, int v, bool kHigh, int P, int M>
SKEP_INLINE void HalfStep(const PanelView* panels, int64_t block, const ActivationBlock* x,
                          Ints (&sums)[P][M]) {
  Ints low[P];
  Ints high[P];
  LoadStep<Reader, v>(panels, block, low, high);
  DotStep(kHigh ? high : low, x, (kHigh ? 16 : 0) + 4 * v, sums);
}

// y[p][m][16] of P panels and M activation rows. `x` points at the first row's block 0; `y` has
// room for kTileRows rows a panel.
template <class Reader, int P, int M>
void Int8Tile(const PanelView* panel_list, int64_t blocks, const ActivationBlock* x, float* y) {
  PanelView panels[P];
  for (int p = 0; p < P; ++p) panels[p] = panel_list[p];
  Vec totals[P][M];
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) totals[p][m] = Zero();
  }
  for (int64_t b = 0; b < blocks; ++b, x += kTileRows) {
    if constexpr (Reader::kFromMemory) PrefetchBlock<Reader>(panels[0], b);
    Ints sums[P][M];
    Vec scale[P];
    Vec second[P];
    StartSums(Reader::kStart, x, sums);
    if constexpr (Reader::kHalves) {
      HalfStep<Reader, 0, false>(panels, b, x, sums);
      HalfStep<Reader, 1, false>(panels, b, x, sums);
      HalfStep<Reader, 2, false>(panels, b, x, sums);
      HalfStep<Reader, 3, false>(panels, b, x, sums);
      for (int p = 0; p < P; ++p) Reader::Scales(panels[p], b, scale[p], second[p]);
      AddBlock<false>(scale, scale, x, sums, totals);
      StartSums(Reader::kStartHigh, x, sums);
      HalfStep<Reader, 0, true>(panels, b, x, sums);
      HalfStep<Reader, 1, true>(panels, b, x, sums);
      HalfStep<Reader, 2, true>(panels, b, x, sums);
      HalfStep<Reader, 3, true>(panels, b, x, sums);
      AddBlock<false>(second, second, x, sums, totals);
    } else {
      WholeStep<Reader, 0>(panels, b, x, sums);
      WholeStep<Reader, 1>(panels, b, x, sums);
      WholeStep<Reader, 2>(panels, b, x, sums);
      WholeStep<Reader, 3>(panels, b, x, sums);
      for (int p = 0; p < P; ++p) Reader::Scales(panels[p], b, scale[p], second[p]);
      AddBlock<Reader::kHasMin>(scale, second, x, sums, totals);
    }
  }
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) Store(y + (p * kTileRows + m) * kLanes, totals[p][m]);
  }
}

// The same, one row and panel at a time.
template <class Reader>
__attribute__((noinline)) void Int8Row(const PanelView& panel, int64_t blocks,
                                       const ActivationBlock* x, float* y) {
  Int8Tile<Reader, 1, 1>(&panel, blocks, x, y);
}

template <class Reader, int P, int M>
void Int8Rows(const PanelView* panels, int64_t blocks, const ActivationBlock* x, float* y) {
  for (int p = 0; p < P; ++p) {
    for (int m = 0; m < M; ++m) {
      Int8Row<Reader>(panels[p], blocks, x + m, y + (p * kTileRows + m) * kLanes);
    }
  }
}

using Int8TileFunction = void (*)(const PanelView* panels, int64_t blocks, const ActivationBlock* x,
                                  float* y);

// Row counts with a kernel of their own; others use the next larger one and drop its extra rows
// (the rows of a tile always exist in memory).
inline constexpr int kTileSizes[] = {1, 2, 4, 6, 8, 10, 12};
inline constexpr int kNumTileSizes = 7;
inline constexpr int kNumPairSizes = 4;  // two panels at once: up to 6 rows fit the registers
inline constexpr int64_t kPairRows = 6;

SKEP_INLINE int TileSizeIndex(int64_t rows) {
  int i = 0;
  while (kTileSizes[i] < rows) ++i;
  return i;
}

struct Int8Format {
  // Unpacking in registers, one panel after the other: a forward stream of memory.
  Int8TileFunction packed[kNumTileSizes];
  // From panels that were unpacked before. Formats that decode to the same thing share these.
  Int8TileFunction decoded_single[kNumPairSizes];
  Int8TileFunction decoded_pair[kNumPairSizes];
  void (*decode)(const PanelView& panel, int64_t blocks, uint8_t* out);
};

template <class Reader, int P, int M>
constexpr Int8TileFunction ChooseInt8Tile() {
  if constexpr (kWideTiles) {
    return Int8Tile<Reader, P, M>;
  } else {
    return Int8Rows<Reader, P, M>;
  }
}

template <class R>
constexpr Int8Format MakeInt8Format() {
  using D = DecodedFor<R>;
  return {{ChooseInt8Tile<R, 1, 1>(), ChooseInt8Tile<R, 1, 2>(), ChooseInt8Tile<R, 1, 4>(),
           ChooseInt8Tile<R, 1, 6>(), ChooseInt8Tile<R, 1, 8>(), ChooseInt8Tile<R, 1, 10>(),
           ChooseInt8Tile<R, 1, 12>()},
          {ChooseInt8Tile<D, 1, 1>(), ChooseInt8Tile<D, 1, 2>(), ChooseInt8Tile<D, 1, 4>(),
           ChooseInt8Tile<D, 1, 6>()},
          {ChooseInt8Tile<D, 2, 1>(), ChooseInt8Tile<D, 2, 2>(), ChooseInt8Tile<D, 2, 4>(),
           ChooseInt8Tile<D, 2, 6>()},
          DecodePanel<R>};
}

inline constexpr Int8Format kInt8Formats[kNumInt8Formats] = {
    MakeInt8Format<Q40Reader>(), MakeInt8Format<Q41Reader>(), MakeInt8Format<Q50Reader>(),
    MakeInt8Format<Q51Reader>(), MakeInt8Format<Q80Reader>(), MakeInt8Format<Q4KReader>(),
    MakeInt8Format<Q5KReader>(), MakeInt8Format<Q6KReader>(),
};

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_INT8_TILES_H_
