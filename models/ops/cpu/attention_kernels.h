// Attention over cache blocks: the query heads of a KV head (and, in prefill, several tokens) as
// the rows of a small GEMM, with an online softmax. Included once per instruction set.
//
// A row's result depends on its own query and keys alone: a split's scores come first, then its
// softmax, then the weighted values in order of position; every sum runs in one order. Tokens that
// a row does not see have weight zero, so it does not matter which rows share a tile.
#ifndef SKEP_MODELS_OPS_CPU_ATTENTION_KERNELS_H_
#define SKEP_MODELS_OPS_CPU_ATTENTION_KERNELS_H_

#include <type_traits>

#include "models/ops/cpu/attention_scores.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// The blocks of one split that a tile sees: tokens [begin, end) of the sequence.
struct SplitRange {
  int64_t begin;
  int64_t end;
  int64_t start;  // of the split: weights[r * kSplitTokens + t - start] belongs to token t
};

// sums[r] += sum over t in [begin, end) of weights[r][t] * values[t], R rows and 16 N dimensions.
// `next` will be read later.
template <class Kv, int R, int N>
SKEP_INLINE void AddValues(const float* weights, const typename Kv::Element* values,
                           const typename Kv::Element* next, int64_t stride, int64_t begin,
                           int64_t end, Vec (&sums)[R][N]) {
  constexpr int kLine = 64 / (sizeof(typename Kv::Element) * kLanes);  // vectors in a cache line
  for (int64_t t = begin; t < end; ++t) {
    for (int n = 0; n < N; n += kLine) Prefetch(next + t * stride + n * kLanes);
    Vec v[N];
    for (int n = 0; n < N; ++n) v[n] = Kv::At(values + t * stride + n * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vec w = Set(weights[r * kSplitTokens + t]);
      for (int n = 0; n < N; ++n) sums[r][n] = MulAdd(w, v[n], sums[r][n]);
    }
  }
}

// Where the blocks of a tile's KV head begin.
template <class Kv>
struct HeadBlocks {
  using Element = typename Kv::Element;
  HeadBlocks(const AttentionJob& job, const AttentionTile& tile)
      : keys_(static_cast<const Element*>(job.keys)),
        values_(static_cast<const Element*>(job.values)),
        table_(tile.blocks),
        heads_(job.kv_heads),
        head_(tile.kv_head),
        key_elements_(job.key_bytes() / static_cast<int64_t>(sizeof(Element))),
        value_elements_(job.value_bytes() / static_cast<int64_t>(sizeof(Element))) {}
  const Element* Keys(int64_t block) const { return keys_ + At(block) * key_elements_; }
  const Element* Values(int64_t block) const { return values_ + At(block) * value_elements_; }

 private:
  int64_t At(int64_t block) const { return int64_t{table_[block]} * heads_ + head_; }
  const Element* keys_;
  const Element* values_;
  const int32_t* table_;
  int64_t heads_;
  int64_t head_;
  int64_t key_elements_;
  int64_t value_elements_;
};

// out[r][d] of R rows and 16 N dimensions over all blocks of the range, in registers.
template <class Kv, int R, int N>
SKEP_INLINE void WeighRange(const HeadBlocks<Kv>& blocks, int64_t block_size,
                            const SplitRange& range, const float* weights, int64_t dimension,
                            int64_t stride, float* out) {
  Vec sums[R][N];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) sums[r][n] = Zero();
  }
  for (int64_t block = range.begin / block_size; block * block_size < range.end; ++block) {
    const int64_t start = block * block_size;
    const int64_t first = range.begin > start ? range.begin - start : 0;
    const int64_t last = range.end - start < block_size ? range.end - start : block_size;
    const typename Kv::Element* values = blocks.Values(block) + dimension;
    const bool ends = start + block_size >= range.end;
    const typename Kv::Element* next = ends ? values : blocks.Values(block + 1) + dimension;
    AddValues<Kv, R, N>(weights + start - range.start, values, next, stride, first, last, sums);
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) Store(out + r * stride + n * kLanes, sums[r][n]);
  }
}

template <class Kv, int R>
inline void WeighFewRows(const HeadBlocks<Kv>& blocks, int64_t block_size, const SplitRange& range,
                         const float* weights, int64_t stride, float* out) {
  int64_t d = 0;
  for (; d + 4 * kLanes <= stride; d += 4 * kLanes) {
    WeighRange<Kv, R, 4>(blocks, block_size, range, weights, d, stride, out + d);
  }
  for (; d < stride; d += kLanes) {
    WeighRange<Kv, R, 1>(blocks, block_size, range, weights, d, stride, out + d);
  }
}

// out[r] += one block's weighted values, already float32, for R rows.
template <int R>
inline void WeighBlock(const float* weights, const float* values, int64_t stride, int64_t begin,
                       int64_t end, float* out) {
  const auto part = [&]<int N>(int64_t d) SKEP_LAMBDA_INLINE {
    Vec sums[R][N];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) sums[r][n] = Load(out + r * stride + d + n * kLanes);
    }
    AddValues<KvF32, R, N>(weights, values + d, values + d, stride, begin, end, sums);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) Store(out + r * stride + d + n * kLanes, sums[r][n]);
    }
  };
  int64_t d = 0;
  for (; d + 4 * kLanes <= stride; d += 4 * kLanes) part.template operator()<4>(d);
  for (; d < stride; d += kLanes) part.template operator()<1>(d);
}

// 0, 1, 2 ...
SKEP_INLINE Vec LaneIndices() {
  alignas(64) static constexpr float kIndices[kLanes] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                         8, 9, 10, 11, 12, 13, 14, 15};
  return Load(kIndices);
}

// What a row sees: tokens [first, last) of `count` scores, count a multiple of 16. `distance` is
// from the query to the first of the scores' tokens; ALiBi adds slope * distance.
struct RowRange {
  int64_t first;
  int64_t last;
  int64_t count;
  float slope;
  float distance;
};

// Scores of one row -> weights. Sets the row's maximum and sum. `value_scales`, if any, are
// multiplied into the weights.
inline void SoftmaxRow(float softcap, const RowRange& row, const float* value_scales,
                       float* weights, float* row_max, float* row_sum) {
  const int64_t first = row.first, last = row.last, count = row.count;
  const Vec lowest = Set(-__builtin_inff());
  Vec highest = lowest;
  for (int64_t t = 0; t < count; t += kLanes) {
    Vec score = Load(weights + t);
    if (softcap > 0.0f) score = Mul(Set(softcap), Tanh(Div(score, Set(softcap))));
    if (row.slope != 0.0f) {
      const Vec distance = Add(Set(row.distance + static_cast<float>(t)), LaneIndices());
      score = MulAdd(Set(row.slope), distance, score);
    }
    if (t < first || t + kLanes > last) {
      score = Select(FirstLanes(last - t), score, lowest);
      score = Select(FirstLanes(first - t), lowest, score);
    }
    Store(weights + t, score);
    highest = Max(highest, score);
  }
  const float max = MaxLanes(highest);
  Vec sum = Zero();
  for (int64_t t = 0; t < count; t += kLanes) {
    Vec w = Zero();
    if (t < last && t + kLanes > first) {
      w = Exp(Sub(Load(weights + t), Set(max)));
      if (t < first || t + kLanes > last) {
        w = Select(FirstLanes(last - t), w, Zero());
        w = Select(FirstLanes(first - t), Zero(), w);
      }
      sum = Add(sum, w);
      if (value_scales != nullptr) {
        // Tokens that are not seen may have any scale.
        w = Select(Less(Zero(), w), Mul(w, Load(value_scales + t)), w);
      }
    }
    Store(weights + t, w);
  }
  *row_max = first < last ? max : -__builtin_inff();
  *row_sum = SumLanes(sum);
}

// Up to so many rows read keys and values as they are; more have each block converted once.
inline constexpr int64_t kFewRows = 4;

template <class Kv, int N>
inline void AttendSplit(const AttentionJob& job, const AttentionTile& tile, int64_t split,
                        const AttentionState& state, uint8_t* workspace) {
  constexpr int64_t kBlockSize = N * kLanes;
  constexpr bool kInt8 = std::is_same_v<Kv, KvI8>;
  const AttentionScratch s = CarveScratch(job, workspace);
  const int64_t group = job.group();
  const int64_t rows = tile.tokens * group;
  const int64_t dim = job.head_dim;
  const int64_t stride = job.value_stride();
  LoadQueries<kInt8>(job, tile, s.queries);

  const int64_t oldest = job.FirstSeen(tile.first_position);
  const int64_t end = job.EndSeen(tile.first_position + tile.tokens - 1, tile.prefix);
  SplitRange range;
  range.start = split * kSplitTokens;
  range.begin = range.start < oldest ? oldest : range.start;
  range.end = range.start + kSplitTokens;
  range.end = range.end > end ? end : range.end;

  const HeadBlocks<Kv> blocks(job, tile);
  const int64_t first_block = range.begin / kBlockSize;
  const int64_t end_block = (range.end + kBlockSize - 1) / kBlockSize;
  const bool convert = sizeof(typename Kv::Element) == 2 && rows > kFewRows;
  for (int64_t block = first_block; block < end_block; ++block) {
    const typename Kv::Element* keys = blocks.Keys(block);
    float* scores = s.weights + block * kBlockSize - range.start;
    if constexpr (kInt8) {
      const auto* next =
          block + 1 < end_block ? blocks.Keys(block + 1) : blocks.Values(first_block);
      Int8Scores<N>(job, s.queries, rows, keys, next, scores);
      const auto* scales =
          reinterpret_cast<const uint16_t*>(blocks.Values(block) + stride * kBlockSize);
      float* to = s.value_scales + (block - first_block) * kBlockSize;
      for (int n = 0; n < N; ++n) Store(to + n * kLanes, LoadBfloat(scales + n * kLanes));
    } else if (convert) {
      for (int64_t i = 0; i < dim * kBlockSize; i += kLanes) Store(s.block + i, Kv::At(keys + i));
      Scores<KvF32, N>(s.queries, rows, dim, s.block, s.block, scores);
    } else {
      const auto* next =
          block + 1 < end_block ? blocks.Keys(block + 1) : blocks.Values(first_block);
      Scores<Kv, N>(s.queries, rows, dim, keys, next, scores);
    }
  }

  const int64_t seen = first_block * kBlockSize - range.start;
  const int64_t count = (end_block - first_block) * kBlockSize;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t position = tile.first_position + r / group;
    const int64_t first = job.FirstSeen(position) - range.start - seen;
    int64_t last = job.EndSeen(position, tile.prefix) - range.start - seen;
    last = last > count ? count : last;
    RowRange row{first < 0 ? 0 : first, last < 0 ? 0 : last, count, 0.0f, 0.0f};
    if (job.slopes != nullptr) {
      row.slope = job.slopes[tile.kv_head * group + r % group];
      row.distance = static_cast<float>(range.start + seen - position);
    }
    SoftmaxRow(job.softcap, row, kInt8 ? s.value_scales : nullptr,
               s.weights + r * kSplitTokens + seen, state.max + r, state.sum + r);
  }

  if (rows <= kFewRows) {
    const auto weigh = [&](auto function, int64_t r) {
      function(blocks, kBlockSize, range, s.weights + r * kSplitTokens, stride,
               state.values + r * stride);
    };
    if constexpr (kWideTiles) {
      if (rows == 1) return weigh(WeighFewRows<Kv, 1>, 0);
      if (rows == 2) return weigh(WeighFewRows<Kv, 2>, 0);
      if (rows == 3) return weigh(WeighFewRows<Kv, 3>, 0);
      return weigh(WeighFewRows<Kv, 4>, 0);
    }
    for (int64_t r = 0; r < rows; ++r) weigh(WeighFewRows<Kv, 1>, r);
    return;
  }
  for (int64_t i = 0; i < rows * stride; i += kLanes) Store(state.values + i, Zero());
  for (int64_t block = first_block; block < end_block; ++block) {
    const typename Kv::Element* values = blocks.Values(block);
    const int64_t start = block * kBlockSize;
    // Tokens that no row sees may never have been written.
    const int64_t first = range.begin > start ? range.begin - start : 0;
    const int64_t last = range.end - start < kBlockSize ? range.end - start : kBlockSize;
    for (int64_t i = first * stride; i < last * stride; i += kLanes) {
      Store(s.block + i, Kv::At(values + i));
    }
    const float* weights = s.weights + start - range.start;
    int64_t r = 0;
    if constexpr (kWideTiles) {
      for (; r + 4 <= rows; r += 4) {
        WeighBlock<4>(weights + r * kSplitTokens, s.block, stride, first, last,
                      state.values + r * stride);
      }
    }
    for (; r < rows; ++r) {
      WeighBlock<1>(weights + r * kSplitTokens, s.block, stride, first, last,
                    state.values + r * stride);
    }
  }
}

inline void Attend(const AttentionJob& job, const AttentionTile& tile, int64_t split,
                   const AttentionState& state, uint8_t* workspace) {
  const bool small = job.block_size == 16;
  switch (job.kv_type) {
    case KvType::kF16:
      (small ? AttendSplit<KvF16, 1> : AttendSplit<KvF16, 2>)(job, tile, split, state, workspace);
      break;
    case KvType::kBF16:
      (small ? AttendSplit<KvBf16, 1> : AttendSplit<KvBf16, 2>)(job, tile, split, state, workspace);
      break;
    case KvType::kF32:
      (small ? AttendSplit<KvF32, 1> : AttendSplit<KvF32, 2>)(job, tile, split, state, workspace);
      break;
    case KvType::kI8:
      (small ? AttendSplit<KvI8, 1> : AttendSplit<KvI8, 2>)(job, tile, split, state, workspace);
      break;
  }
}

SKEP_INLINE float ExpScalar(float x) {
  float lanes[kLanes];
  Store(lanes, Exp(Set(x)));
  return lanes[0];
}

inline void MergeState(const AttentionJob& job, int64_t rows, const AttentionState& part,
                       bool first, const AttentionState& total) {
  const int64_t stride = job.value_stride();
  for (int64_t r = 0; r < rows; ++r) {
    float* sum = total.values + r * stride;
    const float* add = part.values + r * stride;
    // Parts of which the row saw nothing change nothing.
    if (!first && part.max[r] == -__builtin_inff()) continue;
    if (first || total.max[r] == -__builtin_inff()) {
      total.max[r] = part.max[r];
      total.sum[r] = part.sum[r];
      for (int64_t d = 0; d < stride; d += kLanes) Store(sum + d, Load(add + d));
      continue;
    }
    const float max = total.max[r] > part.max[r] ? total.max[r] : part.max[r];
    const float keep = ExpScalar(total.max[r] - max);
    const float take = ExpScalar(part.max[r] - max);
    total.max[r] = max;
    total.sum[r] = total.sum[r] * keep + part.sum[r] * take;
    for (int64_t d = 0; d < stride; d += kLanes) {
      Store(sum + d, MulAdd(Load(add + d), Set(take), Mul(Load(sum + d), Set(keep))));
    }
  }
}

inline void FinishAttention(const AttentionJob& job, const AttentionTile& tile,
                            const AttentionState& total) {
  const int64_t group = job.group();
  const int64_t stride = job.value_stride();
  for (int64_t r = 0; r < tile.tokens * group; ++r) {
    const int64_t head = tile.kv_head * group + r % group;
    float* out = job.out + (tile.first_token + r / group) * job.out_stride + head * job.value_dim;
    float sum = total.sum[r];
    if (job.sinks != nullptr) sum += ExpScalar(job.sinks[head] - total.max[r]);
    const Vec inverse = Set(1.0f / sum);
    for (int64_t d = 0; d < job.value_dim; d += kLanes) {
      StoreFirst(out + d, Mul(Load(total.values + r * stride + d), inverse),
                 FirstLanes(job.value_dim - d));
    }
  }
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_ATTENTION_KERNELS_H_
