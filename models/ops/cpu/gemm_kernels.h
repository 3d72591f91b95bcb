// The GEMM driver: units of 32 outputs, tiles of activation rows, and what happens to the results.
// Included once per instruction set, after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_GEMM_KERNELS_H_
#define SKEP_MODELS_OPS_CPU_GEMM_KERNELS_H_

#include "models/ops/cpu/float_tiles.h"
#include "models/ops/cpu/int8_tiles.h"
#include "models/ops/cpu/vector_kernels.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// Two neighbouring panels that are multiplied together.
struct PanelPair {
  const PackedMatrix* matrix;
  int64_t first;
};

// Results of a unit for one tile of rows: [pair][panel][row][16].
struct UnitResult {
  alignas(64) float y[2][2][kTileRows][kLanes];
};

// Rows are taken in chunks whose activations stay in a second-level cache of a megabyte, beside the
// weights that are at work and those that are fetched.
SKEP_INLINE int64_t RowsPerChunk(int64_t bytes_per_row) {
  const int64_t rows = (int64_t{384} << 10) / (bytes_per_row < 1 ? 1 : bytes_per_row);
  const int64_t tiles = rows / kTileRows;
  return (tiles < 2 ? 2 : tiles) * kTileRows;
}

SKEP_INLINE int PairsOf(const GemmJob& job, int64_t unit, PanelPair (&pairs)[2]) {
  pairs[0] = {job.matrix, 2 * unit};
  pairs[1] = {job.second, 2 * unit};
  return job.epilogue == Epilogue::kGate ? 2 : 1;
}

SKEP_INLINE Vec LoadBias(const float* bias, int64_t column, Mask m) {
  return bias == nullptr ? Zero() : LoadFirst(bias + column, m);
}

// Rows [row, row + count) of the unit's 32 columns.
template <Epilogue kEpilogue>
inline void FinishRows(const GemmJob& job, int64_t unit, int64_t row, int64_t count,
                       const UnitResult& result) {
  const int64_t columns = job.matrix->rows();
  const int64_t column = unit * kUnitColumns;
  const Mask masks[2] = {FirstLanes(columns - column), FirstLanes(columns - column - kLanes)};
  const Vec factor = Set(job.matrix->factor());
  const Vec second_factor = Set(kEpilogue == Epilogue::kGate ? job.second->factor() : 1.0f);
  Vec bias[2];
  Vec second_bias[2];
  for (int h = 0; h < 2; ++h) {
    bias[h] = LoadBias(job.bias, column + h * kLanes, masks[h]);
    second_bias[h] = LoadBias(job.second_bias, column + h * kLanes, masks[h]);
  }
  for (int64_t m = 0; m < count; ++m) {
    float* out = job.out == nullptr ? nullptr : job.out + (row + m) * job.out_stride + column;
    Vec y[2];
    for (int h = 0; h < 2; ++h) {
      y[h] = MulAdd(Load(result.y[0][h][m]), factor, bias[h]);
      if constexpr (kEpilogue == Epilogue::kAddTo) {
        y[h] = MulAdd(y[h], Set(job.multiplier), LoadFirst(out + h * kLanes, masks[h]));
      } else if constexpr (kEpilogue == Epilogue::kLogits) {
        y[h] = Mul(y[h], Set(job.multiplier));
        if (job.softcap > 0.0f) {
          y[h] = Mul(Set(job.softcap), Tanh(Div(y[h], Set(job.softcap))));
        }
      } else if constexpr (kEpilogue == Epilogue::kActivate) {
        y[h] = ApplyGate(job.gate, y[h]);
      } else if constexpr (kEpilogue == Epilogue::kGate) {
        const Vec up = MulAdd(Load(result.y[1][h][m]), second_factor, second_bias[h]);
        y[h] = GateProduct(job.gate, y[h], up);
      }
      if (out != nullptr) StoreFirst(out + h * kLanes, y[h], masks[h]);
    }
    if constexpr (kEpilogue == Epilogue::kGate || kEpilogue == Epilogue::kActivate) {
      if (job.out_blocks != nullptr) {
        QuantiseBlock(y[0], y[1],
                      job.out_blocks + ActivationIndex(row + m, unit, BlocksOf(columns)));
      }
    }
  }
}

inline void FinishTile(const GemmJob& job, int64_t unit, int64_t row, int64_t count,
                       const UnitResult& result) {
  switch (job.epilogue) {
    case Epilogue::kStore:
      return FinishRows<Epilogue::kStore>(job, unit, row, count, result);
    case Epilogue::kAddTo:
      return FinishRows<Epilogue::kAddTo>(job, unit, row, count, result);
    case Epilogue::kLogits:
      return FinishRows<Epilogue::kLogits>(job, unit, row, count, result);
    case Epilogue::kActivate:
      return FinishRows<Epilogue::kActivate>(job, unit, row, count, result);
    case Epilogue::kGate:
      return FinishRows<Epilogue::kGate>(job, unit, row, count, result);
  }
}

// --- int8 ----------------------------------------------------------------------------------------

SKEP_INLINE const Int8Format& Int8FormatOf(const PackedMatrix& matrix) {
  return kInt8Formats[static_cast<int>(matrix.format())];
}

// Whether tiles take two panels at once. As long as memory is what limits, which it does up to
// about as many rows as a weight has bits, panels are read one after the other, as one stream.
SKEP_INLINE bool SharesTiles(const GemmJob& job) {
  if (!job.spare_pipes || Int8FormatOf(*job.matrix).pairs == nullptr) return false;
  if (job.rows * job.matrix->columns() * kLanes <= 8 * job.matrix->panel_bytes()) return false;
  return job.epilogue != Epilogue::kGate || Int8FormatOf(*job.second).pairs != nullptr;
}

// How the rows of a chunk are cut into tiles: in twelves, or where both panels share a tile into at
// most sixes, seven and eight evenly.
SKEP_INLINE int64_t TileRowsAt(int64_t row, int64_t end, bool pairs) {
  const int64_t in_twelve = kTileRows - row % kTileRows;
  const int64_t left = end - row < in_twelve ? end - row : in_twelve;
  if (!pairs || left <= kBothPanelsRows) return left;
  return left <= 8 ? 4 : kBothPanelsRows;
}

// What the tiles of a chunk of rows fetch of one matrix. With one tile the weights come from memory
// as one stream, fetched ahead of the tile itself. On processors with spare pipes that stream only
// keeps up when a whole panel is under way to the nearest cache, its scales with it, which lie
// behind its quants and are needed with the first. With several tiles, the first would wait for
// memory and the others leave it idle: so each fetches its share of the panels that come next.
class FetchPlan {
 public:
  FetchPlan() = default;
  FetchPlan(const PackedMatrix& matrix, int64_t tiles, bool spare_pipes, bool shared)
      : tiles_(tiles),
        blocks_(BlocksOf(matrix.columns())),
        next_(2 * matrix.panel_bytes()),
        share_(WholeLines(next_ / 2, tiles * blocks_)) {
    const int64_t panels = shared ? next_ : next_ / 2;
    stream_.offset = spare_pipes ? panels + kPrefetchMargin : kPrefetchBytes;
    stream_.bytes_per_block = WholeLines(next_ / 2, blocks_);
    stream_.near = spare_pipes;
  }

  // `first`: nothing was fetched for this unit.
  Ahead Of(int64_t tile, bool first) const {
    if (tiles_ == 1 || (tile == 0 && first)) return stream_;
    return {next_ + tile * blocks_ * share_, share_, /*near=*/false};
  }

 private:
  // Cache lines for each of `parts`, in bytes.
  static int64_t WholeLines(int64_t bytes, int64_t parts) {
    return ((bytes + parts - 1) / parts + 63) / 64 * 64;
  }
  int64_t tiles_ = 1;
  int64_t blocks_ = 0;
  int64_t next_ = 0;   // where the next unit's first panel begins
  int64_t share_ = 0;  // of a tile, in bytes a block
  Ahead stream_;
};

// The panels of a unit, of each matrix, decoded where that pays, and their tiles.
struct UnitPanels {
  PanelPair pairs[2];
  PanelView views[2][2];
  const Int8TileFunction* tiles[2];
  int count;

  // `shared`: see SharesTiles.
  UnitPanels(const GemmJob& job, int64_t unit, int64_t rows, bool shared, uint8_t* workspace)
      : count(PairsOf(job, unit, pairs)) {
    const int64_t blocks = BlocksOf(job.matrix->columns());
    for (int i = 0; i < count; ++i) {
      const Int8Format& format = Int8FormatOf(*pairs[i].matrix);
      const bool decode = !job.spare_pipes && rows >= format.decode_rows;
      tiles[i] = decode ? format.decoded : shared ? format.pairs : format.packed;
      for (int p = 0; p < 2; ++p) {
        views[i][p] = pairs[i].matrix->Panel(pairs[i].first + p);
        if (!decode) continue;
        uint8_t* slot = workspace + (2 * i + p) * blocks * kMaxDecodedBlockBytes;
        format.decode(views[i][p], blocks, slot);
        views[i][p] = {slot, nullptr, nullptr};
      }
    }
  }
};

inline void GemmInt8(const GemmJob& job, int64_t begin, int64_t end, uint8_t* workspace) {
  const int64_t blocks = BlocksOf(job.matrix->columns());
  const int64_t chunk = RowsPerChunk(blocks * static_cast<int64_t>(sizeof(ActivationBlock)));
  const bool shared = SharesTiles(job);
  for (int64_t chunk_begin = 0; chunk_begin < job.rows; chunk_begin += chunk) {
    const int64_t chunk_end = chunk_begin + chunk < job.rows ? chunk_begin + chunk : job.rows;
    int64_t tiles = 0;
    for (int64_t row = chunk_begin; row < chunk_end; ++tiles) {
      row += TileRowsAt(row, chunk_end, shared);
    }
    FetchPlan fetch[2] = {{*job.matrix, tiles, job.spare_pipes, shared}, {}};
    if (job.second != nullptr) fetch[1] = {*job.second, tiles, job.spare_pipes, shared};
    for (int64_t unit = begin; unit < end; ++unit) {
      const UnitPanels panels(job, unit, chunk_end - chunk_begin, shared, workspace);
      int64_t tile = 0;
      for (int64_t row = chunk_begin; row < chunk_end; ++tile) {
        const int64_t rows = TileRowsAt(row, chunk_end, shared);
        const ActivationBlock* x = job.blocks + ActivationIndex(row, 0, blocks);
        UnitResult result;
        for (int i = 0; i < panels.count; ++i) {
          panels.tiles[i][TileSizeIndex(rows)](panels.views[i], blocks, x, result.y[i][0][0],
                                               fetch[i].Of(tile, /*first=*/unit == begin));
        }
        FinishTile(job, unit, row, rows, result);
        row += rows;
      }
    }
  }
}

// --- floats --------------------------------------------------------------------------------------

SKEP_INLINE void StoreValues(float* p, Vec v) { Store(p, v); }
SKEP_INLINE void StoreValues(uint16_t* p, Vec v) { StoreBfloat(p, v); }

// Rows [row, row + count) of x for a tile of `size`, rows beyond `count` repeating the last.
template <typename Value>
inline void PackRows(const GemmJob& job, int64_t row, int64_t count, int size, Value* out) {
  const int64_t columns = job.matrix->columns();
  for (int m = 0; m < size; ++m) {
    const float* x = job.values + (row + (m < count ? m : count - 1)) * job.values_stride;
    Value* to = out + m * kStretch;
    for (int64_t k = 0; k < columns; k += kStretch, to += size * kStretch) {
      StoreValues(to, LoadFirst(x + k, FirstLanes(columns - k)));
    }
  }
}

inline void GemmFloat(const GemmJob& job, int64_t begin, int64_t end, uint8_t* workspace) {
  const int64_t columns = job.matrix->columns();
  const int64_t padded = (columns + kStretch - 1) / kStretch * kStretch;
  float* packed = reinterpret_cast<float*>(workspace);
  float* panels = packed + kFloatChunkTiles * kTileRows * padded;  // 4 panels
  float* scratch = panels + 4 * kLanes * columns;
  const int64_t chunk = kFloatChunkTiles * kTileRows;
  for (int64_t chunk_begin = 0; chunk_begin < job.rows; chunk_begin += chunk) {
    const int64_t chunk_end = chunk_begin + chunk < job.rows ? chunk_begin + chunk : job.rows;
    for (int64_t row = chunk_begin; row < chunk_end; row += kTileRows) {
      const int64_t rows = chunk_end - row < kTileRows ? chunk_end - row : kTileRows;
      const int size = kFloatTileSizes[FloatTileSizeIndex(rows)];
      float* tile = packed + (row - chunk_begin) * padded;
      if (job.matrix->rounds_inputs()) {
        PackRows(job, row, rows, size, reinterpret_cast<uint16_t*>(tile));
      } else {
        PackRows(job, row, rows, size, tile);
      }
    }
    for (int64_t unit = begin; unit < end; ++unit) {
      PanelPair pairs[2];
      const uint8_t* views[2][2];
      const int count = PairsOf(job, unit, pairs);
      for (int i = 0; i < count; ++i) {
        for (int p = 0; p < 2; ++p) {
          const PackedMatrix& matrix = *pairs[i].matrix;
          views[i][p] = matrix.Panel(pairs[i].first + p).quants;
          if (matrix.format() == PackedFormat::kFileRows) {
            float* slot = panels + (2 * i + p) * kLanes * columns;
            matrix.DecodePanel(pairs[i].first + p, slot, scratch);
            views[i][p] = reinterpret_cast<const uint8_t*>(slot);
          }
        }
      }
      for (int64_t row = chunk_begin; row < chunk_end; row += kTileRows) {
        const int64_t rows = chunk_end - row < kTileRows ? chunk_end - row : kTileRows;
        const float* x = packed + (row - chunk_begin) * padded;
        const int size = FloatTileSizeIndex(rows);
        UnitResult result;
        for (int i = 0; i < count; ++i) {
          const FloatTileFunction* tiles = FloatTilesOf(*pairs[i].matrix);
          tiles[size](views[i], columns, x, result.y[i][0][0]);
        }
        FinishTile(job, unit, row, rows, result);
      }
    }
  }
}

inline void Gemm(const GemmJob& job, int64_t begin, int64_t end, uint8_t* workspace) {
  if (job.rows == 0) return;
  if (IsInt8(job.matrix->format())) {
    GemmInt8(job, begin, end, workspace);
  } else {
    GemmFloat(job, begin, end, workspace);
  }
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_GEMM_KERNELS_H_
