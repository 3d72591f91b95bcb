#include "engine/tokenizer/byte_trie.h"

#include <algorithm>

namespace skep::engine::tokenizer {

// Level by level over the sorted keys: those that share the bytes so far are neighbours.
ByteTrie::ByteTrie(std::vector<Entry> entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.first < b.first; });
  struct Stretch {  // of entries below one node
    size_t begin;
    size_t end;
  };
  std::vector<Stretch> level = {{0, entries.size()}};  // of nodes_[level_start ...]
  nodes_.emplace_back();
  bytes_.push_back(0);
  size_t level_start = 0;
  for (size_t depth = 0; !level.empty(); ++depth) {
    std::vector<Stretch> next;
    const size_t next_start = nodes_.size();
    for (size_t i = 0; i < level.size(); ++i) {
      size_t at = level[i].begin;
      const size_t end = level[i].end;
      for (; at < end && entries[at].first.size() == depth; ++at) {
        if (depth > 0) nodes_[level_start + i].value = entries[at].second;
      }
      nodes_[level_start + i].first_child = static_cast<uint32_t>(nodes_.size());
      while (at < end) {
        const char byte = entries[at].first[depth];
        const size_t begin = at;
        while (at < end && entries[at].first[depth] == byte) ++at;
        next.push_back({begin, at});
        nodes_.emplace_back();
        bytes_.push_back(static_cast<uint8_t>(byte));
        ++nodes_[level_start + i].children;
      }
    }
    level = std::move(next);
    level_start = next_start;
  }
  of_first_byte_.fill(kNone);
  for (uint32_t i = 0; i < nodes_[kRoot].children; ++i) {
    const uint32_t child = nodes_[kRoot].first_child + i;
    of_first_byte_[bytes_[child]] = child;
  }
}

uint32_t ByteTrie::SearchChild(const Node& node, uint8_t byte) const {
  constexpr uint16_t kFew = 8;
  const uint8_t* begin = bytes_.data() + node.first_child;
  const uint8_t* end = begin + node.children;
  const uint8_t* found = begin;
  if (node.children <= kFew) {
    while (found < end && *found < byte) ++found;
  } else {
    found = std::lower_bound(begin, end, byte);
  }
  if (found == end || *found != byte) return kNone;
  return static_cast<uint32_t>(found - bytes_.data());
}

std::optional<int32_t> ByteTrie::Find(std::string_view key) const {
  uint32_t node = kRoot;
  for (char byte : key) {
    node = Child(node, static_cast<uint8_t>(byte));
    if (node == kNone) return std::nullopt;
  }
  if (nodes_[node].value < 0) return std::nullopt;
  return nodes_[node].value;
}

}  // namespace skep::engine::tokenizer
