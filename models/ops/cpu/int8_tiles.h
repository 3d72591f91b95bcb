// Tiles of the int8 GEMM: a few panels times a few activation rows, over all inputs. Included once
// per instruction set, after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_INT8_TILES_H_
#define SKEP_MODELS_OPS_CPU_INT8_TILES_H_

#include "models/ops/cpu/weight_readers.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// One step of four inputs: sums[m] += weights . activations of row m.
template <class Reader, int M>
SKEP_INLINE void DotStep(Ints weights, const ActivationBlock* x, int64_t at, Ints (&sums)[M]) {
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    sums[m] = DotAdd<Reader::kSmallBytes>(sums[m], weights, x[m].q + at);
  }
}

template <int M>
SKEP_INLINE void StartSums(Start start, const ActivationBlock* x, Ints (&sums)[M]) {
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) sums[m] = SetInt(start == kStart0 ? kSumBias : x[m].start[start]);
}

enum class Minimum { kNone, kOfSum, kOfLowSum };

// totals[m] += (sums * scale + minimum * sum of x) * scale of x. The one place where rounding
// happens, block after block: the same for every tile shape.
template <Minimum kMinimum, int M>
SKEP_INLINE void AddBlock(Vec scale, Vec minimum, const ActivationBlock* x, const Ints (&sums)[M],
                          Vec (&totals)[M]) {
  const Vec shift = ScaleShift(scale);
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    Vec t = ScaleSum(sums[m], scale, shift);
    if constexpr (kMinimum == Minimum::kOfSum) t = MulAdd(minimum, Set(x[m].sum), t);
    if constexpr (kMinimum == Minimum::kOfLowSum) t = MulAdd(minimum, Set(x[m].sum_low), t);
    totals[m] = MulAdd(t, Set(x[m].scale), totals[m]);
  }
}

// Few rows make few chains of dependent dot products: two chains a row then, added at the end
// (integers: the order does not matter).
inline constexpr int kTwoChainRows = 6;

// 32 inputs that share a scale.
template <class Reader, int M>
SKEP_INLINE void WholeBlock(const PanelView& panel, int64_t block, const ActivationBlock* x,
                            Vec (&totals)[M]) {
  constexpr bool kTwoChains = M <= kTwoChainRows;
  Ints sums[M];
  Ints high_sums[M];
  StartSums(Reader::kStart, x, sums);
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) high_sums[m] = SetInt(0);
  const auto steps = [&]<int v>() SKEP_LAMBDA_INLINE {
    DotStep<Reader>(Reader::template Step<v>(panel, block), x, 4 * v, sums);
    DotStep<Reader>(Reader::template Step<v + 4>(panel, block), x, 16 + 4 * v,
                    kTwoChains ? high_sums : sums);
  };
  steps.template operator()<0>();
  steps.template operator()<1>();
  steps.template operator()<2>();
  steps.template operator()<3>();
  if constexpr (kTwoChains) {
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) sums[m] = AddInts(sums[m], high_sums[m]);
  }
  const BlockScales s = Reader::Scales(panel, block);
  AddBlock<Reader::kHasMin ? Minimum::kOfSum : Minimum::kNone>(s.scale, s.minimum, x, sums, totals);
}

// Inputs 0..15 and 16..31 have scales of their own.
template <class Reader, int M>
SKEP_INLINE void TwoHalves(const PanelView& panel, int64_t block, const ActivationBlock* x,
                           Vec (&totals)[M]) {
  constexpr bool kMin = Reader::kHasMin;
  constexpr Start kStartHigh = Reader::kStart == kStart32Low ? kStart32High : kStart0;
  Ints sums[M];
  const BlockScales s = Reader::Scales(panel, block);
  StartSums(Reader::kStart, x, sums);
  DotStep<Reader>(Reader::template Step<0>(panel, block), x, 0, sums);
  DotStep<Reader>(Reader::template Step<1>(panel, block), x, 4, sums);
  DotStep<Reader>(Reader::template Step<2>(panel, block), x, 8, sums);
  DotStep<Reader>(Reader::template Step<3>(panel, block), x, 12, sums);
  AddBlock<kMin ? Minimum::kOfLowSum : Minimum::kNone>(s.scale, s.minimum_low, x, sums, totals);
  StartSums(kStartHigh, x, sums);
  DotStep<Reader>(Reader::template Step<4>(panel, block), x, 16, sums);
  DotStep<Reader>(Reader::template Step<5>(panel, block), x, 20, sums);
  DotStep<Reader>(Reader::template Step<6>(panel, block), x, 24, sums);
  DotStep<Reader>(Reader::template Step<7>(panel, block), x, 28, sums);
  AddBlock<kMin ? Minimum::kOfSum : Minimum::kNone>(s.scale_high, s.minimum, x, sums, totals);
}

// y[m][16] of one panel and M activation rows. `x` points at the first row's block 0.
template <class Reader, int M>
void Int8Tile(const PanelView& panel_in_memory, int64_t blocks, const ActivationBlock* x, float* y,
              const Ahead& ahead) {
  const PanelView panel = panel_in_memory;
  const uint8_t* fetch = ahead.at;
  const int64_t fetch_bytes = ahead.bytes_per_block;
  Vec totals[M];
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) totals[m] = Zero();
  for (int64_t b = 0; b < blocks; ++b, x += kTileRows) {
    if constexpr (Reader::kFromMemory) {
      Fetch(fetch, fetch + fetch_bytes);
      fetch += fetch_bytes;
    }
    if constexpr (Reader::kHalves) {
      TwoHalves<Reader>(panel, b, x, totals);
    } else {
      WholeBlock<Reader>(panel, b, x, totals);
    }
  }
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) Store(y + m * kLanes, totals[m]);
}

// The same where registers hold fewer rows.
template <class Reader, int M>
__attribute__((noinline)) void Int8FewRows(const PanelView& panel, int64_t blocks,
                                           const ActivationBlock* x, float* y, const Ahead& ahead) {
  Int8Tile<Reader, M>(panel, blocks, x, y, ahead);
}

template <class Reader, int M>
void Int8Rows(const PanelView& panel, int64_t blocks, const ActivationBlock* x, float* y,
              const Ahead& ahead) {
  int m = 0;
  for (; m + kRowsAtOnce <= M; m += kRowsAtOnce) {
    Int8FewRows<Reader, kRowsAtOnce>(panel, blocks, x + m, y + m * kLanes, ahead);
  }
  if constexpr (M % kRowsAtOnce != 0) {
    Int8FewRows<Reader, M % kRowsAtOnce>(panel, blocks, x + m, y + m * kLanes, ahead);
  }
}

using Int8TileFunction = void (*)(const PanelView& panel, int64_t blocks, const ActivationBlock* x,
                                  float* y, const Ahead& ahead);

// Row counts with a kernel of their own; others use the next larger one and drop its extra rows
// (the rows of a tile always exist in memory).
inline constexpr int kTileSizes[] = {1, 2, 4, 6, 8, 10, 12};
inline constexpr int kNumTileSizes = 7;

SKEP_INLINE int TileSizeIndex(int64_t rows) {
  int i = 0;
  while (kTileSizes[i] < rows) ++i;
  return i;
}

template <class Reader, int M>
constexpr Int8TileFunction ChooseInt8Tile() {
  if constexpr (kWideTiles) {
    return Int8Tile<Reader, M>;
  } else {
    return Int8Rows<Reader, M>;
  }
}

template <class R>
inline constexpr Int8TileFunction kInt8Tiles[kNumTileSizes] = {
    ChooseInt8Tile<R, 1>(), ChooseInt8Tile<R, 2>(),  ChooseInt8Tile<R, 4>(), ChooseInt8Tile<R, 6>(),
    ChooseInt8Tile<R, 8>(), ChooseInt8Tile<R, 10>(), ChooseInt8Tile<R, 12>()};

struct Int8Format {
  const Int8TileFunction* packed;   // unpacks in registers: a forward stream of memory
  const Int8TileFunction* decoded;  // reads a panel that `decode` unpacked
  void (*decode)(const PanelView& panel, int64_t blocks, uint8_t* out);
  int64_t decode_rows;  // from so many rows up, decoding once costs less than unpacking each time
};

// `decode_tiles`: tiles of rows that make up for decoding a panel and reading it back (measured).
template <class R>
constexpr Int8Format MakeInt8Format(int64_t decode_tiles) {
  return {kInt8Tiles<R>, kInt8Tiles<DecodedFor<R>>, DecodePanel<R>, decode_tiles * kTileRows};
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
