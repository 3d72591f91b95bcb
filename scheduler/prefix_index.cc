#include "scheduler/prefix_index.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "scheduler/sip_hash.h"

namespace skep {

PrefixIndex::PrefixIndex(int32_t block_size, int32_t max_nodes, uint64_t hash_key)
    : block_size_(block_size),
      hash_key_(hash_key),
      nodes_(max_nodes),
      tokens_(static_cast<size_t>(max_nodes) * block_size),
      buckets_(std::bit_ceil(static_cast<size_t>(std::max(max_nodes, 1))), kNone) {
  free_.reserve(max_nodes);
  for (NodeId node = max_nodes - 1; node >= 0; --node) free_.push_back(node);
}

uint64_t PrefixIndex::HashSalt(std::string_view salt) const {
  SipHash hash(hash_key_);
  for (char c : salt) hash.Add(static_cast<unsigned char>(c));
  return hash.Finish();
}

PrefixIndex::NodeId PrefixIndex::Find(NodeId parent, uint64_t salt,
                                      absl::Span<const TokenId> tokens) const {
  NodeId node = buckets_[Bucket(parent, salt, tokens)];
  while (node != kNone &&
         !(nodes_[node].parent == parent && nodes_[node].salt == salt && Tokens(node) == tokens)) {
    node = nodes_[node].next;
  }
  return node;
}

PrefixIndex::NodeId PrefixIndex::FindOrAdd(NodeId parent, uint64_t salt,
                                           absl::Span<const TokenId> tokens) {
  NodeId node = Find(parent, salt, tokens);
  if (node != kNone || free_.empty()) return node;
  node = free_.back();
  free_.pop_back();
  NodeId& head = buckets_[Bucket(parent, salt, tokens)];
  Node& entry = nodes_[node];
  entry.parent = parent;
  entry.salt = salt;
  entry.references = 0;
  entry.blocks.fill(kNoBlock);
  entry.next = head;
  head = node;
  std::copy(tokens.begin(), tokens.end(),
            tokens_.begin() + static_cast<int64_t>(node) * block_size_);
  Enter(parent);
  return node;
}

void PrefixIndex::Attach(NodeId node, int group, BlockId block) {
  assert(nodes_[node].blocks[group] == kNoBlock);
  nodes_[node].blocks[group] = block;
  ++nodes_[node].references;
}

void PrefixIndex::Detach(NodeId node, int group) {
  assert(nodes_[node].blocks[group] != kNoBlock);
  nodes_[node].blocks[group] = kNoBlock;
  Unreference(node);
}

void PrefixIndex::Enter(NodeId node) {
  if (node != kRoot) ++nodes_[node].references;
}

void PrefixIndex::Leave(NodeId node) { Unreference(node); }

size_t PrefixIndex::Bucket(NodeId parent, uint64_t salt, absl::Span<const TokenId> tokens) const {
  SipHash hash(hash_key_);
  hash.Add(static_cast<uint64_t>(static_cast<int64_t>(parent)));
  hash.Add(salt);
  for (TokenId token : tokens) hash.Add(static_cast<uint32_t>(token));
  return hash.Finish() & (buckets_.size() - 1);
}

absl::Span<const TokenId> PrefixIndex::Tokens(NodeId node) const {
  return absl::MakeConstSpan(tokens_).subspan(static_cast<size_t>(node) * block_size_, block_size_);
}

// Dropping the last reference to a node drops its reference to its parent.
void PrefixIndex::Unreference(NodeId node) {
  while (node != kRoot) {
    assert(nodes_[node].references > 0);
    if (--nodes_[node].references > 0) return;
    const NodeId parent = nodes_[node].parent;
    Remove(node);
    node = parent;
  }
}

void PrefixIndex::Remove(NodeId node) {
  NodeId* link = &buckets_[Bucket(nodes_[node].parent, nodes_[node].salt, Tokens(node))];
  while (*link != node) link = &nodes_[*link].next;
  *link = nodes_[node].next;
  nodes_[node].parent = kNone;
  free_.push_back(node);
}

}  // namespace skep
