// The operations that models are made of, one implementation a device.
//
// An operation is as large as what a device may fuse (norm + quantise; QKV + norm + RoPE + cache
// write; projection + residual; gate, up and activation), so kernels get faster without a change to
// any architecture. Tensors are buffers that the caller owns, allocated once for the largest step:
// operations use their first `rows` rows and neither allocate nor call ATen on the fused CPU path.
//
// Rows of one call belong to different sequences; where a backend promises batch invariance
// (see BatchInvariant), a row's result has the same bits whatever the other rows are.
//
// Calls come from one thread, between BeginStep and EndStep (except the Prepare and Make functions,
// which run at load). Invalid arguments are programming errors: weights were checked at load.
#ifndef SKEP_MODELS_OPS_OPS_H_
#define SKEP_MODELS_OPS_OPS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/ops/options.h"
#include "models/weights/tensor_type.h"
#include "scheduler/types.h"

namespace skep::models {

// A weight matrix as a file holds it: rows of `columns` elements, each row a run of whole blocks.
// Stacked experts are `rows` of all experts, one after another.
struct MatrixSource {
  std::string name;  // for errors
  TensorType type;
  int64_t rows = 0;                        // output features
  int64_t columns = 0;                     // input features
  std::vector<const std::byte*> row_data;  // one pointer a row: permuted or split rows cost nothing
  float factor = 1.0f;                     // of all values: NVFP4's second scale
};

// A matrix in the form its device multiplies with: packed, still quantised.
class PreparedMatrix {
 public:
  virtual ~PreparedMatrix() = default;
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  TensorType type() const { return type_; }
  virtual int64_t bytes() const = 0;

 protected:
  PreparedMatrix(TensorType type, int64_t rows, int64_t columns)
      : type_(type), rows_(rows), columns_(columns) {}

 private:
  TensorType type_;
  int64_t rows_;
  int64_t columns_;
};

// y = W x (+ bias).
struct LinearWeights {
  std::shared_ptr<const PreparedMatrix> matrix;
  at::Tensor bias;  // float [1, rows], or undefined
};

// A norm's scale, as multiplied: models whose files store w for (1 + w) have the 1 added at load.
struct NormWeights {
  NormKind kind = NormKind::kRms;
  at::Tensor scale;  // float [1, dim]
  at::Tensor bias;   // float [1, dim], or undefined; kLayer only
  float epsilon = 0.0f;
};

// Values between two operations, [max_rows, columns] float32, with the quantised form that the next
// matrix wants where it wants one. What a backend keeps in `quantized` is its own business.
struct Activation {
  at::Tensor values;
  at::Tensor quantized;
  int64_t columns = 0;
  // No matrix reads `values`: projections into this activation may leave them unwritten.
  bool only_quantized = false;
};

// cos and sin of the step's positions, [max_rows, rotary_dim / 2] float32 each, in the half-split
// (NeoX) pairing (x[i], x[i + rotary_dim / 2]); filled once a step, shared by the layers.
struct RopeTable {
  at::Tensor cosine;
  at::Tensor sine;
  int64_t rotary_dim = 0;
  // Queries are multiplied by it after the rotation: float [max_rows, 1], or undefined.
  at::Tensor query_scale;
};

// One cache group of a step, host memory.
struct CacheGroupInput {
  std::span<const BlockId> block_table;  // [num_rows, table_stride], kNoBlock where not held
  int64_t table_stride = 0;
  std::span<const int64_t> write_rows;  // [num_tokens]: block * block_size + offset in the block
  int64_t window = 0;                   // 0: full attention
};

// One ragged batch: prefill, a chunk of one, and decode are the same thing. Host memory,
// persistent.
struct StepInput {
  std::span<const TokenId> tokens;        // [num_tokens]
  std::span<const int32_t> positions;     // [num_tokens], as the model counts them: absolute, but
                                          // see PrefixOptions
  std::span<const int32_t> query_starts;  // [num_rows + 1], first token of each sequence's run
  std::span<const int32_t> kv_lengths;    // [num_rows], cached tokens including this step's
  // [num_rows], at most kv_lengths: so many first tokens of a sequence are seen by all its queries,
  // those before them too. Empty: none.
  std::span<const int32_t> prefixes;
  // [num_tokens], the second position of models that count on two axes; else empty.
  std::span<const int32_t> block_positions;
  std::vector<CacheGroupInput> groups;
  int32_t block_size = 0;
  int32_t max_query_length = 0;
  int32_t max_kv_length = 0;

  int64_t num_tokens() const { return static_cast<int64_t>(tokens.size()); }
  int64_t num_rows() const { return static_cast<int64_t>(kv_lengths.size()); }
};

// The cached keys and values of one layer: num_blocks blocks each, laid out as the backend likes.
struct LayerCache {
  at::Tensor keys;
  at::Tensor values;
};

struct QkvArguments {
  const Activation* input = nullptr;
  const LinearWeights* q = nullptr;
  const LinearWeights* k = nullptr;     // null: the cache already holds keys and values (another
  const LinearWeights* v = nullptr;     // layer's), only queries are computed
  const NormWeights* q_norm = nullptr;  // null: none
  const NormWeights* k_norm = nullptr;
  const NormWeights* v_norm = nullptr;  // over each head
  HeadNorm head_norm = HeadNorm::kPerHead;
  float clip = 0.0f;                // > 0: q, k and v are clamped to [-clip, clip] before RoPE
  const RopeTable* rope = nullptr;  // null: no rotation
  AttentionShape shape;
  int32_t group = 0;
  LayerCache* cache = nullptr;
  at::Tensor* queries = nullptr;  // out: [max_rows, query_heads * head_dim]
};

// Multi-head latent attention in its absorbed form (DeepSeek-AI 2024, "DeepSeek-V2"): the cache
// holds of a token one normed latent and one rotated key, shared by all heads. A head's query is
// taken into the latents' space: its scores are the same as with keys that are expanded from
// latents, and what attention gives is a weighted latent (see ProjectHeads).
struct LatentArguments {
  const Activation* query_input = nullptr;  // what `q` reads
  const LinearWeights* q = nullptr;         // rows of each head: [nope | rotated]
  const Activation* input = nullptr;        // what `kv` reads
  const LinearWeights* kv = nullptr;        // rows: [latent | rotated key]
  const NormWeights* latent_norm = nullptr;
  std::span<const LinearWeights> absorb;  // of each query head: [latent, nope]
  const RopeTable* rope = nullptr;        // null: no rotation
  AttentionShape shape;  // one KV head; head_dim = latent + rotated, value_dim = latent
  int32_t group = 0;
  LayerCache* cache = nullptr;
  at::Tensor* queries = nullptr;  // out: [max_rows, query_heads * head_dim]
};

// A query sees the keys of its own sequence up to its position and those of StepInput's prefix,
// less what the group's window, `chunk` and `radius` take away.
struct AttentionArguments {
  const at::Tensor* queries = nullptr;
  const LayerCache* cache = nullptr;
  AttentionShape shape;
  int32_t group = 0;
  float scale = 1.0f;
  float softcap = 0.0f;                // > 0: c * tanh(score / c), before the mask
  int64_t chunk = 0;                   // > 0: only keys of the query's chunk of so many positions
  int64_t radius = 0;                  // > 0: only keys at most so many positions from the query
  const at::Tensor* sinks = nullptr;   // float [1, query_heads]: logits that take weight, or null
  const at::Tensor* slopes = nullptr;  // float [1, query_heads]: ALiBi adds slope * (key's position
                                       // - query's) to scaled scores (Press et al. 2022), or null
  Activation* output = nullptr;        // [max_rows, query_heads * value width]
};

// down(function(gate x) * (up x)).
struct Expert {
  LinearWeights gate, up, down;
};

struct ExpertsArguments {
  const Activation* input = nullptr;
  const LinearWeights* router = nullptr;  // [experts, hidden]
  std::span<const float> correction;      // added to scores for the choice only; or empty
  RouterOptions options;
  std::span<const Expert> experts;
  GateFunction function = GateFunction::kSilu;
  float multiplier = 1.0f;
  int64_t rows = 0;
  at::Tensor* residual = nullptr;
};

class Ops {
 public:
  virtual ~Ops() = default;

  virtual std::string name() const = 0;
  virtual bool BatchInvariant() const = 0;

  // --- on the host -------------------------------------------------------------------------------
  // Threads that ForEach uses, at most.
  virtual int threads() const { return 1; }
  // Calls body(i, thread) once for each i in [0, count), in any order, on threads numbered from 0.
  // Any time but inside another operation. `body` must not throw.
  virtual void ForEach(int64_t count, absl::FunctionRef<void(int64_t i, int thread)> body) {
    for (int64_t i = 0; i < count; ++i) body(i, 0);
  }

  // --- at load -----------------------------------------------------------------------------------
  virtual absl::StatusOr<std::shared_ptr<const PreparedMatrix>> PrepareMatrix(
      const MatrixSource& source) = 0;
  virtual at::Tensor MakeBuffer(int64_t rows, int64_t columns) = 0;  // float32, uninitialised
  // The same for the rows of a step, which may lie further apart than `columns`: see stride(0).
  virtual at::Tensor MakeRows(int64_t rows, int64_t columns) { return MakeBuffer(rows, columns); }
  // A weight vector, float32 [1, values.size()]. Devices whose memory the host cannot write
  // override.
  virtual at::Tensor MakeVector(std::span<const float> values) {
    at::Tensor vector = MakeBuffer(1, static_cast<int64_t>(values.size()));
    std::memcpy(vector.data_ptr<float>(), values.data(), values.size_bytes());
    return vector;
  }
  // `consumers`: the matrices that will read it; they decide which forms it carries.
  virtual Activation MakeActivation(int64_t rows, int64_t columns,
                                    std::span<const PreparedMatrix* const> consumers) = 0;
  // Allocates lazily touched memory for `num_blocks` blocks of keys and values of one layer.
  virtual LayerCache MakeLayerCache(const AttentionShape& shape, int32_t num_blocks,
                                    int32_t block_size) = 0;
  virtual int64_t CacheBytesPerBlock(const AttentionShape& shape, int32_t block_size) const = 0;
  virtual void CopyBlock(LayerCache& cache, BlockId source, BlockId target) = 0;
  // Calls body(begin, end) for ranges that make up [0, count), from several threads at once where
  // the host has them. For the decoding of files.
  virtual void ForRanges(int64_t count, const std::function<void(int64_t, int64_t)>& body) {
    body(0, count);
  }

  // --- in a step ---------------------------------------------------------------------------------
  virtual void BeginStep(const StepInput& input) = 0;  // `input` stays valid until EndStep
  virtual void EndStep() = 0;

  // out[i] = table[ids[i]] * scale. Every id is below table.rows().
  virtual void EmbedRows(const PreparedMatrix& table, std::span<const TokenId> ids, float scale,
                         at::Tensor& out) = 0;
  // out[i] += table[ids[i]]: learned positions.
  virtual void AddEmbeddedRows(const PreparedMatrix& table, std::span<const int32_t> ids,
                               at::Tensor& out) = 0;
  // out = norm(x), in every form that `out` carries.
  virtual void Norm(const at::Tensor& x, const NormWeights& norm, int64_t rows,
                    Activation& out) = 0;
  virtual void QkvToCache(const QkvArguments& arguments) = 0;
  virtual void LatentToCache(const LatentArguments& arguments) = 0;
  virtual void PagedAttention(const AttentionArguments& arguments) = 0;
  // Head h of out = heads[h] (head h of x's values), in every form that `out` carries. The heads of
  // x are as wide as heads[h] has columns, those of `out` as it has rows; all heads are alike.
  virtual void ProjectHeads(const Activation& x, std::span<const LinearWeights> heads, int64_t rows,
                            Activation& out) = 0;
  // residual += post_norm(W x + bias) * multiplier; post_norm may be null. Where its scale is
  // shorter than a row, each part of a row that is as long is normed on its own.
  virtual void ProjectToResidual(const Activation& x, const LinearWeights& w,
                                 const NormWeights* post_norm, float multiplier, int64_t rows,
                                 at::Tensor& residual) = 0;
  // residual += sigmoid(gate y) * (W x); `gate` has one row, `y` is what it reads.
  virtual void GatedProjectToResidual(const Activation& x, const LinearWeights& w,
                                      const Activation& y, const LinearWeights& gate, int64_t rows,
                                      at::Tensor& residual) = 0;
  // out = function(W x + bias), in every form that `out` carries.
  virtual void ActivatedProjection(const Activation& x, const LinearWeights& w,
                                   GateFunction function, int64_t rows, Activation& out) = 0;
  // out = gate_function(Wg x) * (Wu x), in every form that `out` carries.
  virtual void GatedProjection(const Activation& x, const LinearWeights& gate,
                               const LinearWeights& up, GateFunction function, int64_t rows,
                               Activation& out) = 0;
  // As GatedProjection, of sparse gates: from those of a row their mean and `cutoff` standard
  // deviations are taken, and what is then below zero is zero (You et al. 2025, "Spark
  // Transformer").
  virtual void SparseGatedProjection(const Activation& x, const LinearWeights& gate,
                                     const LinearWeights& up, GateFunction function, float cutoff,
                                     int64_t rows, Activation& out) = 0;
  // out = function(W x + bias) * factors, in every form that `out` carries. The factors of a row
  // are as many of its columns as W has rows, from `first_factor` on.
  virtual void ModulatedProjection(const Activation& x, const LinearWeights& w,
                                   GateFunction function, const at::Tensor& factors,
                                   int64_t first_factor, int64_t rows, Activation& out) = 0;
  // Of a row's coefficients, streams[i] += sum over j of coefficients[i * inputs.size() + j] *
  // inputs[j]. Inputs may be streams: they are read as they were before the call. At most
  // kMaxStreams of either.
  virtual void MixStreams(std::span<const at::Tensor* const> inputs, const at::Tensor& coefficients,
                          int64_t rows, std::span<at::Tensor* const> streams) = 0;
  // out = sum over i of weights[i] * inputs[i]. The first input may be `out`.
  virtual void WeightedSum(std::span<const at::Tensor* const> inputs,
                           std::span<const float> weights, int64_t rows, at::Tensor& out) = 0;
  // y *= sqrt(mean(x^2) / max(mean(y^2), least)), the means over a row.
  virtual void MatchMagnitude(const at::Tensor& x, float least, int64_t rows, at::Tensor& y) = 0;
  // residual += multiplier * sum over a token's experts of weight * expert(x), in the order in
  // which they were chosen. A token's result does not depend on the others.
  virtual void MixtureOfExperts(const ExpertsArguments& arguments) = 0;
  // logits[i] = softcap(multiplier * head(x[row_ids[i]])); x was written by Norm.
  // [row_ids.size(), vocab]
  virtual void Logits(const Activation& x, std::span<const int32_t> row_ids,
                      const LinearWeights& head, float multiplier, float softcap,
                      at::Tensor& logits) = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_OPS_OPS_H_
