#include "models/ops/reference/reference_ops.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "models/ops/reference/reference_math.h"
#include "models/ops/routing.h"
#include "models/weights/dequantize.h"

namespace skep::models {
namespace {

class ReferenceMatrix final : public PreparedMatrix {
 public:
  ReferenceMatrix(TensorType type, at::Tensor values)
      : PreparedMatrix(type, values.size(0), values.size(1)), values_(std::move(values)) {}
  const at::Tensor& values() const { return values_; }  // float [rows, columns]
  int64_t bytes() const override { return static_cast<int64_t>(values_.nbytes()); }

 private:
  at::Tensor values_;
};

const at::Tensor& Values(const PreparedMatrix& matrix) {
  return static_cast<const ReferenceMatrix&>(matrix).values();
}

at::Tensor Indices(std::span<const int32_t> ids) {
  return at::from_blob(const_cast<int32_t*>(ids.data()), {static_cast<int64_t>(ids.size())},
                       at::TensorOptions(at::kInt))
      .to(at::kLong);
}

// x [rows, in] -> [rows, out]
at::Tensor Multiply(const at::Tensor& x, const LinearWeights& w) {
  at::Tensor y = at::linear(x, Values(*w.matrix));
  if (w.bias.defined()) y.add_(w.bias);
  return y;
}

class ReferenceOps final : public Ops {
 public:
  std::string name() const override { return "reference"; }
  bool BatchInvariant() const override { return false; }

  absl::StatusOr<std::shared_ptr<const PreparedMatrix>> PrepareMatrix(
      const MatrixSource& source) override {
    at::Tensor values = MakeBuffer(source.rows, source.columns);
    float* out = values.data_ptr<float>();
    for (int64_t row = 0; row < source.rows; ++row) {
      const absl::Status status = DequantizeRow(source.type, source.row_data[row], source.columns,
                                                out + row * source.columns);
      if (!status.ok()) {
        return absl::Status(status.code(),
                            absl::StrCat("tensor '", source.name, "': ", status.message()));
      }
    }
    if (source.factor != 1.0f) values.mul_(source.factor);
    return std::make_shared<ReferenceMatrix>(source.type, std::move(values));
  }

  at::Tensor MakeBuffer(int64_t rows, int64_t columns) override {
    return at::empty({rows, columns}, at::TensorOptions(at::kFloat));
  }

  Activation MakeActivation(int64_t rows, int64_t columns,
                            std::span<const PreparedMatrix* const> /*consumers*/) override {
    return {MakeBuffer(rows, columns), {}, columns};
  }

  LayerCache MakeLayerCache(const AttentionShape& shape, int32_t num_blocks,
                            int32_t block_size) override {
    const auto make = [&](int64_t width) {
      return at::zeros({num_blocks, block_size, shape.kv_heads, width},
                       at::TensorOptions(at::kFloat));
    };
    return {make(shape.head_dim), make(shape.value_width())};
  }

  int64_t CacheBytesPerBlock(const AttentionShape& shape, int32_t block_size) const override {
    return block_size * shape.kv_heads * (shape.head_dim + shape.value_width()) *
           static_cast<int64_t>(sizeof(float));
  }

  void CopyBlock(LayerCache& cache, BlockId source, BlockId target) override {
    cache.keys.select(0, target).copy_(cache.keys.select(0, source));
    cache.values.select(0, target).copy_(cache.values.select(0, source));
  }

  void BeginStep(const StepInput& input) override { input_ = &input; }
  void EndStep() override { input_ = nullptr; }

  void EmbedRows(const PreparedMatrix& table, std::span<const TokenId> ids, float scale,
                 at::Tensor& out) override {
    out.narrow(0, 0, static_cast<int64_t>(ids.size()))
        .copy_(Values(table).index_select(0, Indices(ids)) * scale);
  }

  void AddEmbeddedRows(const PreparedMatrix& table, std::span<const int32_t> ids,
                       at::Tensor& out) override {
    out.narrow(0, 0, static_cast<int64_t>(ids.size()))
        .add_(Values(table).index_select(0, Indices(ids)));
  }

  void Norm(const at::Tensor& x, const NormWeights& norm, int64_t rows, Activation& out) override {
    Store(Normalize(x.narrow(0, 0, rows), norm), out);
  }

  void QkvToCache(const QkvArguments& a) override {
    const int64_t rows = input_->num_tokens();
    const at::Tensor x = Load(*a.input, rows);
    const auto project = [&](const LinearWeights& w, int64_t heads, int64_t width) {
      return Multiply(x, w).view({rows, heads, width});
    };
    const auto finish = [&](at::Tensor y, const NormWeights* norm) {
      const bool after = a.head_norm == HeadNorm::kPerHeadAfterRope;
      if (norm != nullptr && !after) y = NormalizeHeads(y, *norm, a.head_norm);
      if (a.clip > 0) y = y.clamp(-a.clip, a.clip);
      if (a.rope != nullptr) y = Rotate(y, *a.rope);
      if (norm != nullptr && after) y = NormalizeHeads(y, *norm, a.head_norm);
      return y;
    };
    at::Tensor q = finish(project(*a.q, a.shape.query_heads, a.shape.head_dim), a.q_norm);
    if (a.rope != nullptr && a.rope->query_scale.defined()) {
      q = q * a.rope->query_scale.narrow(0, 0, rows).unsqueeze(2);
    }
    a.queries->narrow(0, 0, rows)
        .narrow(1, 0, a.shape.query_heads * a.shape.head_dim)
        .copy_(q.reshape({rows, -1}));
    if (a.k == nullptr) return;

    const at::Tensor k = finish(project(*a.k, a.shape.kv_heads, a.shape.head_dim), a.k_norm);
    at::Tensor v = project(*a.v, a.shape.kv_heads, a.shape.value_width());
    if (a.v_norm != nullptr) v = Normalize(v, *a.v_norm);
    if (a.clip > 0) v = v.clamp(-a.clip, a.clip);
    Cache(a.group, k, v, *a.cache);
  }

  void LatentToCache(const LatentArguments& a) override {
    const int64_t rows = input_->num_tokens(), heads = a.shape.query_heads;
    const int64_t latent = a.shape.value_dim, rotated = a.shape.head_dim - latent;
    const int64_t nope = a.absorb[0].matrix->columns();
    const auto rotate = [&](const at::Tensor& x) {
      return a.rope != nullptr ? Rotate(x, *a.rope) : x;
    };
    const at::Tensor q =
        Multiply(Load(*a.query_input, rows, a.q->matrix->columns()), *a.q).view({rows, heads, -1});
    at::Tensor queries = at::cat(
        {MultiplyHeads(q.narrow(2, 0, nope), a.absorb), rotate(q.narrow(2, nope, rotated))}, 2);
    if (a.rope != nullptr && a.rope->query_scale.defined()) {
      queries = queries * a.rope->query_scale.narrow(0, 0, rows).unsqueeze(2);
    }
    a.queries->narrow(0, 0, rows)
        .narrow(1, 0, heads * a.shape.head_dim)
        .copy_(queries.reshape({rows, -1}));

    const at::Tensor kv = Multiply(Load(*a.input, rows), *a.kv).view({rows, 1, -1});
    const at::Tensor value = Normalize(kv.narrow(2, 0, latent), *a.latent_norm);
    Cache(a.group, at::cat({value, rotate(kv.narrow(2, latent, rotated))}, 2), value, *a.cache);
  }

  void ProjectHeads(const Activation& x, std::span<const LinearWeights> heads, int64_t rows,
                    Activation& out) override {
    const int64_t count = static_cast<int64_t>(heads.size());
    const at::Tensor input =
        Load(x, rows, count * heads[0].matrix->columns()).reshape({rows, count, -1});
    Store(MultiplyHeads(input, heads).view({rows, -1}), out);
  }

  void PagedAttention(const AttentionArguments& a) override {
    const int64_t width = a.shape.query_heads * a.shape.head_dim;
    for (int64_t row = 0; row < input_->num_rows(); ++row) {
      const int64_t start = input_->query_starts[row];
      const int64_t count = input_->query_starts[row + 1] - start;
      const at::Tensor queries = a.queries->narrow(0, start, count).narrow(1, 0, width);
      const at::Tensor output = AttendSequence(a, row, queries, count);
      a.output->values.narrow(0, start, count).narrow(1, 0, output.size(1)).copy_(output);
    }
  }

  void ProjectToResidual(const Activation& x, const LinearWeights& w, const NormWeights* post_norm,
                         float multiplier, int64_t rows, at::Tensor& residual) override {
    at::Tensor y = Multiply(Load(x, rows, w.matrix->columns()), w);
    if (post_norm != nullptr) y = NormalizeParts(y, *post_norm);
    residual.narrow(0, 0, rows).add_(y, multiplier);
  }

  void GatedProjectToResidual(const Activation& x, const LinearWeights& w, const Activation& y,
                              const LinearWeights& gate, int64_t rows,
                              at::Tensor& residual) override {
    const at::Tensor factor = at::sigmoid(Multiply(Load(y, rows), gate));
    residual.narrow(0, 0, rows).add_(Multiply(Load(x, rows, w.matrix->columns()), w) * factor);
  }

  void ActivatedProjection(const Activation& x, const LinearWeights& w, GateFunction function,
                           int64_t rows, Activation& out) override {
    Store(ApplyGate(Multiply(Load(x, rows), w), function), out);
  }

  void GatedProjection(const Activation& x, const LinearWeights& gate, const LinearWeights& up,
                       GateFunction function, int64_t rows, Activation& out) override {
    const at::Tensor input = Load(x, rows);
    Store(Gated(Multiply(input, gate), Multiply(input, up), function), out);
  }

  void SparseGatedProjection(const Activation& x, const LinearWeights& gate,
                             const LinearWeights& up, GateFunction function, float cutoff,
                             int64_t rows, Activation& out) override {
    const at::Tensor input = Load(x, rows);
    Store(Gated(CutGates(Multiply(input, gate), cutoff), Multiply(input, up), function), out);
  }

  void ModulatedProjection(const Activation& x, const LinearWeights& w, GateFunction function,
                           const at::Tensor& factors, int64_t first_factor, int64_t rows,
                           Activation& out) override {
    const at::Tensor these = factors.narrow(0, 0, rows).narrow(1, first_factor, w.matrix->rows());
    Store(Gated(Multiply(Load(x, rows, w.matrix->columns()), w), these, function), out);
  }

  void MixStreams(std::span<const at::Tensor* const> inputs, const at::Tensor& coefficients,
                  int64_t rows, std::span<at::Tensor* const> streams) override {
    std::vector<at::Tensor> before;
    for (const at::Tensor* input : inputs) before.push_back(input->narrow(0, 0, rows));
    const auto to = static_cast<int64_t>(streams.size()),
               from = static_cast<int64_t>(inputs.size());
    const at::Tensor weights =
        coefficients.narrow(0, 0, rows).narrow(1, 0, to * from).reshape({rows, to, from});
    const at::Tensor sums = at::matmul(weights, at::stack(before, 1));  // [rows, streams, columns]
    for (int64_t i = 0; i < to; ++i) streams[i]->narrow(0, 0, rows).add_(sums.select(1, i));
  }

  void WeightedSum(std::span<const at::Tensor* const> inputs, std::span<const float> weights,
                   int64_t rows, at::Tensor& out) override {
    at::Tensor sum = inputs[0]->narrow(0, 0, rows) * weights[0];
    for (size_t i = 1; i < inputs.size(); ++i) {
      sum.add_(inputs[i]->narrow(0, 0, rows), weights[i]);
    }
    out.narrow(0, 0, rows).copy_(sum);
  }

  void MatchMagnitude(const at::Tensor& x, float least, int64_t rows, at::Tensor& y) override {
    const auto mean_square = [rows](const at::Tensor& values) {
      return values.narrow(0, 0, rows).square().mean(/*dim=*/{-1}, /*keepdim=*/true);
    };
    y.narrow(0, 0, rows).mul_(at::sqrt(mean_square(x) / mean_square(y).clamp_min(least)));
  }

  void MixtureOfExperts(const ExpertsArguments& a) override {
    const at::Tensor x = Load(*a.input, a.rows);
    const at::Tensor logits = Multiply(x, *a.router).contiguous();
    std::vector<int32_t> ids(a.options.used);
    std::vector<float> weights(a.options.used);
    for (int64_t row = 0; row < a.rows; ++row) {
      const at::Tensor one = x.narrow(0, row, 1);
      router_.Choose({logits.data_ptr<float>() + row * a.options.experts,
                      static_cast<size_t>(a.options.experts)},
                     a.correction, a.options, ids.data(), weights.data());
      for (int64_t i = 0; i < a.options.used; ++i) {
        const Expert& expert = a.experts[ids[i]];
        const at::Tensor input = a.options.scale_input ? one * weights[i] : one;
        const at::Tensor inner =
            Gated(Multiply(input, expert.gate), Multiply(input, expert.up), a.function);
        const float weight = a.options.scale_input ? 1.0f : weights[i];
        a.residual->narrow(0, row, 1).add_(Multiply(inner, expert.down), weight * a.multiplier);
      }
    }
  }

  void Logits(const Activation& x, std::span<const int32_t> row_ids, const LinearWeights& head,
              float multiplier, float softcap, at::Tensor& logits) override {
    at::Tensor y = Multiply(x.values.index_select(0, Indices(row_ids)), head) * multiplier;
    if (softcap > 0) y = at::tanh(y / softcap) * softcap;
    logits.view({-1}).narrow(0, 0, y.numel()).copy_(y.view({-1}));
  }

 private:
  // x [rows, heads, in] -> [rows, heads, out], each head by its own matrix.
  static at::Tensor MultiplyHeads(const at::Tensor& x, std::span<const LinearWeights> heads) {
    std::vector<at::Tensor> products;
    for (size_t h = 0; h < heads.size(); ++h) {
      products.push_back(Multiply(x.select(1, static_cast<int64_t>(h)), heads[h]));
    }
    return at::stack(products, 1);
  }

  // Keys and values [rows, kv_heads, dim] of the step's tokens into their places.
  void Cache(int32_t group, const at::Tensor& k, const at::Tensor& v, LayerCache& cache) const {
    const std::span<const int64_t> write = input_->groups[group].write_rows;
    const at::Tensor places = at::from_blob(const_cast<int64_t*>(write.data()), {k.size(0)},
                                            at::TensorOptions(at::kLong));
    const auto store = [&](at::Tensor& into, const at::Tensor& rows) {
      into.view({-1, into.size(2), into.size(3)}).index_copy_(0, places, rows);
    };
    store(cache.keys, k);
    store(cache.values, v);
  }

  static at::Tensor Load(const Activation& x, int64_t rows, int64_t columns = -1) {
    const at::Tensor values = x.values.narrow(0, 0, rows);
    return columns < 0 ? values : values.narrow(1, 0, columns);
  }

  static void Store(const at::Tensor& y, Activation& out) {
    out.values.narrow(0, 0, y.size(0)).narrow(1, 0, y.size(1)).copy_(y);
  }

  // The cached rows of positions [first, length) of one sequence: [length - first, kv_heads, dim].
  at::Tensor Gather(const at::Tensor& cache, int32_t group, int64_t row, int64_t first,
                    int64_t length) const {
    const CacheGroupInput& g = input_->groups[group];
    const int64_t size = input_->block_size;
    const int64_t first_block = first / size, blocks = (length + size - 1) / size - first_block;
    const at::Tensor ids = Indices(
        g.block_table.subspan(row * g.table_stride + first_block, static_cast<size_t>(blocks)));
    return cache.index_select(0, ids)
        .view({blocks * size, cache.size(2), cache.size(3)})
        .narrow(0, first - first_block * size, length - first);
  }

  // queries [count, heads * head_dim] -> [count, heads * value width]
  at::Tensor AttendSequence(const AttentionArguments& a, int64_t row, const at::Tensor& queries,
                            int64_t count) const {
    const int64_t length = input_->kv_lengths[row], window = input_->groups[a.group].window;
    const int64_t first_query = length - count, chunk = a.chunk;
    const int64_t first = window > 0 ? std::max<int64_t>(0, first_query - window + 1) : 0;
    const int64_t repeat = a.shape.query_heads / a.shape.kv_heads;
    const at::Tensor k = Gather(a.cache->keys, a.group, row, first, length)
                             .repeat_interleave(repeat, 1)
                             .permute({1, 2, 0});  // [heads, dim, kv]
    const at::Tensor v = Gather(a.cache->values, a.group, row, first, length)
                             .repeat_interleave(repeat, 1)
                             .permute({1, 0, 2});  // [heads, kv, dim]
    const at::Tensor q =
        queries.view({count, a.shape.query_heads, a.shape.head_dim}).permute({1, 0, 2});
    at::Tensor scores = at::matmul(q, k) * a.scale;  // [heads, count, kv]
    if (a.softcap > 0) scores = at::tanh(scores / a.softcap) * a.softcap;
    const at::Tensor query_position = at::arange(first_query, length).unsqueeze(1);
    const at::Tensor key_position = at::arange(first, length).unsqueeze(0);
    if (a.slopes != nullptr) {
      scores = scores + a.slopes->view({-1, 1, 1}) * (key_position - query_position);
    }
    at::Tensor end = query_position + 1;  // of what a query sees
    if (!input_->prefixes.empty()) end = end.clamp_min(input_->prefixes[row]);
    at::Tensor hidden = key_position.ge(end);
    if (a.radius > 0) {
      hidden = hidden.logical_or((key_position - query_position).abs().gt(a.radius));
    }
    if (window > 0) hidden = hidden.logical_or(key_position.le(query_position - window));
    if (chunk > 0) {
      const at::Tensor begin = query_position - query_position.remainder(chunk);
      hidden = hidden.logical_or(key_position.lt(begin));
    }
    scores = scores.masked_fill(hidden, -std::numeric_limits<float>::infinity());
    const int64_t keys = scores.size(2);
    if (a.sinks != nullptr) {
      const at::Tensor sinks = a.sinks->view({-1, 1, 1}).expand({scores.size(0), count, 1});
      scores = at::cat({scores, sinks}, -1);
    }
    const at::Tensor weights = at::softmax(scores, -1).narrow(-1, 0, keys);
    return at::matmul(weights, v).permute({1, 0, 2}).reshape({count, -1});
  }

  const StepInput* input_ = nullptr;
  Router router_;
};

}  // namespace

std::unique_ptr<Ops> MakeReferenceOps() { return std::make_unique<ReferenceOps>(); }

}  // namespace skep::models
