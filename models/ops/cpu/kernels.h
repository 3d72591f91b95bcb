// The kernels of one instruction set, as a table of functions on raw pointers.
//
// Every function computes each output row from that row's inputs in one fixed order, whatever the
// number of rows and whatever part of the work it is given: results are bit-equal.
#ifndef SKEP_MODELS_OPS_CPU_KERNELS_H_
#define SKEP_MODELS_OPS_CPU_KERNELS_H_

#include <cstdint>

#include "models/ops/cpu/activation_block.h"
#include "models/ops/cpu/cpu_features.h"
#include "models/ops/cpu/packed_matrix.h"

namespace skep::cpu {

enum class Gate {
  kSilu,
  kGeluTanh,
  kGeluErf,
  kRelu,
  kReluSquared,
  kTanh,
  kIdentity,
  kClampedSwish,
};
// How keys and values are cached. kI8: int8 with a bfloat16 scale a token and head, half the size
// of kF16.
enum class KvType { kF16, kBF16, kF32, kI8 };

inline int64_t KvBytes(KvType type) {
  return type == KvType::kF32 ? 4 : type == KvType::kI8 ? 1 : 2;
}

enum class Epilogue {
  kStore,     // out = y
  kAddTo,     // out += y * multiplier
  kLogits,    // out = softcap * tanh(y * multiplier / softcap); softcap 0: y * multiplier
  kActivate,  // out = gate(y), also quantised
  kGate,      // out = gate(y) * (second x + second_bias), also quantised
};

// y = matrix x + bias for `rows` activation rows.
struct GemmJob {
  const PackedMatrix* matrix = nullptr;
  const float* bias = nullptr;  // [matrix rows] or null
  // x in the form that the matrix wants: int8 formats read `blocks`, the others `values`.
  const ActivationBlock* blocks = nullptr;
  const float* values = nullptr;  // [rows, values_stride]
  int64_t values_stride = 0;
  int64_t rows = 0;
  bool spare_pipes = false;  // int8: see HasSparePipes; results have the same bits either way

  Epilogue epilogue = Epilogue::kStore;
  float* out = nullptr;  // [rows, out_stride]; null: `out_blocks` alone is wanted
  int64_t out_stride = 0;
  float multiplier = 1.0f;
  float softcap = 0.0f;
  Gate gate = Gate::kSilu;
  const PackedMatrix* second = nullptr;  // same shape as `matrix`
  const float* second_bias = nullptr;
  ActivationBlock* out_blocks = nullptr;  // kActivate, kGate: null or the quantised form of `out`
};

// What `mix` takes at most of either.
inline constexpr int64_t kMaxStreams = 8;

// Work of a GEMM is split into units of 32 output columns.
inline constexpr int64_t kUnitColumns = 2 * kLanes;
inline int64_t UnitsOf(const PackedMatrix& matrix) { return matrix.panels() / 2; }

// Int8 panels are decoded to at most so many bytes a block of 32 inputs.
inline constexpr int64_t kMaxDecodedBlockBytes = 512 + 4 * 64;
// Float kernels repack so many tiles of activations at once, in stretches of so many columns.
inline constexpr int64_t kFloatChunkTiles = 8;
inline constexpr int64_t kStretch = 16;

// A thread's private memory, 64-byte aligned. GemmWorkspaceBytes says how much a matrix needs.
int64_t GemmWorkspaceBytes(const PackedMatrix& matrix);

// One layer's cache and the shape of its attention. Blocks of keys are [kv_heads][head_dim]
// [block_size], blocks of values [kv_heads][block_size][value_stride]. kI8: keys are
// [kv_heads]{[key_quads][block_size][4], scales [block_size]}, stored + 128; values are
// [kv_heads]{[block_size][value_stride], scales [block_size]}.
struct AttentionJob {
  const float* queries = nullptr;  // [tokens, query_stride]
  int64_t query_stride = 0;
  float* out = nullptr;  // [tokens, out_stride]
  int64_t out_stride = 0;
  const void* keys = nullptr;
  const void* values = nullptr;
  KvType kv_type = KvType::kF16;
  int64_t query_heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;    // of queries and keys
  int64_t value_dim = 0;   // of values
  int64_t block_size = 0;  // 16 or 32
  int64_t window = 0;      // 0: none
  int64_t chunk = 0;       // 0: none
  int64_t radius = 0;      // 0: none
  float scale = 1.0f;
  float softcap = 0.0f;
  const float* sinks = nullptr;   // [query_heads] or null
  const float* slopes = nullptr;  // [query_heads] or null

  // The first position that a query at `position` sees.
  int64_t FirstSeen(int64_t position) const {
    if (chunk > 0) return position - position % chunk;
    if (radius > 0) return position > radius ? position - radius : 0;
    return window > 0 && position >= window ? position - window + 1 : 0;
  }
  // One past the last, in a sequence whose first `prefix` tokens every query sees. Like the first,
  // it never falls as positions rise.
  int64_t EndSeen(int64_t position, int64_t prefix) const {
    const int64_t end = position < prefix ? prefix : position + 1;
    return radius > 0 && position + radius < end ? position + radius + 1 : end;
  }
  int64_t group() const { return query_heads / kv_heads; }
  int64_t value_stride() const { return (value_dim + kLanes - 1) / kLanes * kLanes; }
  int64_t key_quads() const { return (head_dim + 3) / 4; }
  // Bytes of one head's part of a block.
  int64_t key_bytes() const {
    if (kv_type == KvType::kI8) return block_size * (4 * key_quads() + 2);
    return block_size * head_dim * KvBytes(kv_type);
  }
  int64_t value_bytes() const {
    return block_size * (value_stride() * KvBytes(kv_type) + (kv_type == KvType::kI8 ? 2 : 0));
  }
};

// Long contexts are cut at multiples of this many tokens; the parts' results are merged in order.
inline constexpr int64_t kSplitTokens = 512;
// Query rows (tokens x heads of a group) that share a pass over the keys, about.
inline constexpr int64_t kAttentionRows = 32;

// Consecutive query tokens of one sequence, for one KV head.
struct AttentionTile {
  int64_t first_token = 0;     // row of `queries`
  int64_t tokens = 0;          // tokens * group() <= AttentionRowLimit
  int64_t first_position = 0;  // of first_token
  int64_t prefix = 0;          // of the sequence: tokens that every query sees
  int64_t kv_head = 0;
  const int32_t* blocks = nullptr;  // the sequence's block table
};

inline int64_t TileTokens(const AttentionJob& job) {
  return job.group() >= kAttentionRows ? 1 : kAttentionRows / job.group();
}

// Partial softmax of a tile's rows: the running maximum and sum, and the weighted values.
struct AttentionState {
  float* max = nullptr;     // [rows]
  float* sum = nullptr;     // [rows]
  float* values = nullptr;  // [rows, value_stride]
};

// Floats from one query to the next in a thread's scratch.
inline int64_t QueryPitch(const AttentionJob& job) {
  return (job.head_dim + kLanes - 1) / kLanes * kLanes + kLanes;
}

int64_t AttentionStateFloats(const AttentionJob& job);     // one state of a full tile
int64_t AttentionWorkspaceBytes(const AttentionJob& job);  // a thread's scratch
AttentionState CarveState(const AttentionJob& job, float* memory);

struct Kernels {
  CpuLevel level;

  // Computes units [begin, end) of a job.
  void (*gemm)(const GemmJob& job, int64_t begin, int64_t end, uint8_t* workspace);

  // out[i] = x[i] / rms(x) * scale[i]. `out` may be `x`.
  void (*rms_norm)(const float* x, const float* scale, float epsilon, int64_t columns, float* out);
  // out[i] = (x[i] - mean) / deviation * scale[i] + bias[i]; no bias if null. `out` may be `x`.
  void (*layer_norm)(const float* x, const float* scale, const float* bias, float epsilon,
                     int64_t columns, float* out);
  // Quantises one row; `blocks` is the row's place in block 0 of its tile.
  void (*quantise)(const float* x, int64_t columns, ActivationBlock* blocks);
  // Rotates x[i], x[i + half] by the angle whose cosine and sine are given, i < half.
  void (*rotate)(float* x, const float* cosine, const float* sine, int64_t half);
  // out += x * multiplier.
  void (*add_scaled)(const float* x, float multiplier, int64_t columns, float* out);
  void (*scale)(float factor, int64_t columns, float* x);
  // x[i] = min(limit, max(-limit, x[i])).
  void (*clamp)(float limit, int64_t columns, float* x);
  // One head's key and value into row `offset` of a cache block. `key_block`, `value_block`: the
  // head's part of the block.
  void (*store_kv)(const AttentionJob& job, const float* key, const float* value, int64_t offset,
                   void* key_block, void* value_block);
  // x[i] = gate(x[i]) * up[i].
  void (*gate)(Gate function, const float* up, int64_t columns, float* x);
  // x[i] = max(0, x[i] - mean - deviations * standard deviation), both of x.
  void (*cut)(float deviations, int64_t columns, float* x);
  // The mean of x[i]^2.
  float (*mean_square)(const float* x, int64_t columns);
  // streams[i] += sum over j of coefficients[i * input_count + j] * inputs[j], all of `columns`
  // floats. Inputs may be streams, and are read as they were.
  void (*mix)(const float* const* inputs, int64_t input_count, const float* coefficients,
              int64_t columns, float* const* streams, int64_t stream_count);

  // The part of the tile's attention over tokens [split * kSplitTokens, ...) into `state`.
  void (*attend)(const AttentionJob& job, const AttentionTile& tile, int64_t split,
                 const AttentionState& state, uint8_t* workspace);
  // Merges `part` into `total`; the first part of a row replaces what `total` holds.
  void (*merge)(const AttentionJob& job, int64_t rows, const AttentionState& part, bool first,
                const AttentionState& total);
  // Divides by the sum and writes the tile's outputs.
  void (*finish)(const AttentionJob& job, const AttentionTile& tile, const AttentionState& total);
};

// The table of a level that this processor runs (see SelectCpuLevel).
const Kernels& KernelsFor(CpuLevel level);

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_KERNELS_H_
