// Tiles of the int8 GEMM: a few panels times a few activation rows, over all inputs. Included once
// per instruction set, after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_INT8_TILES_H_
#define SKEP_MODELS_OPS_CPU_INT8_TILES_H_

#include "models/ops/cpu/weight_readers.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// Tiles multiply P panels by M rows. P = 1 takes activations from memory in the dot product itself;
// P = 2 broadcasts them once for both panels: fewer loads, but each panel is unpacked for fewer
// rows. Which is the faster depends on the processor (GemmJob::spare_pipes); the bits are the same.

// One step of four inputs: sums[p][m] += weights of panel p . activations of row m.
template <class Reader, int P, int M>
SKEP_INLINE void DotStep(const Ints (&weights)[P], const ActivationBlock* x, int64_t at,
                         Ints (&sums)[P][M]) {
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    if constexpr (P == 1) {
      sums[0][m] = DotAdd<Reader::kSmallBytes>(sums[0][m], weights[0], x[m].q + at);
    } else {
      const Ints four = LoadFour(x[m].q + at);
      for (int p = 0; p < P; ++p)
        sums[p][m] = DotAddFour<Reader::kSmallBytes>(sums[p][m], weights[p], four);
    }
  }
}

template <class Reader, int s, int P, int M>
SKEP_INLINE void Step(const PanelView (&panels)[P], int64_t block, const ActivationBlock* x,
                      Ints (&sums)[P][M]) {
  Ints weights[P];
  for (int p = 0; p < P; ++p) weights[p] = Reader::template Step<s>(panels[p], block);
  DotStep<Reader>(weights, x, 4 * s, sums);
}

template <int P, int M>
SKEP_INLINE void StartSums(Start start, const ActivationBlock* x, Ints (&sums)[P][M]) {
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    const Ints value = SetInt(start == kStart0 ? kSumBias : x[m].start[start]);
    for (int p = 0; p < P; ++p) sums[p][m] = value;
  }
}

enum class Minimum { kNone, kOfSum, kOfLowSum };

// terms[m] = sums * scale + minimum * sum of x.
template <Minimum kMinimum, int M>
SKEP_INLINE void ScaleSums(Vec scale, Vec minimum, const ActivationBlock* x, const Ints (&sums)[M],
                           Vec (&terms)[M]) {
  const Vec shift = ScaleShift(scale);
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    terms[m] = ScaleSum(sums[m], scale, shift);
    if constexpr (kMinimum == Minimum::kOfSum) {
      terms[m] = MulAdd(minimum, Set(x[m].sum), terms[m]);
    }
    if constexpr (kMinimum == Minimum::kOfLowSum) {
      terms[m] = MulAdd(minimum, Set(x[m].sum_low), terms[m]);
    }
  }
}

// Few rows make few chains of dependent dot products: two chains a row then, added at the end
// (integers: the order does not matter).
inline constexpr int kTwoChainRows = 6;

// 32 inputs that share a scale.
template <class Reader, int P, int M>
SKEP_INLINE void WholeBlock(const PanelView (&panels)[P], int64_t block, const ActivationBlock* x,
                            Vec (&totals)[P][M]) {
  constexpr bool kTwoChains = P * M <= kTwoChainRows;
  Ints sums[P][M];
  Ints high_sums[P][M];
  StartSums(Reader::kStart, x, sums);
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) high_sums[p][m] = SetInt(0);
  }
  const auto steps = [&]<int v>() SKEP_LAMBDA_INLINE {
    Step<Reader, v>(panels, block, x, sums);
    Step<Reader, v + 4>(panels, block, x, kTwoChains ? high_sums : sums);
  };
  steps.template operator()<0>();
  steps.template operator()<1>();
  steps.template operator()<2>();
  steps.template operator()<3>();
  for (int p = 0; p < P; ++p) {
    if constexpr (kTwoChains) {
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) sums[p][m] = AddInts(sums[p][m], high_sums[p][m]);
    }
    const BlockScales s = Reader::Scales(panels[p], block);
    Vec terms[M];
    ScaleSums<Reader::kHasMin ? Minimum::kOfSum : Minimum::kNone>(s.scale, s.minimum, x, sums[p],
                                                                  terms);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) totals[p][m] = MulAdd(terms[m], Set(x[m].scale), totals[p][m]);
  }
}

// Inputs 0..15 and 16..31 have scales of their own.
template <class Reader, int P, int M>
SKEP_INLINE void TwoHalves(const PanelView (&panels)[P], int64_t block, const ActivationBlock* x,
                           Vec (&totals)[P][M]) {
  constexpr bool kMin = Reader::kHasMin;
  constexpr Start kStartHigh = Reader::kStart == kStart32Low ? kStart32High : kStart0;
  Ints sums[P][M];
  Vec low_terms[P][M];
  BlockScales s[P];
  for (int p = 0; p < P; ++p) s[p] = Reader::Scales(panels[p], block);
  StartSums(Reader::kStart, x, sums);
  Step<Reader, 0>(panels, block, x, sums);
  Step<Reader, 1>(panels, block, x, sums);
  Step<Reader, 2>(panels, block, x, sums);
  Step<Reader, 3>(panels, block, x, sums);
  for (int p = 0; p < P; ++p) {
    ScaleSums<kMin ? Minimum::kOfLowSum : Minimum::kNone>(s[p].scale, s[p].minimum_low, x, sums[p],
                                                          low_terms[p]);
  }
  StartSums(kStartHigh, x, sums);
  Step<Reader, 4>(panels, block, x, sums);
  Step<Reader, 5>(panels, block, x, sums);
  Step<Reader, 6>(panels, block, x, sums);
  Step<Reader, 7>(panels, block, x, sums);
  for (int p = 0; p < P; ++p) {
    Vec terms[M];
    ScaleSums<kMin ? Minimum::kOfSum : Minimum::kNone>(s[p].scale_high, s[p].minimum, x, sums[p],
                                                       terms);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      totals[p][m] = MulAdd(Add(low_terms[p][m], terms[m]), Set(x[m].scale), totals[p][m]);
    }
  }
}

// y[p][m][16] of P panels and M activation rows. `x` points at the first row's block 0.
template <class Reader, int P, int M>
SKEP_INLINE void Int8Tile(const PanelView* panel_list, int64_t blocks, const ActivationBlock* x,
                          float* y, const Ahead& ahead) {
  PanelView panels[P];
  for (int p = 0; p < P; ++p) panels[p] = panel_list[p];
  Vec totals[P][M];
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) totals[p][m] = Zero();
  }
  int64_t fetched = ahead.offset;
  for (int64_t b = 0; b < blocks; ++b, x += kTileRows) {
    if constexpr (Reader::kFromMemory) {
      for (int p = 0; p < P; ++p) Fetch(panels[p].quants + fetched, ahead);
      fetched += ahead.bytes_per_block;
    }
    if constexpr (Reader::kHalves) {
      TwoHalves<Reader>(panels, b, x, totals);
    } else {
      WholeBlock<Reader>(panels, b, x, totals);
    }
  }
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) Store(y + (p * kTileRows + m) * kLanes, totals[p][m]);
  }
}

// What the driver calls: two panels, the second's results kTileRows rows behind the first's.
using Int8TileFunction = void (*)(const PanelView* panels, int64_t blocks, const ActivationBlock* x,
                                  float* y, const Ahead& ahead);

template <class Reader, int M>
void PanelAfterPanel(const PanelView* panels, int64_t blocks, const ActivationBlock* x, float* y,
                     const Ahead& ahead) {
  for (int p = 0; p < 2; ++p) {
    Int8Tile<Reader, 1, M>(panels + p, blocks, x, y + p * kTileRows * kLanes, ahead);
  }
}

template <class Reader, int M>
void BothPanels(const PanelView* panels, int64_t blocks, const ActivationBlock* x, float* y,
                const Ahead& ahead) {
  Int8Tile<Reader, 2, M>(panels, blocks, x, y, ahead);
}

// PanelAfterPanel where registers hold fewer rows.
template <class Reader, int M>
__attribute__((noinline)) void FewRows(const PanelView* panels, int64_t blocks,
                                       const ActivationBlock* x, float* y, const Ahead& ahead) {
  PanelAfterPanel<Reader, M>(panels, blocks, x, y, ahead);
}

template <class Reader, int M>
void RowAfterRow(const PanelView* panels, int64_t blocks, const ActivationBlock* x, float* y,
                 const Ahead& ahead) {
  int m = 0;
  for (; m + kRowsAtOnce <= M; m += kRowsAtOnce) {
    FewRows<Reader, kRowsAtOnce>(panels, blocks, x + m, y + m * kLanes, ahead);
  }
  if constexpr (M % kRowsAtOnce != 0) {
    FewRows<Reader, M % kRowsAtOnce>(panels, blocks, x + m, y + m * kLanes, ahead);
  }
}

// Row counts with a kernel of their own; others use the next larger one and drop its extra rows
// (the rows of a tile always exist in memory).
inline constexpr int kTileSizes[] = {1, 2, 4, 6, 8, 10, 12};
inline constexpr int kNumTileSizes = 7;
inline constexpr int kBothPanelsRows = 6;  // the most that BothPanels has registers for

SKEP_INLINE int TileSizeIndex(int64_t rows) {
  int i = 0;
  while (kTileSizes[i] < rows) ++i;
  return i;
}

template <class Reader, int M>
constexpr Int8TileFunction ChooseInt8Tile() {
  if constexpr (kWideTiles) {
    return PanelAfterPanel<Reader, M>;
  } else {
    return RowAfterRow<Reader, M>;
  }
}

template <class R>
inline constexpr Int8TileFunction kInt8Tiles[kNumTileSizes] = {
    ChooseInt8Tile<R, 1>(), ChooseInt8Tile<R, 2>(),  ChooseInt8Tile<R, 4>(), ChooseInt8Tile<R, 6>(),
    ChooseInt8Tile<R, 8>(), ChooseInt8Tile<R, 10>(), ChooseInt8Tile<R, 12>()};

template <class R>
inline constexpr Int8TileFunction kPairTilesOf[] = {BothPanels<R, 1>, BothPanels<R, 2>,
                                                    BothPanels<R, 4>, BothPanels<R, 6>};
// Null where there are none. Minimums would not leave tiles of two panels enough registers.
template <class R>
constexpr const Int8TileFunction* ChoosePairTiles() {
  if constexpr (kWideTiles && !R::kHasMin) {
    return kPairTilesOf<R>;
  } else {
    return nullptr;
  }
}

struct Int8Format {
  const Int8TileFunction* packed;   // unpack in registers: a forward stream of memory
  const Int8TileFunction* pairs;    // the same for up to kBothPanelsRows rows; or null
  const Int8TileFunction* decoded;  // read panels that `decode` unpacked
  void (*decode)(const PanelView& panel, int64_t blocks, uint8_t* out);
  int64_t decode_rows;  // from so many rows up, decoding once costs less than unpacking each time
};

// `decode_tiles`: tiles of rows that make up for decoding a panel and reading it back (measured).
template <class R>
constexpr Int8Format MakeInt8Format(int64_t decode_tiles) {
  return {kInt8Tiles<R>, ChoosePairTiles<R>(), kInt8Tiles<DecodedFor<R>>, DecodePanel<R>,
          decode_tiles * kTileRows};
}

// In the order of PackedFormat.
inline constexpr Int8Format kInt8Formats[kNumInt8Formats] = {
    MakeInt8Format<Q40Reader>(6),      MakeInt8Format<Q41Reader>(6),
    MakeInt8Format<Q50Reader>(4),      MakeInt8Format<Q51Reader>(4),
    MakeInt8Format<Q80Reader>(1000),   MakeInt8Format<Q2KReader>(6),
    MakeInt8Format<Q3KReader>(2),      MakeInt8Format<Q4KReader>(6),
    MakeInt8Format<Q5KReader>(4),      MakeInt8Format<Q6KReader>(3),
    MakeInt8Format<Iq4NlReader>(12),   MakeInt8Format<Iq4XsReader>(8),
    MakeInt8Format<MxFp4Reader>(8),    MakeInt8Format<NvFp4Reader>(12),
    MakeInt8Format<Iq3XxsReader>(8),   MakeInt8Format<Iq3SReader>(8),
    MakeInt8Format<Iq2XxsReader>(2),   MakeInt8Format<Iq2SReader>(2),
    MakeInt8Format<Iq1SReader>(2),     MakeInt8Format<Iq1MReader>(2),
    MakeInt8Format<TernaryReader>(12), MakeInt8Format<Q20Reader>(12),
    MakeInt8Format<Q10Reader>(4),
};

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_INT8_TILES_H_
