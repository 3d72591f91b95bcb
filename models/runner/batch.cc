#include "models/runner/batch.h"

#include <algorithm>
#include <utility>

namespace skep::models {

Batch::Batch(const CacheLayout& layout, int32_t max_tokens, int32_t max_rows,
             int64_t context_length, PrefixOptions prefix)
    : layout_(layout), prefix_(std::move(prefix)), groups_(layout.groups.size()) {
  tokens_.reserve(max_tokens);
  positions_.reserve(max_tokens);
  if (prefix_.two_axes) block_positions_.reserve(max_tokens);
  if (prefix_.end != PrefixOptions::End::kNone) prefixes_.reserve(max_rows);
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

void Batch::AddTokens(const PlanRow& row) {
  const auto tokens = row.sequence.tokens.subspan(row.first_token, row.count);
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  const int32_t length = static_cast<int32_t>(row.first_token) + row.count;
  query_starts_.push_back(static_cast<int32_t>(tokens_.size()));
  kv_lengths_.push_back(length);
  input_.max_query_length = std::max(input_.max_query_length, row.count);
  input_.max_kv_length = std::max(input_.max_kv_length, length);
}

void Batch::AddPositions(const PlanRow& row) {
  const auto first = static_cast<int32_t>(row.first_token);
  Prefix prefix;
  if (prefix_.end != PrefixOptions::End::kNone) {
    prefix = FindPrefix(prefix_, row.sequence);
    prefixes_.push_back(std::min(prefix.length, first + row.count));
  }
  for (int32_t position = first; position < first + row.count; ++position) {
    const bool after = prefix_.two_axes && position >= prefix.length;
    positions_.push_back(after ? prefix.mask_position : position);
    if (!prefix_.two_axes) continue;
    block_positions_.push_back(after ? position - prefix.length + 1 : 0);
  }
}

const StepInput& Batch::Build(const Plan& plan) {
  const int64_t block_size = layout_.block_size;
  tokens_.clear();
  positions_.clear();
  block_positions_.clear();
  prefixes_.clear();
  query_starts_.assign(1, 0);
  kv_lengths_.clear();
  input_.max_query_length = 0;
  input_.max_kv_length = 0;
  for (const PlanRow& row : plan.rows) {
    AddTokens(row);
    AddPositions(row);
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
  input_.block_positions = block_positions_;
  input_.prefixes = prefixes_;
  input_.query_starts = query_starts_;
  input_.kv_lengths = kv_lengths_;
  return input_;
}

}  // namespace skep::models
