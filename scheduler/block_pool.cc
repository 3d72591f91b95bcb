#include "scheduler/block_pool.h"

#include <cassert>

namespace skep {

BlockPool::BlockPool(int32_t num_blocks) : blocks_(num_blocks) {
  free_.reserve(num_blocks);
  for (BlockId block = num_blocks - 1; block >= 0; --block) free_.push_back(block);
}

BlockPool::Allocation BlockPool::Allocate() {
  assert(available() > 0);
  Allocation result;
  if (!free_.empty()) {
    result.block = free_.back();
    free_.pop_back();
  } else {
    result.block = oldest_;
    result.evicted_tag = blocks_[oldest_].tag;
    Unlink(oldest_);
    blocks_[result.block].tag = kNoTag;
  }
  blocks_[result.block].references = 1;
  return result;
}

void BlockPool::Share(BlockId block) {
  Block& entry = blocks_[block];
  assert(entry.references > 0 || entry.tag != kNoTag);
  if (entry.references == 0) Unlink(block);
  ++entry.references;
}

void BlockPool::Release(BlockId block) {
  Block& entry = blocks_[block];
  assert(entry.references > 0);
  if (--entry.references > 0) return;
  if (entry.tag == kNoTag) {
    free_.push_back(block);
    return;
  }
  entry.previous = newest_;
  entry.next = kNoBlock;
  (newest_ == kNoBlock ? oldest_ : blocks_[newest_].next) = block;
  newest_ = block;
  ++num_cached_;
}

void BlockPool::Tag(BlockId block, int32_t tag) {
  assert(blocks_[block].references > 0 && blocks_[block].tag == kNoTag);
  blocks_[block].tag = tag;
}

void BlockPool::Unlink(BlockId block) {
  Block& entry = blocks_[block];
  (entry.previous == kNoBlock ? oldest_ : blocks_[entry.previous].next) = entry.next;
  (entry.next == kNoBlock ? newest_ : blocks_[entry.next].previous) = entry.previous;
  entry.previous = entry.next = kNoBlock;
  --num_cached_;
}

}  // namespace skep
