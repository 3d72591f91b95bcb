// Tokens that are found in the text itself before anything else happens to it: special tokens, and
// words that were added to a vocabulary later.
#ifndef SKEP_ENGINE_TOKENIZER_ADDED_TOKENS_H_
#define SKEP_ENGINE_TOKENIZER_ADDED_TOKENS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "engine/tokenizer/literal_spans.h"
#include "engine/tokenizer/merge_symbols.h"
#include "engine/tokenizer/pattern.h"
#include "scheduler/types.h"

namespace skep::engine::tokenizer {

// The fields of tokenizer.json's "added_tokens".
struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool special = false;
  bool single_word = false;  // only where no letter, digit or underscore touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and behind it
  bool normalized = false;   // searched for in the normalized text
};

// A stretch of text, or a token (`id`) that stands for it.
struct Segment {
  Range range;
  TokenId id = kNoToken;
};

// Finds tokens: at each place the longest one, from left to right. Immutable after Add.
class AddedTokens final {
 public:
  AddedTokens();

  // `content` is what is searched for: token.content, normalized where that applies. Empty contents
  // are ignored; of equal ones the last wins.
  void Add(const AddedToken& token, std::string_view content);
  bool empty() const { return tokens_.empty(); }

  // Cuts `text` into `segments`, without empty ones. Special tokens are text unless
  // `parse_special`; where `literal` covers any of it, one is text in any case, even if only by its
  // looks. InvalidArgument: it takes too many steps, since tokens of great length almost fit
  // everywhere.
  absl::Status Split(std::string_view text, bool parse_special, const LiteralSpans& literal,
                     std::vector<Segment>& segments) const;

 private:
  // The longest token that starts at `pos`, and its `end`; or nullptr. Adds to `steps`.
  const AddedToken* Match(std::string_view text, size_t pos, size_t& end, uint64_t& steps) const;

  std::vector<AddedToken> tokens_;
  // A trie: node << 8 | byte -> node; node 0 is the root.
  absl::flat_hash_map<uint64_t, uint32_t> edges_;
  std::vector<int32_t> token_of_node_;  // index into tokens_, or -1
  std::array<bool, 256> starts_{};
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_ADDED_TOKENS_H_
