#include "models/ops/cpu/cpu_ops.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/ops/cpu/cpu_ops_impl.h"

namespace skep::models {

using cpu::ActivationBlock;
using cpu::ActivationIndex;
using cpu::AttentionJob;
using cpu::BlocksOf;
using cpu::Epilogue;
using cpu::GemmJob;
using cpu::PackedMatrix;

// What a thread packs of a matrix before it takes more.
constexpr int64_t kPanelsAtOnce = 8;
// Few rows: weights that are worth claiming by themselves. A chunk begins without what would have
// been fetched ahead for it, and takes turns at a counter.
constexpr int64_t kFewRowsChunkBytes = 512 << 10;

std::string CpuOps::name() const {
  return absl::StrCat("cpu (", std::string(cpu::CpuLevelName(kernels_.level)), ", ",
                      pool_.threads(), " threads)");
}

void CpuOps::ForEach(int64_t count, absl::FunctionRef<void(int64_t, int)> body) {
  pool_.ParallelFor(count, /*chunk=*/1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t i = begin; i < end; ++i) body(i, thread);
  });
}

absl::StatusOr<std::shared_ptr<const PreparedMatrix>> CpuOps::PrepareMatrix(
    const MatrixSource& source) {
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
  packed->set_factor(source.factor);
  packed->set_rounds_inputs(cpu::FastBfloatDots(kernels_.level));
  pool_.BeginStep();
  pool_.ParallelFor(packed->panels(), kPanelsAtOnce, [&](int64_t begin, int64_t end, int) {
    packed->PackPanels(source.row_data, begin, end);
  });
  pool_.EndStep();
  workspace_bytes_ = std::max(workspace_bytes_, cpu::GemmWorkspaceBytes(*packed));
  return std::make_shared<CpuMatrix>(*packed, arena_);
}

at::Tensor CpuOps::MakeBuffer(int64_t rows, int64_t columns) {
  return at::empty({rows, columns}, at::TensorOptions(at::kFloat));
}

// Rows a power of two apart would share a few sets of the caches: kernels write a cache line or two
// of each row, then go on to the next columns.
at::Tensor CpuOps::MakeRows(int64_t rows, int64_t columns) {
  constexpr int64_t kLineFloats = 16;
  const int64_t stride = (columns + kLineFloats - 1) / kLineFloats * kLineFloats + kLineFloats;
  return MakeBuffer(rows, stride).narrow(1, 0, columns);
}

Activation CpuOps::MakeActivation(int64_t rows, int64_t columns,
                                  std::span<const PreparedMatrix* const> consumers) {
  Activation a;
  a.columns = columns;
  a.values = MakeRows(rows, columns);
  const auto reads_blocks = [](const PreparedMatrix* m) {
    return m != nullptr && cpu::IsInt8(Packed(*m).format());
  };
  if (std::any_of(consumers.begin(), consumers.end(), reads_blocks)) {
    a.only_quantized = std::all_of(consumers.begin(), consumers.end(), reads_blocks);
    const int64_t bytes =
        cpu::ActivationBlocks(rows, columns) * static_cast<int64_t>(sizeof(ActivationBlock));
    a.quantized = at::zeros({bytes}, at::TensorOptions(at::kByte));
  }
  return a;
}

LayerCache CpuOps::MakeLayerCache(const AttentionShape& shape, int32_t num_blocks,
                                  int32_t block_size) {
  const AttentionJob job = AttentionJobFor(shape, block_size);
  workspace_bytes_ = std::max(workspace_bytes_, cpu::AttentionThreadBytes(job));
  const at::TensorOptions options(at::kByte);
  LayerCache cache;
  cache.keys = at::empty({num_blocks, shape.kv_heads * job.key_bytes()}, options);
  cache.values = at::empty({num_blocks, shape.kv_heads * job.value_bytes()}, options);
  return cache;
}

int64_t CpuOps::CacheBytesPerBlock(const AttentionShape& shape, int32_t block_size) const {
  const AttentionJob job = AttentionJobFor(shape, block_size);
  return shape.kv_heads * (job.key_bytes() + job.value_bytes());
}

void CpuOps::CopyBlock(LayerCache& cache, BlockId source, BlockId target) {
  for (const at::Tensor* tensor : {&cache.keys, &cache.values}) {
    const int64_t bytes = tensor->stride(0);
    auto* data = static_cast<uint8_t*>(tensor->data_ptr());
    std::memcpy(data + target * bytes, data + source * bytes, bytes);
  }
}

void CpuOps::ForRanges(int64_t count, const std::function<void(int64_t, int64_t)>& body) {
  // Small enough that no thread waits long for the last one.
  const int64_t chunk = std::max<int64_t>(1, count / (pool_.threads() * 8));
  pool_.BeginStep();
  pool_.ParallelFor(count, chunk, [&](int64_t begin, int64_t end, int) { body(begin, end); });
  pool_.EndStep();
}

AttentionJob CpuOps::AttentionJobFor(const AttentionShape& shape, int64_t block_size) const {
  AttentionJob job;
  job.kv_type = kv_type_;
  job.query_heads = shape.query_heads;
  job.kv_heads = shape.kv_heads;
  job.head_dim = shape.head_dim;
  job.value_dim = shape.value_width();
  job.block_size = block_size;
  return job;
}

void CpuOps::GrowWorkspaces() {
  for (size_t i = 0; i < workspaces_.size(); ++i) {
    workspaces_[i] = workspace_memory_[i].Get(workspace_bytes_);
  }
}

void CpuOps::BeginStep(const StepInput& input) {
  input_ = &input;
  GrowWorkspaces();
  pool_.BeginStep();
}

void CpuOps::EndStep() {
  pool_.EndStep();
  input_ = nullptr;
}

void CpuOps::EmbedRows(const PreparedMatrix& table, std::span<const TokenId> ids, float scale,
                       at::Tensor& out) {
  const PackedMatrix& matrix = Packed(table);
  float* to = out.data_ptr<float>();
  const int64_t stride = out.stride(0);
  scale *= matrix.factor();
  ForRows(static_cast<int64_t>(ids.size()), matrix.columns(), [&](int64_t row) {
    matrix.DecodeRow(ids[row], to + row * stride);
    if (scale != 1.0f) kernels_.scale(scale, matrix.columns(), to + row * stride);
  });
}

void CpuOps::AddEmbeddedRows(const PreparedMatrix& table, std::span<const int32_t> ids,
                             at::Tensor& out) {
  const PackedMatrix& matrix = Packed(table);
  const int64_t columns = matrix.columns(), stride = out.stride(0);
  float* rows = projected_.Floats(static_cast<int64_t>(ids.size()) * columns);
  float* to = out.data_ptr<float>();
  ForRows(static_cast<int64_t>(ids.size()), columns, [&](int64_t row) {
    matrix.DecodeRow(ids[row], rows + row * columns);
    kernels_.add_scaled(rows + row * columns, matrix.factor(), columns, to + row * stride);
  });
}

void CpuOps::NormPart(const NormWeights& norm, int64_t first, const float* x, int64_t columns,
                      float* y) const {
  switch (norm.kind) {
    case NormKind::kRms:
      return kernels_.rms_norm(x, norm.scale.data_ptr<float>() + first, norm.epsilon, columns, y);
    case NormKind::kLayer:
      return kernels_.layer_norm(
          x, norm.scale.data_ptr<float>() + first,
          norm.bias.defined() ? norm.bias.data_ptr<float>() + first : nullptr, norm.epsilon,
          columns, y);
    case NormKind::kNone:
      if (x != y) std::copy_n(x, columns, y);
      if (norm.scale.defined()) {
        kernels_.gate(cpu::Gate::kIdentity, norm.scale.data_ptr<float>() + first, columns, y);
      }
  }
}

void CpuOps::Norm(const at::Tensor& x, const NormWeights& norm, int64_t rows, Activation& out) {
  const int64_t columns = out.columns;
  const float* from = x.data_ptr<float>();
  const int64_t from_stride = x.stride(0);
  float* to = out.values.data_ptr<float>();
  const int64_t to_stride = out.values.stride(0);
  ActivationBlock* blocks = BlocksOrNull(out);
  ForRows(rows, columns, [&](int64_t row) {
    float* y = to + row * to_stride;
    NormRow(norm, from + row * from_stride, columns, y);
    if (blocks != nullptr) {
      kernels_.quantise(y, columns, blocks + ActivationIndex(row, 0, BlocksOf(columns)));
    }
  });
}

void CpuOps::RunGemms(std::span<GemmJob> jobs) {
  int64_t units = 0, bytes = 0, rows = 0;
  bool all_int8 = true;
  for (GemmJob& job : jobs) {
    job.spare_pipes = spare_pipes_;
    units += cpu::UnitsOf(*job.matrix);
    bytes += job.matrix->bytes() * (job.second == nullptr ? 1 : 2);
    rows = std::max(rows, job.rows);
    all_int8 = all_int8 && cpu::IsInt8(job.matrix->format());
  }
  // Float kernels repack their activations for each chunk: one chunk a thread.
  int64_t chunks = pool_.threads() * (all_int8 ? 4 : 1);
  if (rows <= cpu::kTileRows) {
    chunks = std::clamp<int64_t>(bytes / kFewRowsChunkBytes, pool_.threads(), chunks);
  }
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
  const int64_t part = post_norm->scale.defined() ? post_norm->scale.numel() : columns;
  float* projected = projected_.Floats(rows * columns);
  job.out = projected;
  job.out_stride = columns;
  RunGemms({&job, 1});
  ForRows(rows, columns, [&](int64_t row) {
    float* y = projected + row * columns;
    for (int64_t i = 0; i < columns; i += part) NormRow(*post_norm, y + i, part, y + i);
    kernels_.add_scaled(y, multiplier, columns, out + row * stride);
  });
}

void CpuOps::GatedProjectToResidual(const Activation& x, const LinearWeights& w,
                                    const Activation& y, const LinearWeights& gate, int64_t rows,
                                    at::Tensor& residual) {
  const int64_t columns = w.matrix->rows();
  GemmJob jobs[2] = {JobFor(x, w, rows), JobFor(y, gate, rows)};
  jobs[0].out = projected_.Floats(rows * columns);
  jobs[0].out_stride = columns;
  jobs[1].out = keys_.Floats(rows);
  jobs[1].out_stride = 1;
  RunGemms(jobs);
  float* out = residual.data_ptr<float>();
  const int64_t stride = residual.stride(0);
  ForRows(rows, columns, [&](int64_t row) {
    const float factor = 1.0f / (1.0f + std::exp(-jobs[1].out[row]));
    kernels_.add_scaled(jobs[0].out + row * columns, factor, columns, out + row * stride);
  });
}

void CpuOps::Logits(const Activation& x, std::span<const int32_t> row_ids,
                    const LinearWeights& head, float multiplier, float softcap,
                    at::Tensor& logits) {
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
  if (softcap > 0.0f || multiplier != 1.0f) {
    job.epilogue = Epilogue::kLogits;
    job.multiplier = multiplier;
    job.softcap = softcap;
  }
  RunGemms({&job, 1});
  if (own_step) pool_.EndStep();
}

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
