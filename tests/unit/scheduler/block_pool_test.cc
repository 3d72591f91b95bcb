#include "scheduler/block_pool.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace skep {
namespace {

TEST(BlockPool, HandsOutEveryBlockOnce) {
  BlockPool pool(3);
  std::vector<bool> seen(3, false);
  for (int i = 0; i < 3; ++i) seen[pool.Allocate().block] = true;
  EXPECT_EQ(seen, std::vector<bool>(3, true));
  EXPECT_EQ(pool.available(), 0);
}

TEST(BlockPool, ABlockIsFreeWhenItsLastOwnerLeaves) {
  BlockPool pool(1);
  const BlockId block = pool.Allocate().block;
  pool.Share(block);
  pool.Release(block);
  EXPECT_EQ(pool.num_free(), 0);
  pool.Release(block);
  EXPECT_EQ(pool.num_free(), 1);
}

TEST(BlockPool, TakesFreeBlocksThenTheCachedOneReleasedFirst) {
  BlockPool pool(3);
  const BlockId a = pool.Allocate().block;
  const BlockId b = pool.Allocate().block;
  const BlockId c = pool.Allocate().block;
  pool.Tag(a, 10);
  pool.Tag(b, 11);
  pool.Release(b);
  pool.Release(a);
  pool.Release(c);
  EXPECT_EQ(pool.num_cached(), 2);
  EXPECT_EQ(pool.Allocate().block, c);
  const BlockPool::Allocation evicted = pool.Allocate();
  EXPECT_EQ(evicted.block, b);
  EXPECT_EQ(evicted.evicted_tag, 11);
  EXPECT_EQ(pool.tag(b), BlockPool::kNoTag);
}

TEST(BlockPool, SharingACachedBlockRevivesItAndMakesItYoung) {
  BlockPool pool(2);
  const BlockId a = pool.Allocate().block;
  const BlockId b = pool.Allocate().block;
  pool.Tag(a, 1);
  pool.Tag(b, 2);
  pool.Release(a);
  pool.Release(b);
  pool.Share(a);
  EXPECT_EQ(pool.references(a), 1);
  pool.Release(a);
  EXPECT_EQ(pool.Allocate().block, b);
  EXPECT_EQ(pool.Allocate().block, a);
}

// Random operations against a list of what every block is worth.
TEST(BlockPool, AgreesWithANaiveModel) {
  struct Naive {
    int references = 0;
    int tag = BlockPool::kNoTag;
    int released = 0;  // when it became cached
  };
  std::mt19937 random(1);
  constexpr int kBlocks = 5;
  BlockPool pool(kBlocks);
  std::vector<Naive> naive(kBlocks);
  for (int step = 1; step <= 100000; ++step) {
    const BlockId block = static_cast<BlockId>(random() % kBlocks);
    Naive& entry = naive[block];
    switch (random() % 4) {
      case 0: {
        if (pool.available() == 0) break;
        const BlockPool::Allocation got = pool.Allocate();
        Naive& taken = naive[got.block];
        ASSERT_EQ(taken.references, 0);
        ASSERT_EQ(taken.tag, got.evicted_tag);
        for (const Naive& other : naive) {
          if (other.references > 0 || taken.tag == BlockPool::kNoTag) continue;
          ASSERT_NE(other.tag, BlockPool::kNoTag) << "a free block was left, a cached one taken";
          ASSERT_GE(other.released, taken.released);
        }
        taken = {1, BlockPool::kNoTag, 0};
        break;
      }
      case 1:
        if (entry.references == 0 && entry.tag == BlockPool::kNoTag) break;
        pool.Share(block);
        ++entry.references;
        break;
      case 2:
        if (entry.references == 0) break;
        pool.Release(block);
        if (--entry.references == 0) entry.released = step;
        break;
      case 3:
        if (entry.references == 0 || entry.tag != BlockPool::kNoTag) break;
        entry.tag = step;
        pool.Tag(block, step);
        break;
    }
    int used = 0;
    for (BlockId i = 0; i < kBlocks; ++i) {
      ASSERT_EQ(pool.references(i), naive[i].references);
      used += naive[i].references > 0 ? 1 : 0;
    }
    ASSERT_EQ(used + pool.num_free() + pool.num_cached(), kBlocks);
  }
}

}  // namespace
}  // namespace skep
