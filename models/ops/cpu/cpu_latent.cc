// Latent attention: keys and values of all heads in one latent, and the matrices that each head has
// of its own.
#include "models/ops/cpu/cpu_ops_impl.h"

namespace skep::models {

using cpu::ActivationBlock;
using cpu::ActivationIndex;
using cpu::AttentionJob;
using cpu::BlocksOf;
using cpu::GemmJob;

namespace {

bool ReadBlocks(std::span<const LinearWeights> heads) {
  return std::any_of(heads.begin(), heads.end(), [](const LinearWeights& w) {
    return cpu::IsInt8(Packed(*w.matrix).format());
  });
}

// Turns `x` by the angles of a row of the step.
void RotateRow(const cpu::Kernels& kernels, const RopeTable* rope, int64_t row, float* x) {
  if (rope == nullptr || rope->rotary_dim == 0) return;
  kernels.rotate(x, rope->cosine.data_ptr<float>() + row * rope->cosine.stride(0),
                 rope->sine.data_ptr<float>() + row * rope->sine.stride(0), rope->rotary_dim / 2);
}

}  // namespace

void CpuOps::MultiplyHeads(std::span<const LinearWeights> heads, const HeadValues& x, int64_t rows,
                           const HeadValues& out) {
  const int64_t count = static_cast<int64_t>(heads.size());
  const int64_t columns = heads[0].matrix->columns();
  // Quantised, the heads lie one after another, each with all its rows.
  const int64_t head_blocks = cpu::ActivationBlocks(rows, columns);
  ActivationBlock* blocks = nullptr;
  if (ReadBlocks(heads)) {
    blocks = reinterpret_cast<ActivationBlock*>(
        head_blocks_.Get(count * head_blocks * static_cast<int64_t>(sizeof(ActivationBlock))));
    ForRows(rows, count * columns, [&](int64_t row) {
      for (int64_t h = 0; h < count; ++h) {
        kernels_.quantise(x.data + row * x.row_stride + h * x.head_stride, columns,
                          blocks + h * head_blocks + ActivationIndex(row, 0, BlocksOf(columns)));
      }
    });
  }
  jobs_.clear();
  for (int64_t h = 0; h < count; ++h) {
    GemmJob job;
    job.matrix = &Packed(*heads[h].matrix);
    job.bias = BiasOf(heads[h]);
    job.values = x.data + h * x.head_stride;
    job.values_stride = x.row_stride;
    if (blocks != nullptr) job.blocks = blocks + h * head_blocks;
    job.rows = rows;
    job.out = out.data + h * out.head_stride;
    job.out_stride = out.row_stride;
    jobs_.push_back(job);
  }
  RunGemms(jobs_);
}

void CpuOps::FinishLatentQuery(const LatentArguments& a, int64_t row, float* q) const {
  const int64_t heads = a.shape.query_heads, nope = a.absorb[0].matrix->columns();
  const int64_t latent = a.shape.value_dim, rotated = a.shape.head_dim - latent;
  if (a.rope != nullptr && a.rope->query_scale.defined()) {
    kernels_.scale(a.rope->query_scale.data_ptr<float>()[row], heads * (nope + rotated), q);
  }
  float* out = a.queries->data_ptr<float>() + row * a.queries->stride(0);
  for (int64_t h = 0; h < heads; ++h) {
    float* turned = out + h * a.shape.head_dim + latent;
    std::copy_n(q + h * (nope + rotated) + nope, rotated, turned);
    RotateRow(kernels_, a.rope, row, turned);
  }
}

void CpuOps::StoreLatent(const LatentArguments& a, int64_t row, float* kv) {
  const AttentionJob job = AttentionJobFor(a.shape, input_->block_size);
  NormRow(*a.latent_norm, kv, job.value_dim, kv);
  RotateRow(kernels_, a.rope, row, kv + job.value_dim);
  const int64_t place = input_->groups[a.group].write_rows[row];
  const int64_t block = place / job.block_size;
  auto* keys = static_cast<uint8_t*>(a.cache->keys.data_ptr());
  auto* values = static_cast<uint8_t*>(a.cache->values.data_ptr());
  kernels_.store_kv(job, kv, kv, place % job.block_size, keys + block * job.key_bytes(),
                    values + block * job.value_bytes());
}

void CpuOps::LatentToCache(const LatentArguments& a) {
  const int64_t rows = input_->num_tokens(), heads = a.shape.query_heads;
  const int64_t nope = a.absorb[0].matrix->columns();
  const int64_t head_width = nope + a.shape.head_dim - a.shape.value_dim;
  const int64_t query_width = heads * head_width, key_width = a.shape.head_dim;

  jobs_.clear();
  jobs_.push_back(JobFor(*a.query_input, *a.q, rows));
  float* q = latent_queries_.Floats(rows * query_width);
  jobs_[0].out = q;
  jobs_[0].out_stride = query_width;
  jobs_.push_back(JobFor(*a.input, *a.kv, rows));
  float* kv = keys_.Floats(rows * key_width);
  jobs_[1].out = kv;
  jobs_[1].out_stride = key_width;
  RunGemms(jobs_);

  ForRows(rows, query_width + 2 * key_width, [&](int64_t row) {
    FinishLatentQuery(a, row, q + row * query_width);
    StoreLatent(a, row, kv + row * key_width);
  });
  MultiplyHeads(a.absorb, {q, query_width, head_width}, rows,
                {a.queries->data_ptr<float>(), a.queries->stride(0), key_width});
}

void CpuOps::ProjectHeads(const Activation& x, std::span<const LinearWeights> heads, int64_t rows,
                          Activation& out) {
  const int64_t width = heads[0].matrix->rows();
  float* to = out.values.data_ptr<float>();
  const int64_t stride = out.values.stride(0);
  MultiplyHeads(heads, {x.values.data_ptr<float>(), x.values.stride(0), heads[0].matrix->columns()},
                rows, {to, stride, width});
  ActivationBlock* blocks = BlocksOrNull(out);
  if (blocks == nullptr) return;
  const int64_t columns = static_cast<int64_t>(heads.size()) * width;
  ForRows(rows, columns, [&](int64_t row) {
    kernels_.quantise(to + row * stride, columns,
                      blocks + ActivationIndex(row, 0, BlocksOf(columns)));
  });
}

}  // namespace skep::models
