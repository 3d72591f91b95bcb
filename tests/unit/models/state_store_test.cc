#include "models/state/state_store.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "models/ops/reference/reference_ops.h"

namespace skep::models {
namespace {

constexpr AttentionShape kShape{/*query_heads=*/4, /*kv_heads=*/2, /*head_dim=*/8};
// float32 keys and values of 32 tokens, 2 heads of 8.
constexpr int64_t kLayerBlockBytes = 2 * 32 * 2 * 8 * 4;

StateStore::Sizing Sizing(int64_t memory) {
  StateStore::Sizing sizing;
  sizing.memory_bytes = memory;
  sizing.context_length = 4096;
  sizing.max_sequences = 4;
  sizing.max_batch_tokens = 64;
  return sizing;
}

TEST(StateStoreTest, LayersOfOneKindShareAGroup) {
  StateStore store;
  const auto ops = MakeReferenceOps();
  StatePlace* full = store.Declare({StateKind::kFullAttention, 0, kShape});
  StatePlace* window = store.Declare({StateKind::kSlidingWindow, 64, kShape});
  StatePlace* full_again = store.Declare({StateKind::kFullAttention, 0, kShape});
  ASSERT_TRUE(store.Allocate(*ops, Sizing(int64_t{8} << 20)).ok());
  EXPECT_EQ(full->group, full_again->group);
  EXPECT_NE(full->group, window->group);
  ASSERT_EQ(store.layout().groups.size(), 2u);
  EXPECT_EQ(store.layout().groups[full->group].bytes_per_block, 2 * kLayerBlockBytes);
  EXPECT_EQ(store.layout().groups[window->group].bytes_per_block, kLayerBlockBytes);
  EXPECT_EQ(store.layout().groups[window->group].window, 64);
  EXPECT_EQ(full->cache.keys.size(0), store.layout().groups[full->group].num_blocks);
}

TEST(StateStoreTest, UsesTheBudgetAndNeverMore) {
  for (int64_t memory : {int64_t{100} << 10, int64_t{1} << 20, int64_t{7} << 20}) {
    StateStore store;
    const auto ops = MakeReferenceOps();
    store.Declare({StateKind::kFullAttention, 0, kShape});
    store.Declare({StateKind::kSlidingWindow, 64, kShape});
    ASSERT_TRUE(store.Allocate(*ops, Sizing(memory)).ok());
    EXPECT_LE(store.bytes(), memory);
    // All but what one more block of every group would take, unless the limit is reached.
    const int64_t full_length = 4 * 4096 / 32;
    if (store.layout().groups[0].num_blocks < full_length) {
      EXPECT_GT(store.bytes(), memory - 2 * kLayerBlockBytes);
    }
  }
}

TEST(StateStoreTest, AWindowGroupNeedsNoBlocksForWhatNobodyCanSee) {
  StateStore store;
  const auto ops = MakeReferenceOps();
  store.Declare({StateKind::kFullAttention, 0, kShape});
  store.Declare({StateKind::kSlidingWindow, 64, kShape});
  ASSERT_TRUE(store.Allocate(*ops, Sizing(int64_t{1} << 30)).ok());
  EXPECT_EQ(store.layout().groups[0].num_blocks, 4 * 4096 / 32);
  EXPECT_LT(store.layout().groups[1].num_blocks, 4 * 4096 / 32 / 4);
}

TEST(StateStoreTest, SaysWhatABudgetMustHold) {
  StateStore store;
  const auto ops = MakeReferenceOps();
  store.Declare({StateKind::kFullAttention, 0, kShape});
  const absl::Status status = store.Allocate(*ops, Sizing(1000));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("524288 bytes hold one sequence of 4096 tokens"),
            absl::string_view::npos)
      << status;
}

TEST(StateStoreTest, CopiesABlockOfEveryLayerOfTheGroup) {
  StateStore store;
  const auto ops = MakeReferenceOps();
  StatePlace* first = store.Declare({StateKind::kFullAttention, 0, kShape});
  StatePlace* second = store.Declare({StateKind::kFullAttention, 0, kShape});
  StatePlace* other = store.Declare({StateKind::kSlidingWindow, 64, kShape});
  ASSERT_TRUE(store.Allocate(*ops, Sizing(int64_t{1} << 20)).ok());
  for (StatePlace* place : {first, second, other}) {
    place->cache.keys.select(0, 3).fill_(1.5);
    place->cache.values.select(0, 3).fill_(-2.5);
  }
  store.Copy(*ops, {first->group, /*source=*/3, /*target=*/5});
  for (StatePlace* place : {first, second}) {
    EXPECT_TRUE(at::equal(place->cache.keys.select(0, 5), place->cache.keys.select(0, 3)));
    EXPECT_TRUE(at::equal(place->cache.values.select(0, 5), place->cache.values.select(0, 3)));
  }
  EXPECT_EQ(other->cache.keys.select(0, 5).abs().max().item<float>(), 0);
}

}  // namespace
}  // namespace skep::models
