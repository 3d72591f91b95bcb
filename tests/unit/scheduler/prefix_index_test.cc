#include "scheduler/prefix_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "scheduler/sip_hash.h"

namespace skep {
namespace {

using NodeId = PrefixIndex::NodeId;

// The reference outputs for messages of no byte and of the bytes 0 to 7, under the key 0 to 15,
// that the authors of SipHash publish with their code (vectors_sip64, first and ninth).
TEST(SipHash, AgreesWithThePublishedVectors) {
  const uint64_t key0 = 0x0706050403020100u;
  const uint64_t key1 = 0x0f0e0d0c0b0a0908u;
  EXPECT_EQ(SipHash(key0, key1).Finish(), 0x726fdb47dd0e0e31u);
  SipHash eight(key0, key1);
  eight.Add(0x0706050403020100u);
  EXPECT_EQ(eight.Finish(), 0x93f5f5799a932462u);
}

TEST(PrefixIndex, FindsAPrefixByItsTokensSaltAndParent) {
  PrefixIndex index(2, 8, 1);
  const NodeId a = index.FindOrAdd(PrefixIndex::kRoot, 0, {1, 2});
  index.Enter(a);
  const NodeId ab = index.FindOrAdd(a, 0, {3, 4});
  index.Enter(ab);
  EXPECT_EQ(index.Find(PrefixIndex::kRoot, 0, {1, 2}), a);
  EXPECT_EQ(index.Find(a, 0, {3, 4}), ab);
  EXPECT_EQ(index.FindOrAdd(a, 0, {3, 4}), ab);
  EXPECT_EQ(index.Find(PrefixIndex::kRoot, 0, {2, 1}), PrefixIndex::kNone);
  EXPECT_EQ(index.Find(PrefixIndex::kRoot, 0, {3, 4}), PrefixIndex::kNone);
  EXPECT_EQ(index.Find(PrefixIndex::kRoot, 1, {1, 2}), PrefixIndex::kNone);
  EXPECT_NE(index.HashSalt("one tenant"), index.HashSalt("another"));
}

TEST(PrefixIndex, ANodeLivesAsLongAsABlockAChildOrASequenceNeedsIt) {
  PrefixIndex index(1, 8, 1);
  const NodeId a = index.FindOrAdd(PrefixIndex::kRoot, 0, {1});
  index.Enter(a);
  index.Attach(a, 0, 5);
  const NodeId b = index.FindOrAdd(a, 0, {2});
  index.Enter(b);
  index.Leave(a);
  index.Detach(a, 0);
  EXPECT_EQ(index.Find(PrefixIndex::kRoot, 0, {1}), a) << "its child is alive";
  EXPECT_EQ(index.block(a, 0), kNoBlock);
  index.Leave(b);
  EXPECT_EQ(index.size(), 0);
  EXPECT_EQ(index.Find(PrefixIndex::kRoot, 0, {1}), PrefixIndex::kNone);
}

TEST(PrefixIndex, WhenFullItRemembersNothingNew) {
  PrefixIndex index(1, 1, 1);
  const NodeId a = index.FindOrAdd(PrefixIndex::kRoot, 0, {1});
  index.Enter(a);
  EXPECT_EQ(index.FindOrAdd(PrefixIndex::kRoot, 0, {2}), PrefixIndex::kNone);
  index.Leave(a);
  EXPECT_NE(index.FindOrAdd(PrefixIndex::kRoot, 0, {2}), PrefixIndex::kNone);
}

// With more prefixes than buckets and three tokens, buckets are shared all the time: only the
// comparison of parents, salts and tokens tells prefixes apart.
TEST(PrefixIndex, AgreesWithAMapOfWholePrefixes) {
  std::mt19937 random(3);
  PrefixIndex index(2, 64, 9);
  std::map<std::pair<uint64_t, std::vector<TokenId>>, NodeId> naive;
  std::vector<NodeId> held;
  for (int round = 0; round < 20000; ++round) {
    const uint64_t salt = random() % 2;
    std::vector<TokenId> prefix;
    NodeId node = PrefixIndex::kRoot;
    for (int depth = 0; depth < 3; ++depth) {
      const std::vector<TokenId> block = {static_cast<TokenId>(random() % 3),
                                          static_cast<TokenId>(random() % 3)};
      prefix.insert(prefix.end(), block.begin(), block.end());
      const auto known = naive.find({salt, prefix});
      const NodeId found = index.Find(node, salt, block);
      ASSERT_EQ(found, known == naive.end() ? PrefixIndex::kNone : known->second);
      node = index.FindOrAdd(node, salt, block);
      if (node == PrefixIndex::kNone) break;
      index.Enter(node);
      held.push_back(node);
      naive[{salt, prefix}] = node;
    }
    ASSERT_EQ(index.size(), static_cast<int32_t>(naive.size()));
    if (index.size() < 60) continue;
    for (NodeId id : held) index.Leave(id);
    held.clear();
    naive.clear();
    ASSERT_EQ(index.size(), 0);
  }
}

}  // namespace
}  // namespace skep
