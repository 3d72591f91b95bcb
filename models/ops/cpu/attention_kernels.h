// Attention over cache blocks: the query heads of a KV head (and, in prefill, several tokens) as
// the rows of a small GEMM, with an online softmax. Included once per instruction set.
//
// A row's result depends on its own query and keys alone: blocks are visited in order of position,
// one softmax update a block, and every sum runs in one order. A block of which a row sees nothing
// leaves that row unchanged, so it does not matter which rows share a tile.
#ifndef SKEP_MODELS_OPS_CPU_ATTENTION_KERNELS_H_
#define SKEP_MODELS_OPS_CPU_ATTENTION_KERNELS_H_

#include "models/ops/cpu/vector_kernels.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

struct KvF32 {
  using Element = float;
  static SKEP_INLINE Vec At(const float* p) { return Load(p); }
  static SKEP_INLINE void Put(float* p, Vec v) { Store(p, v); }
};
struct KvF16 {
  using Element = uint16_t;
  static SKEP_INLINE Vec At(const uint16_t* p) { return LoadHalf(p); }
  // Saturates: one infinite key would turn other tokens' masked products into NaN.
  static SKEP_INLINE void Put(uint16_t* p, Vec v) {
    StoreHalf(p, Min(Set(kHalfLargest), Max(Set(-kHalfLargest), v)));
  }
  static constexpr float kHalfLargest = 65504.0f;
};
struct KvBf16 {
  using Element = uint16_t;
  static SKEP_INLINE Vec At(const uint16_t* p) { return LoadBfloat(p); }
  static SKEP_INLINE void Put(uint16_t* p, Vec v) { StoreBfloat(p, v); }
};

// A thread's scratch.
struct AttentionScratch {
  float* queries;  // [rows, head_dim], scaled
  float* weights;  // [rows, block_size]: scores, then exp(score - max)
  float* rescale;  // [rows]: what a block's new maximum does to the older sums
  float* keys;     // [head_dim, block_size] as float32
  float* values;   // [block_size, value_stride] as float32
};

SKEP_INLINE int64_t RoundUp16(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

SKEP_INLINE AttentionScratch CarveScratch(const AttentionJob& job, uint8_t* workspace) {
  const int64_t rows = TileTokens(job) * job.group();
  AttentionScratch s;
  s.queries = reinterpret_cast<float*>(workspace);
  s.weights = s.queries + RoundUp16(rows * job.head_dim);
  s.rescale = s.weights + rows * job.block_size;
  s.keys = s.rescale + RoundUp16(rows);
  s.values = s.keys + RoundUp16(job.head_dim * job.block_size);
  return s;
}

// scores[r][t] = queries[r] . keys[:, t] for R rows and 16 N tokens.
template <class Kv, int R, int N>
inline void ScoreRows(const float* queries, int64_t head_dim, const typename Kv::Element* keys,
                      float* scores) {
  Vec sums[R][N];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) sums[r][n] = Zero();
  }
  for (int64_t d = 0; d < head_dim; ++d) {
    Vec k[N];
    for (int n = 0; n < N; ++n) k[n] = Kv::At(keys + (d * N + n) * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec q = Set(queries[r * head_dim + d]);
      for (int n = 0; n < N; ++n) sums[r][n] = MulAdd(q, k[n], sums[r][n]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) Store(scores + (r * N + n) * kLanes, sums[r][n]);
  }
}

template <class Kv, int N>
inline void Scores(const float* queries, int64_t rows, int64_t head_dim,
                   const typename Kv::Element* keys, float* scores) {
  int64_t r = 0;
  const auto run = [&](auto function, int64_t count) {
    function(queries + r * head_dim, head_dim, keys, scores + r * N * kLanes);
    r += count;
  };
  if constexpr (kWideTiles) {
    while (rows - r >= 8) run(ScoreRows<Kv, 8, N>, 8);
    if (rows - r >= 4) run(ScoreRows<Kv, 4, N>, 4);
    if (rows - r == 3) run(ScoreRows<Kv, 3, N>, 3);
    if (rows - r == 2) run(ScoreRows<Kv, 2, N>, 2);
  }
  while (rows - r >= 1) run(ScoreRows<Kv, 1, N>, 1);
}

// out[r] = out[r] * rescale[r] + sum over t in [begin, end) of weights[r][t] * values[t], for R
// rows and 16 N dimensions.
template <class Kv, int R, int N>
SKEP_INLINE void WeighRows(const float* weights, int64_t block_size, const float* rescale,
                           const typename Kv::Element* values, int64_t stride, int64_t begin,
                           int64_t end, float* out) {
  Vec sums[R][N];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) {
      sums[r][n] = Mul(Load(out + r * stride + n * kLanes), Set(rescale[r]));
    }
  }
  for (int64_t t = begin; t < end; ++t) {
    Vec v[N];
    for (int n = 0; n < N; ++n) v[n] = Kv::At(values + t * stride + n * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vec w = Set(weights[r * block_size + t]);
      for (int n = 0; n < N; ++n) sums[r][n] = MulAdd(w, v[n], sums[r][n]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) Store(out + r * stride + n * kLanes, sums[r][n]);
  }
}

template <class Kv, int R>
inline void WeighAllDimensions(const float* weights, int64_t block_size, const float* rescale,
                               const typename Kv::Element* values, int64_t stride, int64_t begin,
                               int64_t end, float* out) {
  int64_t d = 0;
  for (; d + 4 * kLanes <= stride; d += 4 * kLanes) {
    WeighRows<Kv, R, 4>(weights, block_size, rescale, values + d, stride, begin, end, out + d);
  }
  for (; d < stride; d += kLanes) {
    WeighRows<Kv, R, 1>(weights, block_size, rescale, values + d, stride, begin, end, out + d);
  }
}

template <class Kv>
inline void WeighValues(const AttentionScratch& s, int64_t rows, int64_t block_size,
                        const typename Kv::Element* values, int64_t stride, int64_t begin,
                        int64_t end, float* out) {
  int64_t r = 0;
  const auto run = [&](auto function, int64_t count) {
    function(s.weights + r * block_size, block_size, s.rescale + r, values, stride, begin, end,
             out + r * stride);
    r += count;
  };
  if constexpr (kWideTiles) {
    while (rows - r >= 4) run(WeighAllDimensions<Kv, 4>, 4);
    if (rows - r == 3) run(WeighAllDimensions<Kv, 3>, 3);
    if (rows - r == 2) run(WeighAllDimensions<Kv, 2>, 2);
  }
  while (rows - r >= 1) run(WeighAllDimensions<Kv, 1>, 1);
}

// Scores of one row and block -> weights; updates the row's maximum and sum. The row sees tokens
// [first, last) of the block.
template <int N>
SKEP_INLINE void SoftmaxRow(float softcap, int64_t first, int64_t last, float* weights,
                            float* rescale, float* row_max, float* row_sum) {
  const Vec lowest = Set(-__builtin_inff());
  Vec score[N];
  Vec highest = lowest;
  if (first >= last) {
    for (int n = 0; n < N; ++n) Store(weights + n * kLanes, Zero());
    *rescale = 1.0f;
    return;
  }
  for (int n = 0; n < N; ++n) {
    score[n] = Load(weights + n * kLanes);
    if (softcap > 0.0f) score[n] = Mul(Set(softcap), Tanh(Div(score[n], Set(softcap))));
    score[n] = Select(FirstLanes(last - n * kLanes), score[n], lowest);
    score[n] = Select(FirstLanes(first - n * kLanes), lowest, score[n]);
    highest = Max(highest, score[n]);
  }
  const float old_max = *row_max;
  const float block_max = MaxLanes(highest);
  const float new_max = old_max > block_max ? old_max : block_max;
  // -inf only before a row's first block: there is nothing to rescale then.
  const bool fresh = old_max == -__builtin_inff();
  const float factor = fresh ? 0.0f : SumLanes(Mul(Exp(Set(old_max - new_max)), Set(0.0625f)));
  Vec sum = Zero();
  for (int n = 0; n < N; ++n) {
    Vec w = Exp(Sub(score[n], Set(new_max)));
    w = Select(FirstLanes(last - n * kLanes), w, Zero());
    w = Select(FirstLanes(first - n * kLanes), Zero(), w);
    Store(weights + n * kLanes, w);
    sum = Add(sum, w);
  }
  *rescale = factor;
  *row_max = new_max;
  *row_sum = *row_sum * factor + SumLanes(sum);
}

template <class Kv, int N>
inline void AttendSplit(const AttentionJob& job, const AttentionTile& tile, int64_t split,
                        const AttentionState& state, uint8_t* workspace) {
  using Element = typename Kv::Element;
  constexpr int64_t kBlockSize = N * kLanes;
  const AttentionScratch s = CarveScratch(job, workspace);
  const int64_t group = job.group();
  const int64_t rows = tile.tokens * group;
  const int64_t dim = job.head_dim;
  const int64_t stride = job.value_stride();

  // Row r is head r % group of token r / group.
  for (int64_t r = 0; r < rows; ++r) {
    const float* q = job.queries + (tile.first_token + r / group) * job.query_stride +
                     (tile.kv_head * group + r % group) * dim;
    for (int64_t d = 0; d < dim; ++d) s.queries[r * dim + d] = q[d] * job.scale;
    state.max[r] = -__builtin_inff();
    state.sum[r] = 0.0f;
    for (int64_t d = 0; d < stride; d += kLanes) Store(state.values + r * stride + d, Zero());
  }

  const int64_t last_position = tile.first_position + tile.tokens - 1;
  const int64_t oldest = job.window > 0 && tile.first_position >= job.window
                             ? tile.first_position - job.window + 1
                             : 0;
  int64_t begin = split * kSplitTokens;
  int64_t end = begin + kSplitTokens;
  begin = begin < oldest ? oldest : begin;
  end = end > last_position + 1 ? last_position + 1 : end;
  for (int64_t block = begin / kBlockSize; block * kBlockSize < end; ++block) {
    const int64_t start = block * kBlockSize;
    const int64_t at = static_cast<int64_t>(tile.blocks[block]) * job.kv_heads + tile.kv_head;
    const Element* keys = static_cast<const Element*>(job.keys) + at * dim * kBlockSize;
    const Element* values = static_cast<const Element*>(job.values) + at * stride * kBlockSize;
    // Many rows: convert the block once instead of in every group of rows.
    const bool convert = sizeof(Element) == 2 && rows > 8;
    if (convert) {
      for (int64_t i = 0; i < dim * kBlockSize; i += kLanes) Store(s.keys + i, Kv::At(keys + i));
      Scores<KvF32, N>(s.queries, rows, dim, s.keys, s.weights);
    } else {
      Scores<Kv, N>(s.queries, rows, dim, keys, s.weights);
    }
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t position = tile.first_position + r / group;
      const int64_t first = job.window > 0 ? position - job.window + 1 - start : 0;
      int64_t last = position + 1 - start;
      last = last > kBlockSize ? kBlockSize : last;
      SoftmaxRow<N>(job.softcap, first < 0 ? 0 : first, last, s.weights + r * kBlockSize,
                    s.rescale + r, state.max + r, state.sum + r);
    }
    // Tokens that no row sees may never have been written.
    const int64_t first = oldest > start ? oldest - start : 0;
    const int64_t last =
        last_position + 1 - start < kBlockSize ? last_position + 1 - start : kBlockSize;
    if (convert) {
      for (int64_t i = first * stride; i < last * stride; i += kLanes) {
        Store(s.values + i, Kv::At(values + i));
      }
      WeighValues<KvF32>(s, rows, kBlockSize, s.values, stride, first, last, state.values);
    } else {
      WeighValues<Kv>(s, rows, kBlockSize, values, stride, first, last, state.values);
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
    float* out = job.out + (tile.first_token + r / group) * job.out_stride +
                 (tile.kv_head * group + r % group) * job.head_dim;
    const Vec inverse = Set(1.0f / total.sum[r]);
    for (int64_t d = 0; d < job.head_dim; d += kLanes) {
      StoreFirst(out + d, Mul(Load(total.values + r * stride + d), inverse),
                 FirstLanes(job.head_dim - d));
    }
  }
}

template <class Kv>
inline void StoreKvRow(const AttentionJob& job, const float* key, const float* value,
                       int64_t offset, void* key_block, void* value_block) {
  using Element = typename Kv::Element;
  Element* keys = static_cast<Element*>(key_block) + offset;
  Element* values = static_cast<Element*>(value_block) + offset * job.value_stride();
  for (int64_t d = 0; d < job.head_dim; d += kLanes) {
    const Mask m = FirstLanes(job.head_dim - d);
    Element lanes[kLanes];
    Kv::Put(lanes, LoadFirst(key + d, m));
    const int64_t count = job.head_dim - d < kLanes ? job.head_dim - d : kLanes;
    for (int64_t i = 0; i < count; ++i) keys[(d + i) * job.block_size] = lanes[i];
    Kv::Put(values + d, LoadFirst(value + d, m));
  }
}

inline void StoreKv(const AttentionJob& job, const float* key, const float* value, int64_t offset,
                    void* key_block, void* value_block) {
  switch (job.kv_type) {
    case KvType::kF16:
      return StoreKvRow<KvF16>(job, key, value, offset, key_block, value_block);
    case KvType::kBF16:
      return StoreKvRow<KvBf16>(job, key, value, offset, key_block, value_block);
    case KvType::kF32:
      return StoreKvRow<KvF32>(job, key, value, offset, key_block, value_block);
  }
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_ATTENTION_KERNELS_H_
