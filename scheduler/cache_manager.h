// The blocks of all cache groups and of all sequences: block tables, prefix hits, copy on write and
// sliding windows.
#ifndef SKEP_SCHEDULER_CACHE_MANAGER_H_
#define SKEP_SCHEDULER_CACHE_MANAGER_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "scheduler/block_pool.h"
#include "scheduler/plan.h"
#include "scheduler/prefix_index.h"
#include "scheduler/types.h"

namespace skep {

using BlocksPerGroup = std::array<int32_t, kMaxCacheGroups>;

// What one sequence holds. Each entry of a table that is not kNoBlock is one reference.
struct SequenceBlocks {
  std::array<std::vector<BlockId>, kMaxCacheGroups> tables;
  std::array<int32_t, kMaxCacheGroups> slid{};  // entries before this one are kNoBlock

  // Where the sequence stands in the prefix index: its first `published` blocks lead to `node`.
  PrefixIndex::NodeId node = PrefixIndex::kRoot;
  int32_t published = 0;
  uint64_t salt = 0;
  bool publishes = true;
};

class CacheManager final {
 public:
  CacheManager(const CacheLayout& layout, bool prefix_cache, uint64_t hash_key);

  int num_groups() const { return static_cast<int>(pools_.size()); }
  const BlockPool& pool(int group) const { return pools_[group]; }
  const PrefixIndex& index() const { return index_; }
  int32_t block_size() const { return block_size_; }

  // Makes `blocks` ready for a sequence of up to `max_tokens` tokens.
  void Prepare(SequenceBlocks& blocks, int64_t max_tokens, std::string_view salt,
               bool cached) const;

  // Blocks that a group needs at most to hold `num_tokens` tokens of one sequence, computed one by
  // one: no more than reach over the window.
  int32_t BlocksFor(int group, int64_t num_tokens) const;

  // The longest cached prefix of `tokens`, in blocks, that every group can serve and that is no
  // longer than `limit` tokens. It is kept for Adopt until the next call of a method that is not
  // const. `in_use` counts per group those of its blocks that others hold: Adopt takes them at no
  // cost, the rest out of the pool's available ones.
  int32_t Match(absl::Span<const TokenId> tokens, int64_t limit, uint64_t salt,
                BlocksPerGroup& in_use);

  // Gives the matched prefix to a sequence that holds nothing.
  void Adopt(SequenceBlocks& blocks);

  // How many tokens from `first` on, up to `count`, the sequence can write with the blocks it has
  // and those available.
  int64_t Fit(const SequenceBlocks& blocks, int64_t first, int64_t count) const;

  // Allocates what writing `count` tokens from `first` on takes (Fit says that it is there), and
  // appends the copies that must be done before. Returns their number.
  int Extend(SequenceBlocks& blocks, int64_t first, int64_t count,
             std::array<BlockCopy, kMaxCacheGroups>& copies);

  // The first `num_computed` tokens are in the cache: remembers full blocks for later requests and
  // gives back those that no later query sees.
  void Computed(SequenceBlocks& blocks, absl::Span<const TokenId> tokens, int64_t num_computed);

  // `target`, which holds nothing, shares all that `source` holds.
  void Fork(const SequenceBlocks& source, SequenceBlocks& target);

  // Gives everything back: the one place where a sequence's blocks are freed. Idempotent.
  void Release(SequenceBlocks& blocks);

 private:
  bool is_window(int group) const { return groups_[group].kind == StateKind::kSlidingWindow; }

  // Of a sequence whose next query is at `position`: the first entry of its table still needed.
  int32_t FirstNeeded(int group, int64_t position) const;

  // The block that holds position `first` is there and belongs to others, too.
  bool NeedsCopy(const SequenceBlocks& blocks, int group, int64_t first) const;

  BlockId Allocate(int group);
  void Publish(SequenceBlocks& blocks, absl::Span<const TokenId> tokens, int64_t num_computed);
  void Slide(SequenceBlocks& blocks, int64_t position);

  int32_t block_size_;
  bool prefix_cache_;
  std::vector<CacheGroupSpec> groups_;
  std::vector<BlockPool> pools_;
  PrefixIndex index_;
  std::vector<PrefixIndex::NodeId> match_;  // the last Match's path
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_CACHE_MANAGER_H_
