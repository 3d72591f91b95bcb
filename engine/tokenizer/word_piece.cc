#include "engine/tokenizer/word_piece.h"

#include <utility>

#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

ByteTrie WithoutPrefix(const std::vector<WordPiece::Piece>& pieces, std::string_view prefix) {
  std::vector<ByteTrie::Entry> entries;
  for (const auto& [text, id] : pieces) {
    if (text.starts_with(prefix)) entries.emplace_back(text.substr(prefix.size()), id);
  }
  return ByteTrie(std::move(entries));
}

bool IsLongerThan(std::string_view word, int64_t characters) {
  if (static_cast<int64_t>(word.size()) <= characters) return false;
  size_t length = 0;
  for (size_t pos = 0; pos < word.size(); pos += length) {
    DecodeUtf8(word, pos, length);
    if (--characters < 0) return true;
  }
  return false;
}

}  // namespace

WordPiece::WordPiece(const std::vector<Piece>& pieces, WordPieceOptions options)
    : options_(std::move(options)),
      first_(pieces),
      later_(WithoutPrefix(pieces, options_.continuing_prefix)) {}

bool WordPiece::AppendPieces(std::string_view word, std::vector<TokenId>& out) const {
  if (IsLongerThan(word, options_.max_characters)) return false;
  const ByteTrie* trie = &first_;
  while (!word.empty()) {
    const auto piece = trie->LongestPrefix(word);
    if (!piece) return false;
    out.push_back(piece->value);
    word.remove_prefix(piece->length);
    trie = &later_;
  }
  return true;
}

absl::Status WordPiece::Tokenize(std::string_view word, std::vector<TokenId>& out) const {
  const size_t before = out.size();
  if (AppendPieces(word, out)) return absl::OkStatus();
  out.resize(before);
  if (!options_.unk) {
    return absl::InvalidArgumentError(
        Concat("the text holds a word of ", word.size(),
               " bytes that the vocabulary cannot express, and it has no unknown token"));
  }
  out.push_back(*options_.unk);
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
