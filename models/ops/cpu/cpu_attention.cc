// Queries, keys and values: projected, normed, rotated, cached, and attended to.
#include "models/ops/cpu/cpu_ops_impl.h"

namespace skep::models {

using cpu::AttentionJob;

void CpuOps::FinishHeads(const QkvArguments& a, const NormWeights* norm, int64_t heads, int64_t row,
                         float* x) const {
  const int64_t dim = a.shape.head_dim;
  const bool whole = a.head_norm == HeadNorm::kWholeRow;
  const bool after = a.head_norm == HeadNorm::kPerHeadAfterRope;
  if (norm != nullptr && whole) NormRow(*norm, x, heads * dim, x);
  if (norm != nullptr && !whole && !after) {
    const bool each = norm->scale.numel() > dim;  // every head has a scale of its own
    for (int64_t h = 0; h < heads; ++h)
      NormPart(*norm, each ? h * dim : 0, x + h * dim, dim, x + h * dim);
  }
  if (a.clip > 0.0f) kernels_.clamp(a.clip, heads * dim, x);
  if (a.rope != nullptr && a.rope->rotary_dim > 0) {
    const float* cosine = a.rope->cosine.data_ptr<float>() + row * a.rope->cosine.stride(0);
    const float* sine = a.rope->sine.data_ptr<float>() + row * a.rope->sine.stride(0);
    for (int64_t h = 0; h < heads; ++h) {
      kernels_.rotate(x + h * dim, cosine, sine, a.rope->rotary_dim / 2);
    }
  }
  if (norm != nullptr && after) {
    for (int64_t h = 0; h < heads; ++h) NormRow(*norm, x + h * dim, dim, x + h * dim);
  }
}

void CpuOps::StoreKeysAndValues(const QkvArguments& a, int64_t row, float* key, float* value) {
  const AttentionJob job = AttentionJobFor(a.shape, input_->block_size);
  const int64_t place = input_->groups[a.group].write_rows[row];
  const int64_t block = place / job.block_size, offset = place % job.block_size;
  FinishHeads(a, a.k_norm, a.shape.kv_heads, row, key);
  if (a.clip > 0.0f) kernels_.clamp(a.clip, a.shape.kv_heads * job.value_dim, value);
  auto* keys = static_cast<uint8_t*>(a.cache->keys.data_ptr());
  auto* values = static_cast<uint8_t*>(a.cache->values.data_ptr());
  for (int64_t h = 0; h < a.shape.kv_heads; ++h) {
    float* head_value = value + h * job.value_dim;
    if (a.v_norm != nullptr) NormRow(*a.v_norm, head_value, job.value_dim, head_value);
    const int64_t at = block * a.shape.kv_heads + h;
    kernels_.store_kv(job, key + h * job.head_dim, head_value, offset, keys + at * job.key_bytes(),
                      values + at * job.value_bytes());
  }
}

void CpuOps::QkvToCache(const QkvArguments& a) {
  const int64_t rows = input_->num_tokens();
  const int64_t key_width = a.shape.kv_heads * a.shape.head_dim;
  const int64_t value_width = a.shape.kv_heads * a.shape.value_width();
  float* queries = a.queries->data_ptr<float>();
  const int64_t query_stride = a.queries->stride(0);
  const bool writes = a.k != nullptr;

  jobs_.clear();
  jobs_.push_back(JobFor(*a.input, *a.q, rows));
  jobs_[0].out = queries;
  jobs_[0].out_stride = query_stride;
  if (writes) {
    jobs_.push_back(JobFor(*a.input, *a.k, rows));
    jobs_[1].out = keys_.Floats(rows * key_width);
    jobs_[1].out_stride = key_width;
    jobs_.push_back(JobFor(*a.input, *a.v, rows));
    jobs_[2].out = values_.Floats(rows * value_width);
    jobs_[2].out_stride = value_width;
  }
  RunGemms(jobs_);

  const bool scaled = a.rope != nullptr && a.rope->query_scale.defined();
  const float* query_scale = scaled ? a.rope->query_scale.data_ptr<float>() : nullptr;
  const int64_t query_width = a.shape.query_heads * a.shape.head_dim;
  ForRows(rows, query_width + (writes ? key_width + value_width : 0), [&](int64_t row) {
    float* query = queries + row * query_stride;
    FinishHeads(a, a.q_norm, a.shape.query_heads, row, query);
    if (scaled) kernels_.scale(query_scale[row], query_width, query);
    if (writes) {
      StoreKeysAndValues(a, row, jobs_[1].out + row * key_width, jobs_[2].out + row * value_width);
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
  job.chunk = a.chunk;
  job.radius = a.radius;
  job.sinks = a.sinks != nullptr ? a.sinks->data_ptr<float>() : nullptr;
  job.slopes = a.slopes != nullptr ? a.slopes->data_ptr<float>() : nullptr;
  cpu::AttentionBatch batch;
  batch.query_starts = input_->query_starts;
  batch.kv_lengths = input_->kv_lengths;
  batch.prefixes = input_->prefixes;
  batch.block_table = group.block_table.data();
  batch.table_stride = group.table_stride;
  attention_.Run(kernels_, job, batch, pool_, workspaces_, BlocksOrNull(*a.output));
}

}  // namespace skep::models
