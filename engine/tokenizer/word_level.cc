#include "engine/tokenizer/word_level.h"

namespace skep::engine::tokenizer {

WordLevel::WordLevel(const std::vector<std::pair<std::string_view, TokenId>>& words,
                     std::optional<TokenId> unk)
    : unk_(unk) {
  ids_.reserve(words.size());
  for (const auto& [word, id] : words) ids_.insert_or_assign(std::string(word), id);
}

absl::Status WordLevel::Tokenize(std::string_view word, std::vector<TokenId>& out) const {
  const auto found = ids_.find(word);
  if (found != ids_.end()) {
    out.push_back(found->second);
  } else if (unk_) {
    out.push_back(*unk_);
  } else {
    return absl::InvalidArgumentError(
        Concat("the text holds a word of ", word.size(),
               " bytes that is not in the vocabulary, and it has no unknown token"));
  }
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
