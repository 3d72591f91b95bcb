// The blocks of one cache group: who holds them, which are free, and which are free but still hold
// a prefix worth keeping.
#ifndef SKEP_SCHEDULER_BLOCK_POOL_H_
#define SKEP_SCHEDULER_BLOCK_POOL_H_

#include <cstdint>
#include <vector>

#include "scheduler/types.h"

namespace skep {

// Every block is in one of three states:
//   used    references > 0
//   cached  references = 0 and a tag: a node of the prefix index names it
//   free    references = 0 and no tag
// Allocate takes free blocks first, then the cached block that was released longest ago. No method
// allocates memory. The caller keeps the rules; a broken one is a bug of the scheduler (assert).
class BlockPool final {
 public:
  static constexpr int32_t kNoTag = -1;

  struct Allocation {
    BlockId block = kNoBlock;
    int32_t evicted_tag = kNoTag;  // of the cached block that was taken
  };

  explicit BlockPool(int32_t num_blocks);

  // One reference to a block without a tag. Requires available() > 0.
  Allocation Allocate();

  // One more reference to a used or cached block.
  void Share(BlockId block);

  // One reference less.
  void Release(BlockId block);

  // Marks a used block as one that a prefix may find again.
  void Tag(BlockId block, int32_t tag);

  int32_t tag(BlockId block) const { return blocks_[block].tag; }
  int32_t references(BlockId block) const { return blocks_[block].references; }

  int32_t total() const { return static_cast<int32_t>(blocks_.size()); }
  int32_t num_free() const { return static_cast<int32_t>(free_.size()); }
  int32_t num_cached() const { return num_cached_; }
  int32_t available() const { return num_free() + num_cached(); }

 private:
  struct Block {
    int32_t references = 0;
    int32_t tag = kNoTag;
    BlockId previous = kNoBlock;  // in the list of cached blocks, oldest first
    BlockId next = kNoBlock;
  };

  void Unlink(BlockId block);

  std::vector<Block> blocks_;
  std::vector<BlockId> free_;  // a stack: the most recently used memory first
  BlockId oldest_ = kNoBlock;
  BlockId newest_ = kNoBlock;
  int32_t num_cached_ = 0;
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_BLOCK_POOL_H_
