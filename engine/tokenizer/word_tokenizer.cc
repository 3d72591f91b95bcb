#include "engine/tokenizer/word_tokenizer.h"

#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

// The end of the first part of `text` (not empty) when it is cut before marks.
size_t FirstWordEnd(std::string_view text) {
  size_t pos = 0;
  while (text.substr(pos).starts_with(kWordMark)) pos += kWordMark.size();
  const size_t mark = text.find(kWordMark, pos);
  return mark == std::string_view::npos ? text.size() : mark;
}

}  // namespace

bool SplitsAtWordMarks(const Vocabulary& vocabulary) {
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.flags(id) & (kAbsent | kNotText)) continue;
    const std::string_view text = vocabulary.text(id);
    for (size_t at = text.find(kWordMark); at != std::string_view::npos;
         at = text.find(kWordMark, at + 1)) {
      if (at > 0 && !text.substr(0, at).ends_with(kWordMark)) return false;
    }
  }
  return true;
}

absl::Status WordTokenizer::Tokenize(std::string_view word, std::vector<TokenId>& out) {
  while (model_.splits_at_word_marks() && !word.empty()) {
    const size_t end = FirstWordEnd(word);
    if (absl::Status status = TokenizePart(word.substr(0, end), out); !status.ok()) return status;
    word.remove_prefix(end);
  }
  return word.empty() ? absl::OkStatus() : TokenizePart(word, out);
}

absl::Status WordTokenizer::TokenizePart(std::string_view word, std::vector<TokenId>& out) {
  if (word.size() > WordCache::kMaxWordBytes) return model_.Tokenize(word, out);
  if (cache_->Find(word, out)) return absl::OkStatus();
  const size_t before = out.size();
  if (absl::Status status = model_.Tokenize(word, out); !status.ok()) return status;
  cache_->Insert(word, out.data() + before, out.data() + out.size());
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
