#include "engine/tokenizer/greedy_trie.h"

#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {

absl::Status GreedyTrie::Tokenize(std::string_view word, std::vector<TokenId>& out) const {
  while (!word.empty()) {
    const std::optional<ByteTrie::Match> match = trie_.LongestPrefix(word);
    if (match) {
      out.push_back(match->value);
    } else if (unk_) {
      out.push_back(*unk_);
    } else {
      return NoTokenFor(word[0]);
    }
    word.remove_prefix(match ? match->length : 1);
  }
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
