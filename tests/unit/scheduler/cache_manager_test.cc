#include "scheduler/cache_manager.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace skep {
namespace {

CacheGroupSpec Full(int32_t blocks) { return {StateKind::kFullAttention, 0, blocks, 0}; }
CacheGroupSpec Window(int32_t blocks, int64_t window) {
  return {StateKind::kSlidingWindow, window, blocks, 0};
}

std::vector<TokenId> Tokens(int count) {
  std::vector<TokenId> tokens(count);
  std::iota(tokens.begin(), tokens.end(), 100);
  return tokens;
}

class CacheManagerTest : public testing::Test {
 protected:
  void Make(std::vector<CacheGroupSpec> groups, int32_t block_size = 4) {
    cache_ = std::make_unique<CacheManager>(CacheLayout{block_size, std::move(groups)}, true, 1);
  }
  SequenceBlocks Sequence() {
    SequenceBlocks blocks;
    cache_->Prepare(blocks, 100, "", /*cached=*/true);
    return blocks;
  }
  // Computes all of `tokens` in chunks.
  void Compute(SequenceBlocks& blocks, const std::vector<TokenId>& tokens, int64_t chunk) {
    const int64_t size = static_cast<int64_t>(tokens.size());
    for (int64_t first = 0; first < size; first += chunk) {
      const int64_t count = std::min(chunk, size - first);
      ASSERT_EQ(cache_->Fit(blocks, first, count), count);
      cache_->Extend(blocks, first, count, copies_);
      cache_->Computed(blocks, tokens, first + count);
    }
  }
  int32_t Match(const std::vector<TokenId>& tokens, int64_t limit) {
    return cache_->Match(tokens, limit, Sequence().salt, in_use_);
  }

  std::unique_ptr<CacheManager> cache_;
  std::array<BlockCopy, kMaxCacheGroups> copies_;
  BlocksPerGroup in_use_;
};

TEST_F(CacheManagerTest, FindsTheFullBlocksOfAFinishedSequence) {
  Make({Full(8)});
  SequenceBlocks first = Sequence();
  Compute(first, Tokens(11), 3);
  cache_->Release(first);
  EXPECT_EQ(cache_->pool(0).num_cached(), 2);
  EXPECT_EQ(Match(Tokens(11), 11), 2);
  EXPECT_EQ(in_use_[0], 0);
  EXPECT_EQ(Match(Tokens(11), 7), 1) << "no longer than the limit";
  std::vector<TokenId> other = Tokens(11);
  other[5] = 0;
  EXPECT_EQ(Match(other, 11), 1);
}

TEST_F(CacheManagerTest, AnAdoptedPrefixIsSharedAndCountedAsInUse) {
  Make({Full(8)});
  SequenceBlocks first = Sequence();
  Compute(first, Tokens(9), 9);
  ASSERT_EQ(Match(Tokens(9), 8), 2);
  EXPECT_EQ(in_use_[0], 2);
  SequenceBlocks second = Sequence();
  cache_->Adopt(second);
  EXPECT_EQ(second.tables[0][1], first.tables[0][1]);
  EXPECT_EQ(cache_->pool(0).references(first.tables[0][0]), 2);
  cache_->Release(first);
  cache_->Release(first);  // idempotent
  EXPECT_EQ(cache_->pool(0).references(second.tables[0][0]), 1);
  cache_->Release(second);
  EXPECT_EQ(cache_->pool(0).available(), 8);
}

TEST_F(CacheManagerTest, AWindowGivesBackWhatNoQuerySees) {
  Make({Window(4, 5)});
  SequenceBlocks blocks = Sequence();
  Compute(blocks, Tokens(12), 4);
  // The next query, at 12, sees (7, 12]: block 1 (4 to 7) is out.
  EXPECT_EQ(blocks.tables[0][0], kNoBlock);
  EXPECT_EQ(blocks.tables[0][1], kNoBlock);
  EXPECT_NE(blocks.tables[0][2], kNoBlock);
  // At 11 it would see (6, 11]: a sequence of 11 tokens keeps block 1.
  SequenceBlocks shorter = Sequence();
  Compute(shorter, Tokens(11), 1);
  EXPECT_EQ(shorter.tables[0][0], kNoBlock);
  EXPECT_NE(shorter.tables[0][1], kNoBlock);
}

TEST_F(CacheManagerTest, AWindowNeverNeedsMoreBlocksThanItsBound) {
  for (const int64_t window : {1, 2, 3, 4, 5, 6, 7, 8, 9}) {
    for (const int32_t block_size : {1, 2, 3, 4}) {
      Make({Window(20, window)}, block_size);
      const int32_t bound = cache_->BlocksFor(0, 1000);
      SequenceBlocks blocks = Sequence();
      int32_t most = 0;
      const std::vector<TokenId> tokens = Tokens(40);
      for (int64_t i = 0; i < 40; ++i) {
        cache_->Extend(blocks, i, 1, copies_);
        int32_t held = 0;
        for (BlockId block : blocks.tables[0]) held += block == kNoBlock ? 0 : 1;
        most = std::max(most, held);
        cache_->Computed(blocks, tokens, i + 1);
      }
      EXPECT_EQ(most, bound) << "window " << window << ", block size " << block_size;
    }
  }
}

TEST_F(CacheManagerTest, AHitIsAsLongAsEveryGroupCanServe) {
  Make({Full(16), Window(3, 4)});
  SequenceBlocks first = Sequence();
  Compute(first, Tokens(24), 4);
  cache_->Release(first);
  // The window's pool still holds blocks 3, 4 and 5, the other group's holds all.
  EXPECT_EQ(Match(Tokens(24), 24), 6);
  EXPECT_EQ(Match(Tokens(24), 19), 4);
  EXPECT_EQ(Match(Tokens(24), 15), 0) << "a query at 12 sees block 2";
  ASSERT_EQ(Match(Tokens(24), 16), 4);
  SequenceBlocks second = Sequence();
  cache_->Adopt(second);
  EXPECT_NE(second.tables[0][0], kNoBlock);
  EXPECT_EQ(second.tables[1][2], kNoBlock);
  EXPECT_NE(second.tables[1][3], kNoBlock);
}

TEST_F(CacheManagerTest, AHitNeedsOnlyTheWindowsLastBlocks) {
  Make({Window(8, 4)});
  SequenceBlocks first = Sequence();
  Compute(first, Tokens(17), 4);
  cache_->Release(first);
  ASSERT_EQ(Match(Tokens(17), 16), 4);
  SequenceBlocks second = Sequence();
  cache_->Adopt(second);
  EXPECT_EQ(second.tables[0][2], kNoBlock);
  EXPECT_NE(second.tables[0][3], kNoBlock);
}

TEST_F(CacheManagerTest, WritingASharedBlockCopiesItForAllButTheLastOwner) {
  Make({Full(8)});
  SequenceBlocks first = Sequence();
  Compute(first, Tokens(6), 6);
  SequenceBlocks second = Sequence();
  cache_->Fork(first, second);
  const BlockId shared = first.tables[0][1];
  EXPECT_EQ(cache_->Extend(second, 6, 1, copies_), 1);
  EXPECT_EQ(copies_[0].source, shared);
  EXPECT_EQ(copies_[0].target, second.tables[0][1]);
  EXPECT_EQ(cache_->Extend(first, 6, 1, copies_), 0);
  EXPECT_EQ(first.tables[0][1], shared);
  EXPECT_EQ(first.tables[0][0], second.tables[0][0]);
}

TEST_F(CacheManagerTest, FitCountsTheCopy) {
  Make({Full(2)});
  SequenceBlocks first = Sequence();
  Compute(first, Tokens(6), 6);
  SequenceBlocks second = Sequence();
  cache_->Fork(first, second);
  EXPECT_EQ(cache_->Fit(second, 6, 5), 0);
  cache_->Release(first);
  EXPECT_EQ(cache_->Fit(second, 6, 5), 2);
}

}  // namespace
}  // namespace skep
