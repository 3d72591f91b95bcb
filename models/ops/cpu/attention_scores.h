// Queries times keys: in floats, or on int8 caches in integers. Included once per instruction set,
// after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_ATTENTION_SCORES_H_
#define SKEP_MODELS_OPS_CPU_ATTENTION_SCORES_H_

#include "models/ops/cpu/kv_cache.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

// A thread's scratch.
struct AttentionScratch {
  float* queries;       // [rows, head_dim], scaled; or [rows, QueryPitch] of QuantisedQuery
  float* weights;       // [rows, kSplitTokens]: scores, then exp(score - max) times value scales
  float* value_scales;  // [kSplitTokens], int8 caches only
  float* block;         // a block's keys or values as float32
};

SKEP_INLINE int64_t RoundUp16(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

SKEP_INLINE AttentionScratch CarveScratch(const AttentionJob& job, uint8_t* workspace) {
  const int64_t rows = TileTokens(job) * job.group();
  AttentionScratch s;
  s.queries = reinterpret_cast<float*>(workspace);
  s.weights = s.queries + rows * QueryPitch(job);
  s.value_scales = s.weights + rows * kSplitTokens;
  s.block = s.value_scales + kSplitTokens;
  return s;
}

// scores[r][t] = queries[r] . keys[:, t] for R rows and 16 N tokens. `next` will be read later.
template <class Kv, int R, int N>
inline void ScoreRows(const float* queries, int64_t head_dim, const typename Kv::Element* keys,
                      const typename Kv::Element* next, float* scores) {
  Vec sums[R][N];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) sums[r][n] = Zero();
  }
  for (int64_t d = 0; d < head_dim; ++d) {
    Prefetch(next + d * N * kLanes);
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
    for (int n = 0; n < N; ++n) Store(scores + r * kSplitTokens + n * kLanes, sums[r][n]);
  }
}

// A query of an int8 cache, in one pitch of the scratch.
struct QuantisedQuery {
  float scale;
  int32_t start;  // kSumBias - 128 * sum of q: keys are stored + 128
  int8_t q[];     // 4 * key_quads
};

// As ScoreRows, on int8.
template <int R, int N>
inline void ScoreInt8Rows(const AttentionJob& job, const float* queries, const uint8_t* keys,
                          const uint8_t* next, float* scores) {
  const QuantisedQuery* q[R];
  Ints sums[R][N];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    q[r] = reinterpret_cast<const QuantisedQuery*>(queries + r * QueryPitch(job));
    for (int n = 0; n < N; ++n) sums[r][n] = SetInt(q[r]->start);
  }
  const int64_t quads = job.key_quads();
  for (int64_t d = 0; d < quads; ++d, keys += N * 64) {
    for (int n = 0; n < N; ++n) {
      Prefetch(next + (d * N + n) * 64);
      const Ints k = LoadBytes(keys + n * 64);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r)
        sums[r][n] = DotAdd</*kSmallBytes=*/false>(sums[r][n], k, q[r]->q + 4 * d);
    }
  }
  const auto* scales = reinterpret_cast<const uint16_t*>(keys);
  for (int n = 0; n < N; ++n) {
    const Vec scale = LoadBfloat(scales + n * kLanes);
    const Vec shift = ScaleShift(scale);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      Store(scores + r * kSplitTokens + n * kLanes,
            Mul(ScaleSum(sums[r][n], scale, shift), Set(q[r]->scale)));
    }
  }
}

template <int N>
inline void Int8Scores(const AttentionJob& job, const float* queries, int64_t rows,
                       const uint8_t* keys, const uint8_t* next, float* scores) {
  const auto run = [&](auto function, int64_t r) {
    function(job, queries + r * QueryPitch(job), keys, next, scores + r * kSplitTokens);
  };
  int64_t r = 0;
  if constexpr (kWideTiles) {
    for (; rows - r >= 4; r += 4) run(ScoreInt8Rows<4, N>, r);
    if (rows - r == 3) {
      run(ScoreInt8Rows<3, N>, r);
      r += 3;
    }
    for (; rows - r >= 2; r += 2) run(ScoreInt8Rows<2, N>, r);
  }
  for (; r < rows; ++r) run(ScoreInt8Rows<1, N>, r);
}

template <class Kv, int N>
inline void Scores(const float* queries, int64_t rows, int64_t head_dim,
                   const typename Kv::Element* keys, const typename Kv::Element* next,
                   float* scores) {
  const auto run = [&](auto function, int64_t r) {
    function(queries + r * head_dim, head_dim, keys, next, scores + r * kSplitTokens);
  };
  int64_t r = 0;
  if constexpr (kWideTiles) {
    for (; rows - r >= 8; r += 8) run(ScoreRows<Kv, 8, N>, r);
    for (; rows - r >= 4; r += 4) run(ScoreRows<Kv, 4, N>, r);
    if (rows - r == 3) {
      run(ScoreRows<Kv, 3, N>, r);
      r += 3;
    }
    for (; rows - r >= 2; r += 2) run(ScoreRows<Kv, 2, N>, r);
  }
  for (; r < rows; ++r) run(ScoreRows<Kv, 1, N>, r);
}

// Row r is head r % group of token r / group.
template <bool kInt8>
inline void LoadQueries(const AttentionJob& job, const AttentionTile& tile, float* out) {
  const int64_t group = job.group();
  const int64_t dim = job.head_dim;
  for (int64_t r = 0; r < tile.tokens * group; ++r) {
    const float* q = job.queries + (tile.first_token + r / group) * job.query_stride +
                     (tile.kv_head * group + r % group) * dim;
    if constexpr (kInt8) {
      alignas(64) int8_t codes[kLargestHead];
      auto* query = reinterpret_cast<QuantisedQuery*>(out + r * QueryPitch(job));
      int32_t sum;
      query->scale = Bfloat16ToFloat(QuantiseRow(q, dim, codes, sum)) * job.scale;
      query->start = kSumBias - 128 * sum;
      __builtin_memcpy(query->q, codes, 4 * job.key_quads());
    } else {
      for (int64_t d = 0; d < dim; ++d) out[r * dim + d] = q[d] * job.scale;
    }
  }
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_ATTENTION_SCORES_H_
