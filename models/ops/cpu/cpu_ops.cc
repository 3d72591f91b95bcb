#include "models/ops/cpu/cpu_ops.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/ops/cpu/arena.h"
#include "models/ops/cpu/attention.h"
#include "models/ops/cpu/gemm_jobs.h"
#include "models/ops/cpu/scratch.h"
#include "models/ops/cpu/thread_pool.h"

namespace skep::models {
namespace {

using cpu::ActivationBlock;
using cpu::ActivationIndex;
using cpu::AttentionJob;
using cpu::BlocksOf;
using cpu::Epilogue;
using cpu::GemmJob;
using cpu::PackedMatrix;

// Element-wise work below this many floats costs less than waking the other threads.
constexpr int64_t kSerialFloats = 4096;
// What a thread packs of a matrix before it takes more.
constexpr int64_t kPanelsAtOnce = 8;

class CpuOps final : public Ops {
 public:
  CpuOps(const cpu::Kernels& kernels, int threads, cpu::KvType kv_type)
      : kernels_(kernels),
        kv_type_(kv_type),
        arena_(std::make_shared<cpu::Arena>()),
        pool_(threads),
        workspace_memory_(threads),
        workspaces_(threads, nullptr) {}

  std::string name() const override {
    return absl::StrCat("cpu (", std::string(cpu::CpuLevelName(kernels_.level)), ", ",
                        pool_.threads(), " threads)");
  }
  bool BatchInvariant() const override { return true; }

  // --- at load -----------------------------------------------------------------------------------

  absl::StatusOr<std::shared_ptr<const PreparedMatrix>> PrepareMatrix(
      const MatrixSource& source) override {
    if (static_cast<int64_t>(source.row_data.size()) != source.rows) {
      return absl::InternalError(absl::StrCat("tensor '", source.name, "': ", source.rows,
                                              " rows but ", source.row_data.size(), " pointers"));
    }
    absl::StatusOr<PackedMatrix> packed =
        PackedMatrix::Create(source.type, source.columns, source.rows, *arena_);
    if (!packed.ok()) {
      return absl::Status(packed.status().code(),
                          absl::StrCat("tensor '", source.name, "': ", packed.status().message()));
    }
    pool_.BeginStep();
    pool_.ParallelFor(packed->panels(), kPanelsAtOnce, [&](int64_t begin, int64_t end, int) {
      packed->PackPanels(source.row_data, begin, end);
    });
    pool_.EndStep();
    workspace_bytes_ = std::max(workspace_bytes_, cpu::GemmWorkspaceBytes(*packed));
    return std::make_shared<CpuMatrix>(*packed, arena_);
  }

  at::Tensor MakeBuffer(int64_t rows, int64_t columns) override {
    return at::empty({rows, columns}, at::TensorOptions(at::kFloat));
  }

  Activation MakeActivation(int64_t rows, int64_t columns,
                            std::span<const PreparedMatrix* const> consumers) override {
    Activation a;
    a.columns = columns;
    a.values = MakeBuffer(rows, columns);
    const bool quantized = std::any_of(
        consumers.begin(), consumers.end(),
        [](const PreparedMatrix* m) { return m != nullptr && cpu::IsInt8(Packed(*m).format()); });
    if (quantized) {
      const int64_t bytes =
          cpu::ActivationBlocks(rows, columns) * static_cast<int64_t>(sizeof(ActivationBlock));
      a.quantized = at::zeros({bytes}, at::TensorOptions(at::kByte));
    }
    return a;
  }

  LayerCache MakeLayerCache(const AttentionShape& shape, int32_t num_blocks,
                            int32_t block_size) override {
    const AttentionJob job = AttentionJobFor(shape, block_size);
    workspace_bytes_ = std::max(workspace_bytes_, cpu::AttentionThreadBytes(job));
    const at::TensorOptions options(at::kByte);
    LayerCache cache;
    cache.keys = at::empty({num_blocks, shape.kv_heads * job.key_bytes()}, options);
    cache.values = at::empty({num_blocks, shape.kv_heads * job.value_bytes()}, options);
    return cache;
  }

  int64_t CacheBytesPerBlock(const AttentionShape& shape, int32_t block_size) const override {
    const AttentionJob job = AttentionJobFor(shape, block_size);
    return shape.kv_heads * (job.key_bytes() + job.value_bytes());
  }

  void CopyBlock(LayerCache& cache, BlockId source, BlockId target) override {
    for (const at::Tensor* tensor : {&cache.keys, &cache.values}) {
      const int64_t bytes = tensor->stride(0);
      auto* data = static_cast<uint8_t*>(tensor->data_ptr());
      std::memcpy(data + target * bytes, data + source * bytes, bytes);
    }
  }

  // --- in a step ---------------------------------------------------------------------------------

  void BeginStep(const StepInput& input) override {
    input_ = &input;
    GrowWorkspaces();
    pool_.BeginStep();
  }

  void EndStep() override {
    pool_.EndStep();
    input_ = nullptr;
  }

  void EmbedRows(const PreparedMatrix& table, std::span<const TokenId> ids, float scale,
                 at::Tensor& out) override {
    const PackedMatrix& matrix = Packed(table);
    float* to = out.data_ptr<float>();
    const int64_t stride = out.stride(0);
    ForRows(static_cast<int64_t>(ids.size()), matrix.columns(), [&](int64_t row) {
      matrix.DecodeRow(ids[row], to + row * stride);
      if (scale != 1.0f) kernels_.scale(scale, matrix.columns(), to + row * stride);
    });
  }

  void RmsNorm(const at::Tensor& x, const NormWeights& norm, int64_t rows,
               Activation& out) override {
    const int64_t columns = norm.scale.numel();
    const float* scale = norm.scale.data_ptr<float>();
    const float* from = x.data_ptr<float>();
    const int64_t from_stride = x.stride(0);
    float* to = out.values.data_ptr<float>();
    const int64_t to_stride = out.values.stride(0);
    ActivationBlock* blocks = BlocksOrNull(out);
    ForRows(rows, columns, [&](int64_t row) {
      float* y = to + row * to_stride;
      kernels_.rms_norm(from + row * from_stride, scale, norm.epsilon, columns, y);
      if (blocks != nullptr) {
        kernels_.quantise(y, columns, blocks + ActivationIndex(row, 0, BlocksOf(columns)));
      }
    });
  }

  void QkvToCache(const QkvArguments& a) override;
  void PagedAttention(const AttentionArguments& a) override;
  void ProjectToResidual(const Activation& x, const LinearWeights& w, const NormWeights* post_norm,
                         float multiplier, int64_t rows, at::Tensor& residual) override;
  void GatedProjection(const Activation& x, const LinearWeights& gate, const LinearWeights& up,
                       GateFunction function, int64_t rows, Activation& out) override;
  void Logits(const Activation& x, std::span<const int32_t> row_ids, const LinearWeights& head,
              float softcap, at::Tensor& logits) override;

 private:
  AttentionJob AttentionJobFor(const AttentionShape& shape, int64_t block_size) const {
    AttentionJob job;
    job.kv_type = kv_type_;
    job.query_heads = shape.query_heads;
    job.kv_heads = shape.kv_heads;
    job.head_dim = shape.head_dim;
    job.block_size = block_size;
    return job;
  }

  void GrowWorkspaces() {
    for (size_t i = 0; i < workspaces_.size(); ++i) {
      workspaces_[i] = workspace_memory_[i].Get(workspace_bytes_);
    }
  }

  // Calls body(row), on this thread alone when there is little to do.
  template <typename Body>
  void ForRows(int64_t rows, int64_t floats_per_row, Body&& body) {
    const auto run = [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) body(row);
    };
    const int64_t chunk = std::max<int64_t>(1, rows / (pool_.threads() * 4));
    if (rows * floats_per_row <= kSerialFloats) {
      run(0, rows, 0);
    } else {
      pool_.ParallelFor(rows, chunk, run);
    }
  }

  // Runs the jobs as one list of work.
  void RunGemms(std::span<const GemmJob> jobs) {
    int64_t units = 0;
    bool all_int8 = true;
    for (const GemmJob& job : jobs) {
      units += cpu::UnitsOf(*job.matrix);
      all_int8 = all_int8 && cpu::IsInt8(job.matrix->format());
    }
    // Float kernels repack their activations for each chunk: one chunk a thread.
    const int64_t chunks = pool_.threads() * (all_int8 ? 4 : 1);
    pool_.ParallelFor(units, (units + chunks - 1) / chunks,
                      [&](int64_t begin, int64_t end, int thread) {
                        int64_t first = 0;
                        for (const GemmJob& job : jobs) {
                          const int64_t count = cpu::UnitsOf(*job.matrix);
                          const int64_t from = std::max<int64_t>(0, begin - first);
                          const int64_t to = std::min(count, end - first);
                          if (from < to) kernels_.gemm(job, from, to, workspaces_[thread]);
                          first += count;
                        }
                      });
  }

  const cpu::Kernels& kernels_;
  const cpu::KvType kv_type_;
  std::shared_ptr<cpu::Arena> arena_;
  cpu::ThreadPool pool_;
  int64_t workspace_bytes_ = 64;
  std::vector<cpu::Scratch> workspace_memory_;  // one a thread
  std::vector<uint8_t*> workspaces_;
  cpu::Scratch keys_;       // [tokens, kv_heads * head_dim]
  cpu::Scratch values_;     // the same
  cpu::Scratch projected_;  // [rows, features] before a post-norm or a late gate
  cpu::Scratch gathered_;   // activations of the rows that want logits
  cpu::AttentionRunner attention_;
  const StepInput* input_ = nullptr;
};

void CpuOps::QkvToCache(const QkvArguments& a) {
  const int64_t rows = input_->num_tokens();
  const int64_t dim = a.shape.head_dim;
  const int64_t kv_width = a.shape.kv_heads * dim;
  float* queries = a.queries->data_ptr<float>();
  const int64_t query_stride = a.queries->stride(0);
  float* keys = keys_.Floats(rows * kv_width);
  float* values = values_.Floats(rows * kv_width);

  GemmJob jobs[3] = {JobFor(*a.input, *a.q, rows), JobFor(*a.input, *a.k, rows),
                     JobFor(*a.input, *a.v, rows)};
  float* outputs[3] = {queries, keys, values};
  for (int i = 0; i < 3; ++i) {
    jobs[i].out = outputs[i];
    jobs[i].out_stride = i == 0 ? query_stride : kv_width;
  }
  RunGemms(jobs);

  const AttentionJob job = AttentionJobFor(a.shape, input_->block_size);
  const std::span<const int64_t> places = input_->groups[a.group].write_rows;
  auto* key_cache = static_cast<uint8_t*>(a.cache->keys.data_ptr());
  auto* value_cache = static_cast<uint8_t*>(a.cache->values.data_ptr());
  const float* q_scale = a.q_norm != nullptr ? a.q_norm->scale.data_ptr<float>() : nullptr;
  const float* k_scale = a.k_norm != nullptr ? a.k_norm->scale.data_ptr<float>() : nullptr;
  const float* cosine = a.rope != nullptr ? a.rope->cosine.data_ptr<float>() : nullptr;
  const float* sine = a.rope != nullptr ? a.rope->sine.data_ptr<float>() : nullptr;
  const int64_t half = a.rope != nullptr ? a.rope->rotary_dim / 2 : 0;
  const int64_t angles = a.rope != nullptr ? a.rope->cosine.stride(0) : 0;
  const auto finish_head = [&](float* x, int64_t row, const NormWeights* norm, const float* scale) {
    if (norm != nullptr) kernels_.rms_norm(x, scale, norm->epsilon, dim, x);
    if (half > 0) kernels_.rotate(x, cosine + row * angles, sine + row * angles, half);
  };
  ForRows(rows, (a.shape.query_heads + 2 * a.shape.kv_heads) * dim, [&](int64_t row) {
    for (int64_t h = 0; h < a.shape.query_heads; ++h) {
      finish_head(queries + row * query_stride + h * dim, row, a.q_norm, q_scale);
    }
    const int64_t block = places[row] / job.block_size;
    const int64_t offset = places[row] % job.block_size;
    for (int64_t h = 0; h < a.shape.kv_heads; ++h) {
      float* key = keys + row * kv_width + h * dim;
      finish_head(key, row, a.k_norm, k_scale);
      const int64_t at = block * a.shape.kv_heads + h;
      kernels_.store_kv(job, key, values + row * kv_width + h * dim, offset,
                        key_cache + at * job.key_bytes(), value_cache + at * job.value_bytes());
    }
  });
}

void CpuOps::PagedAttention(const AttentionArguments& a) {
  const CacheGroupInput& group = input_->groups[a.group];
  AttentionJob job = AttentionJobFor(a.shape, input_->block_size);
  job.queries = a.queries->data_ptr<float>();
  job.query_stride = a.queries->stride(0);
  job.out = a.output->values.data_ptr<float>();
  job.out_stride = a.output->values.stride(0);
  job.keys = a.cache->keys.data_ptr();
  job.values = a.cache->values.data_ptr();
  job.window = group.window;
  job.scale = a.scale;
  job.softcap = a.softcap;
  cpu::AttentionBatch batch;
  batch.query_starts = input_->query_starts;
  batch.kv_lengths = input_->kv_lengths;
  batch.block_table = group.block_table.data();
  batch.table_stride = group.table_stride;
  attention_.Run(kernels_, job, batch, pool_, workspaces_, BlocksOrNull(*a.output));
}

void CpuOps::ProjectToResidual(const Activation& x, const LinearWeights& w,
                               const NormWeights* post_norm, float multiplier, int64_t rows,
                               at::Tensor& residual) {
  GemmJob job = JobFor(x, w, rows);
  float* out = residual.data_ptr<float>();
  const int64_t stride = residual.stride(0);
  if (post_norm == nullptr) {
    job.epilogue = Epilogue::kAddTo;
    job.multiplier = multiplier;
    job.out = out;
    job.out_stride = stride;
    RunGemms({&job, 1});
    return;
  }
  const int64_t columns = job.matrix->rows();
  float* projected = projected_.Floats(rows * columns);
  job.out = projected;
  job.out_stride = columns;
  RunGemms({&job, 1});
  const float* scale = post_norm->scale.data_ptr<float>();
  ForRows(rows, columns, [&](int64_t row) {
    float* y = projected + row * columns;
    kernels_.rms_norm(y, scale, post_norm->epsilon, columns, y);
    kernels_.add_scaled(y, multiplier, columns, out + row * stride);
  });
}

void CpuOps::GatedProjection(const Activation& x, const LinearWeights& gate,
                             const LinearWeights& up, GateFunction function, int64_t rows,
                             Activation& out) {
  GemmJob job = JobFor(x, gate, rows);
  const PackedMatrix& second = Packed(*up.matrix);
  job.gate = GateOf(function);
  job.out = out.values.data_ptr<float>();
  job.out_stride = out.values.stride(0);
  ActivationBlock* blocks = BlocksOrNull(out);
  if (SameKernel(*job.matrix, second)) {
    job.epilogue = Epilogue::kGate;
    job.second = &second;
    job.second_bias = BiasOf(up);
    job.out_blocks = blocks;
    RunGemms({&job, 1});
    return;
  }
  const int64_t columns = job.matrix->rows();
  GemmJob jobs[2] = {job, JobFor(x, up, rows)};
  float* ups = projected_.Floats(rows * columns);
  jobs[1].out = ups;
  jobs[1].out_stride = columns;
  RunGemms(jobs);
  ForRows(rows, columns, [&](int64_t row) {
    float* y = job.out + row * job.out_stride;
    kernels_.gate(job.gate, ups + row * columns, columns, y);
    if (blocks != nullptr) {
      kernels_.quantise(y, columns, blocks + ActivationIndex(row, 0, BlocksOf(columns)));
    }
  });
}

void CpuOps::Logits(const Activation& x, std::span<const int32_t> row_ids,
                    const LinearWeights& head, float softcap, at::Tensor& logits) {
  const int64_t rows = static_cast<int64_t>(row_ids.size());
  if (rows == 0) return;
  // Logits may be asked for after EndStep.
  const bool own_step = input_ == nullptr;
  if (own_step) {
    GrowWorkspaces();
    pool_.BeginStep();
  }
  GemmJob job = JobFor(x, head, rows);
  const int64_t columns = job.matrix->columns();
  bool in_order = true;
  for (int64_t i = 0; i < rows; ++i) in_order = in_order && row_ids[i] == i;
  if (!in_order && cpu::IsInt8(job.matrix->format())) {
    const int64_t count = BlocksOf(columns);
    auto* blocks = reinterpret_cast<ActivationBlock*>(gathered_.Get(
        cpu::ActivationBlocks(rows, columns) * static_cast<int64_t>(sizeof(ActivationBlock))));
    ForRows(rows, columns, [&](int64_t i) {
      for (int64_t b = 0; b < count; ++b) {
        blocks[ActivationIndex(i, b, count)] = job.blocks[ActivationIndex(row_ids[i], b, count)];
      }
    });
    job.blocks = blocks;
  } else if (!in_order) {
    float* values = gathered_.Floats(rows * columns);
    for (int64_t i = 0; i < rows; ++i) {
      std::memcpy(values + i * columns, job.values + row_ids[i] * job.values_stride,
                  columns * sizeof(float));
    }
    job.values = values;
    job.values_stride = columns;
  }
  job.out = logits.data_ptr<float>();
  job.out_stride = job.matrix->rows();
  if (softcap > 0.0f) {
    job.epilogue = Epilogue::kSoftcap;
    job.softcap = softcap;
  }
  RunGemms({&job, 1});
  if (own_step) pool_.EndStep();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ops>> MakeCpuOps(const CpuOptions& options) {
  if (options.threads < 0 || options.threads > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads ", options.threads, ": 0 (all) to 1024 is right"));
  }
  absl::StatusOr<cpu::CpuLevel> level = cpu::SelectCpuLevelFromEnvironment();
  if (!level.ok()) return level.status();
  const int threads = options.threads > 0 ? options.threads : cpu::DefaultThreads();
  return std::make_unique<CpuOps>(cpu::KernelsFor(*level), threads, options.kv_type);
}

}  // namespace skep::models
