#include "scheduler/cache_manager.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace skep {
namespace {

int32_t MaxNodes(const CacheLayout& layout, bool prefix_cache) {
  if (!prefix_cache) return 0;
  // Twice as many as blocks: the ancestors of sliding windows hold none.
  int64_t blocks = 0;
  for (const CacheGroupSpec& group : layout.groups) blocks += group.num_blocks;
  return static_cast<int32_t>(
      std::min<int64_t>(2 * blocks, std::numeric_limits<int32_t>::max() / 2));
}

}  // namespace

CacheManager::CacheManager(const CacheLayout& layout, bool prefix_cache, uint64_t hash_key)
    : block_size_(layout.block_size),
      prefix_cache_(prefix_cache),
      groups_(layout.groups),
      index_(layout.block_size, MaxNodes(layout, prefix_cache), hash_key) {
  for (const CacheGroupSpec& group : groups_) pools_.emplace_back(group.num_blocks);
  match_.reserve(index_.max_size());
}

void CacheManager::Prepare(SequenceBlocks& blocks, int64_t max_tokens, std::string_view salt,
                           bool cached) const {
  for (int group = 0; group < num_groups(); ++group) {
    blocks.tables[group].reserve((max_tokens + block_size_ - 1) / block_size_);
  }
  blocks.salt = index_.HashSalt(salt);
  blocks.publishes = cached && prefix_cache_;
}

int32_t CacheManager::BlocksFor(int group, int64_t num_tokens) const {
  int64_t blocks = (num_tokens + block_size_ - 1) / block_size_;
  if (is_window(group)) {
    // The window of a query, itself included, touches the most blocks when it ends in the first
    // token of one.
    const int64_t window = groups_[group].window;
    blocks = std::min(blocks, (window + block_size_ - 2) / block_size_ + 1);
  }
  return static_cast<int32_t>(blocks);
}

int32_t CacheManager::Match(absl::Span<const TokenId> tokens, int64_t limit, uint64_t salt,
                            BlocksPerGroup& in_use) {
  match_.clear();
  in_use.fill(0);
  const int64_t max_blocks = std::min<int64_t>(limit, tokens.size()) / block_size_;
  BlocksPerGroup run{};  // blocks in a row that the group holds, ending in the current node
  int32_t best = 0;
  PrefixIndex::NodeId node = PrefixIndex::kRoot;
  while (prefix_cache_ && static_cast<int64_t>(match_.size()) < max_blocks) {
    node = index_.Find(node, salt, tokens.subspan(match_.size() * block_size_, block_size_));
    if (node == PrefixIndex::kNone) break;
    match_.push_back(node);
    const int32_t length = static_cast<int32_t>(match_.size());
    bool valid = true;
    for (int group = 0; group < num_groups(); ++group) {
      run[group] = index_.block(node, group) == kNoBlock ? 0 : run[group] + 1;
      const int64_t next_query = static_cast<int64_t>(length) * block_size_;
      valid = valid && run[group] >= length - FirstNeeded(group, next_query);
    }
    if (valid) best = length;
  }
  match_.resize(best);
  for (int group = 0; group < num_groups(); ++group) {
    for (int32_t i = FirstNeeded(group, static_cast<int64_t>(best) * block_size_); i < best; ++i) {
      in_use[group] += pools_[group].references(index_.block(match_[i], group)) > 0 ? 1 : 0;
    }
  }
  return best;
}

void CacheManager::Adopt(SequenceBlocks& blocks) {
  const int32_t length = static_cast<int32_t>(match_.size());
  for (int group = 0; group < num_groups(); ++group) {
    assert(blocks.tables[group].empty());
    const int32_t first = FirstNeeded(group, static_cast<int64_t>(length) * block_size_);
    blocks.slid[group] = first;
    blocks.tables[group].assign(first, kNoBlock);
    for (int32_t i = first; i < length; ++i) {
      const BlockId block = index_.block(match_[i], group);
      pools_[group].Share(block);
      blocks.tables[group].push_back(block);
    }
  }
  if (length == 0) return;
  index_.Enter(match_.back());
  blocks.node = match_.back();
  blocks.published = length;
}

int64_t CacheManager::Fit(const SequenceBlocks& blocks, int64_t first, int64_t count) const {
  for (int group = 0; group < num_groups(); ++group) {
    int64_t available = pools_[group].available();
    if (NeedsCopy(blocks, group, first) && --available < 0) return 0;
    const int64_t held = static_cast<int64_t>(blocks.tables[group].size());
    count = std::min(count, (held + available) * block_size_ - first);
  }
  return count;
}

int CacheManager::Extend(SequenceBlocks& blocks, int64_t first, int64_t count,
                         std::array<BlockCopy, kMaxCacheGroups>& copies) {
  int num_copies = 0;
  for (int group = 0; group < num_groups(); ++group) {
    std::vector<BlockId>& table = blocks.tables[group];
    if (NeedsCopy(blocks, group, first)) {
      BlockId& entry = table[first / block_size_];
      const BlockId source = entry;
      entry = Allocate(group);
      pools_[group].Release(source);
      copies[num_copies++] = {group, source, entry};
    }
    while (static_cast<int64_t>(table.size()) * block_size_ < first + count) {
      table.push_back(Allocate(group));
    }
  }
  return num_copies;
}

void CacheManager::Computed(SequenceBlocks& blocks, absl::Span<const TokenId> tokens,
                            int64_t num_computed) {
  if (blocks.publishes) Publish(blocks, tokens, num_computed);
  Slide(blocks, num_computed);
}

void CacheManager::Fork(const SequenceBlocks& source, SequenceBlocks& target) {
  for (int group = 0; group < num_groups(); ++group) {
    assert(target.tables[group].empty());
    const std::vector<BlockId>& table = source.tables[group];
    target.tables[group].assign(table.begin(), table.end());
    for (BlockId block : table) {
      if (block != kNoBlock) pools_[group].Share(block);
    }
  }
  target.slid = source.slid;
  target.publishes = source.publishes;
  target.published = source.published;
  target.node = source.node;
  index_.Enter(target.node);
}

void CacheManager::Release(SequenceBlocks& blocks) {
  for (int group = 0; group < num_groups(); ++group) {
    // Last block first: a prefix is cut from its end when its blocks are taken.
    std::vector<BlockId>& table = blocks.tables[group];
    for (auto block = table.rbegin(); block != table.rend(); ++block) {
      if (*block != kNoBlock) pools_[group].Release(*block);
    }
    table.clear();
  }
  blocks.slid.fill(0);
  index_.Leave(blocks.node);
  blocks.node = PrefixIndex::kRoot;
  blocks.published = 0;
}

int32_t CacheManager::FirstNeeded(int group, int64_t position) const {
  if (!is_window(group)) return 0;
  const int64_t oldest_key = position - groups_[group].window + 1;
  return static_cast<int32_t>(std::max<int64_t>(oldest_key, 0) / block_size_);
}

bool CacheManager::NeedsCopy(const SequenceBlocks& blocks, int group, int64_t first) const {
  const std::vector<BlockId>& table = blocks.tables[group];
  const size_t entry = first / block_size_;
  if (entry >= table.size() || table[entry] == kNoBlock) return false;
  const BlockPool& pool = pools_[group];
  return pool.references(table[entry]) > 1 || pool.tag(table[entry]) != BlockPool::kNoTag;
}

BlockId CacheManager::Allocate(int group) {
  const BlockPool::Allocation allocation = pools_[group].Allocate();
  if (allocation.evicted_tag != BlockPool::kNoTag) index_.Detach(allocation.evicted_tag, group);
  return allocation.block;
}

void CacheManager::Publish(SequenceBlocks& blocks, absl::Span<const TokenId> tokens,
                           int64_t num_computed) {
  for (; (blocks.published + 1) * static_cast<int64_t>(block_size_) <= num_computed;
       ++blocks.published) {
    const auto full_block =
        tokens.subspan(static_cast<size_t>(blocks.published) * block_size_, block_size_);
    const PrefixIndex::NodeId node = index_.FindOrAdd(blocks.node, blocks.salt, full_block);
    if (node == PrefixIndex::kNone) return;  // the index is full for now
    index_.Enter(node);
    index_.Leave(blocks.node);
    blocks.node = node;
    for (int group = 0; group < num_groups(); ++group) {
      const BlockId block = blocks.tables[group][blocks.published];
      if (block == kNoBlock || index_.block(node, group) != kNoBlock) continue;
      if (pools_[group].tag(block) != BlockPool::kNoTag) continue;
      index_.Attach(node, group, block);
      pools_[group].Tag(block, node);
    }
  }
}

void CacheManager::Slide(SequenceBlocks& blocks, int64_t position) {
  for (int group = 0; group < num_groups(); ++group) {
    std::vector<BlockId>& table = blocks.tables[group];
    const int32_t end = std::min(FirstNeeded(group, position), static_cast<int32_t>(table.size()));
    for (int32_t& i = blocks.slid[group]; i < end; ++i) {
      if (table[i] != kNoBlock) pools_[group].Release(table[i]);
      table[i] = kNoBlock;
    }
  }
}

}  // namespace skep
