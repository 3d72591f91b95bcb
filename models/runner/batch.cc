#include "models/runner/batch.h"

#include <algorithm>

namespace skep::models {

Batch::Batch(const CacheLayout& layout, int32_t max_tokens, int32_t max_rows,
             int64_t context_length)
    : layout_(layout), groups_(layout.groups.size()) {
  tokens_.reserve(max_tokens);
  positions_.reserve(max_tokens);
  query_starts_.reserve(max_rows + 1);
  kv_lengths_.reserve(max_rows);
  const int64_t stride = (context_length + layout.block_size - 1) / layout.block_size;
  // A table of every sequence at full length would be large and never used: what all the blocks of
  // the pool fill bounds it in practice, and vectors grow where that is exceeded.
  for (size_t g = 0; g < groups_.size(); ++g) {
    groups_[g].block_table.reserve(std::min<int64_t>(stride * max_rows, int64_t{1} << 20));
    groups_[g].write_rows.reserve(max_tokens);
  }
  input_.block_size = layout.block_size;
  input_.groups.resize(groups_.size());
}

const StepInput& Batch::Build(const Plan& plan) {
  const int64_t block_size = layout_.block_size;
  tokens_.clear();
  positions_.clear();
  query_starts_.assign(1, 0);
  kv_lengths_.clear();
  input_.max_query_length = 0;
  input_.max_kv_length = 0;
  for (const PlanRow& row : plan.rows) {
    const auto tokens = row.sequence.tokens.subspan(row.first_token, row.count);
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    for (int32_t i = 0; i < row.count; ++i) {
      positions_.push_back(static_cast<int32_t>(row.first_token) + i);
    }
    const int32_t length = static_cast<int32_t>(row.first_token) + row.count;
    query_starts_.push_back(static_cast<int32_t>(tokens_.size()));
    kv_lengths_.push_back(length);
    input_.max_query_length = std::max(input_.max_query_length, row.count);
    input_.max_kv_length = std::max(input_.max_kv_length, length);
  }

  const int64_t stride = (input_.max_kv_length + block_size - 1) / block_size;
  for (size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    group.block_table.assign(stride * plan.rows.size(), kNoBlock);
    group.write_rows.clear();
    for (size_t r = 0; r < plan.rows.size(); ++r) {
      const PlanRow& row = plan.rows[r];
      const auto table = row.block_tables[g];
      const int64_t used = std::min<int64_t>(stride, static_cast<int64_t>(table.size()));
      std::copy_n(table.begin(), used, group.block_table.begin() + r * stride);
      for (int64_t p = row.first_token; p < row.first_token + row.count; ++p) {
        group.write_rows.push_back(table[p / block_size] * block_size + p % block_size);
      }
    }
    input_.groups[g] = {group.block_table, stride, group.write_rows, layout_.groups[g].window};
  }
  input_.tokens = tokens_;
  input_.positions = positions_;
  input_.query_starts = query_starts_;
  input_.kv_lengths = kv_lengths_;
  return input_;
}

}  // namespace skep::models
