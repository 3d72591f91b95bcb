// Finds which of a set of strings a text begins with. Shared by the models that look for pieces
// directly in the text.
#ifndef SKEP_ENGINE_TOKENIZER_BYTE_TRIE_H_
#define SKEP_ENGINE_TOKENIZER_BYTE_TRIE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace skep::engine::tokenizer {

// Immutable and thread-safe. 12 bytes a node, and nodes are at most as many as the bytes of all
// keys.
class ByteTrie final {
 public:
  using Entry = std::pair<std::string_view, int32_t>;  // a key and its value, 0 or more

  ByteTrie() : ByteTrie(std::vector<Entry>()) {}
  // Of equal keys the last one counts; empty ones are ignored. The keys are not kept.
  explicit ByteTrie(std::vector<Entry> entries);

  // Calls visit(length, value) for each key that `text` begins with, the shortest first.
  template <typename Visit>
  void VisitPrefixes(std::string_view text, const Visit& visit) const {
    uint32_t node = kRoot;
    for (size_t i = 0; i < text.size(); ++i) {
      node = Child(node, static_cast<uint8_t>(text[i]));
      if (node == kNone) return;
      if (nodes_[node].value >= 0) visit(i + 1, nodes_[node].value);
    }
  }

  struct Match {
    size_t length = 0;
    int32_t value = -1;
  };
  // The longest key that `text` begins with.
  std::optional<Match> LongestPrefix(std::string_view text) const {
    Match longest;
    VisitPrefixes(text, [&](size_t length, int32_t value) { longest = {length, value}; });
    if (longest.length == 0) return std::nullopt;
    return longest;
  }

  std::optional<int32_t> Find(std::string_view key) const;

 private:
  static constexpr uint32_t kRoot = 0;
  static constexpr uint32_t kNone = UINT32_MAX;

  // The children of a node follow each other, in the order of their bytes.
  struct Node {
    uint32_t first_child = 0;
    uint16_t children = 0;
    int32_t value = -1;
  };

  uint32_t Child(uint32_t node, uint8_t byte) const {
    if (node == kRoot) return of_first_byte_[byte];
    return SearchChild(nodes_[node], byte);
  }
  uint32_t SearchChild(const Node& node, uint8_t byte) const;

  std::vector<Node> nodes_;
  std::vector<uint8_t> bytes_;  // by node: the byte that leads to it
  std::array<uint32_t, 256> of_first_byte_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_BYTE_TRIE_H_
