// The longest piece that fits, again and again, from left to right: RWKV's World tokenizer.
#ifndef SKEP_ENGINE_TOKENIZER_GREEDY_TRIE_H_
#define SKEP_ENGINE_TOKENIZER_GREEDY_TRIE_H_

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tokenizer/byte_trie.h"
#include "engine/tokenizer/token_model.h"

namespace skep::engine::tokenizer {

class GreedyTrie final : public TokenModel {
 public:
  // `pieces` are bytes and their ids; they are not kept. Bytes that no piece begins with become
  // `unk`, one at a time; without it they are InvalidArgument.
  GreedyTrie(std::vector<ByteTrie::Entry> pieces, std::optional<TokenId> unk)
      : trie_(std::move(pieces)), unk_(unk) {}

  // O(bytes * longest piece).
  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const override;
  std::string_view kind() const override { return "trie"; }

 private:
  ByteTrie trie_;
  std::optional<TokenId> unk_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_GREEDY_TRIE_H_
