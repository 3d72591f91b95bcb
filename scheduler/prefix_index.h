// Which prefixes are cached, and in which blocks.
#ifndef SKEP_SCHEDULER_PREFIX_INDEX_H_
#define SKEP_SCHEDULER_PREFIX_INDEX_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "scheduler/types.h"

namespace skep {

// A forest of full blocks of tokens, one tree per salt: a node stands for exactly one prefix, the
// tokens on the path from its root. It is found by a hash keyed with a secret, so that nobody can
// aim at collisions, and confirmed by comparing parent, salt and tokens, so that a collision can
// never hand out another prefix's blocks.
//
// A node holds, for each cache group, the block in which that group keeps the state of the node's
// tokens, or kNoBlock. It lives while it holds a block, has children, or a sequence stands on it;
// so the ancestors of a sliding window outlive their own blocks. The number of nodes is bounded:
// when it is reached, new prefixes are not remembered. No method allocates memory.
class PrefixIndex final {
 public:
  using NodeId = int32_t;
  static constexpr NodeId kRoot = -1;  // the empty prefix, of every salt
  static constexpr NodeId kNone = -2;

  PrefixIndex(int32_t block_size, int32_t max_nodes, uint64_t hash_key);

  uint64_t HashSalt(std::string_view salt) const;

  // The child of `parent` that continues it by `tokens` (one block); kNone if there is none.
  NodeId Find(NodeId parent, uint64_t salt, absl::Span<const TokenId> tokens) const;

  // The same, adding it if need be; kNone if the index is full. The caller enters it at once.
  NodeId FindOrAdd(NodeId parent, uint64_t salt, absl::Span<const TokenId> tokens);

  BlockId block(NodeId node, int group) const { return nodes_[node].blocks[group]; }
  void Attach(NodeId node, int group, BlockId block);
  void Detach(NodeId node, int group);

  // A sequence stands on the node, respectively leaves it. Nothing happens at the root.
  void Enter(NodeId node);
  void Leave(NodeId node);

  int32_t size() const { return static_cast<int32_t>(nodes_.size() - free_.size()); }
  int32_t max_size() const { return static_cast<int32_t>(nodes_.size()); }

 private:
  struct Node {
    NodeId parent = kNone;
    NodeId next = kNone;     // in its bucket
    int32_t references = 0;  // blocks + children + sequences that stand here
    uint64_t salt = 0;
    std::array<BlockId, kMaxCacheGroups> blocks;
  };

  size_t Bucket(NodeId parent, uint64_t salt, absl::Span<const TokenId> tokens) const;
  absl::Span<const TokenId> Tokens(NodeId node) const;
  void Unreference(NodeId node);
  void Remove(NodeId node);

  int32_t block_size_;
  uint64_t hash_key_;
  std::vector<Node> nodes_;
  std::vector<TokenId> tokens_;  // [node, block_size]
  std::vector<NodeId> free_;
  std::vector<NodeId> buckets_;  // heads of lists; a power of two
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_PREFIX_INDEX_H_
