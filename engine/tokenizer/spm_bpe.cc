#include "engine/tokenizer/spm_bpe.h"

#include <algorithm>
#include <numeric>

#include "engine/tokenizer/merge_symbols.h"
#include "engine/tokenizer/unicode.h"
#include "engine/tokenizer/word_tokenizer.h"

namespace skep::engine::tokenizer {
namespace {

std::vector<uint32_t> RanksOf(const std::vector<float>& scores) {
  std::vector<TokenId> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](TokenId a, TokenId b) { return scores[a] > scores[b]; });
  std::vector<uint32_t> ranks(scores.size());
  uint32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && scores[order[i]] < scores[order[i - 1]]) ++rank;
    ranks[order[i]] = rank;
  }
  return ranks;
}

}  // namespace

SpmBpe::SpmBpe(const Vocabulary& vocabulary, const std::vector<float>& scores,
               std::optional<TokenId> unk)
    : vocabulary_(vocabulary),
      ranks_(RanksOf(scores)),
      byte_pieces_(vocabulary.BytePieces().value_or(std::vector<TokenId>())),
      unk_(unk),
      splits_at_word_marks_(SplitsAtWordMarks(vocabulary)) {
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    longest_piece_ = std::max(longest_piece_, vocabulary.text(id).size());
  }
}

absl::Status SpmBpe::Tokenize(std::string_view word, std::vector<TokenId>& out) const {
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  size_t length = 0;
  for (size_t pos = 0; pos < word.size(); pos += length) {
    DecodeUtf8(word, pos, length);
    symbols.push_back({static_cast<uint32_t>(pos), static_cast<uint32_t>(length),
                       vocabulary_.FindText(word.substr(pos, length)).value_or(kNoToken)});
  }
  MergeSymbols(symbols, [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    const size_t size = size_t{left.length} + right.length;
    if (size > longest_piece_) return std::nullopt;
    const auto id = vocabulary_.FindText(word.substr(left.begin, size));
    if (!id) return std::nullopt;
    return Merge{ranks_[*id], *id};
  });
  bool after_unknown = false;
  for (const Symbol& symbol : symbols) {
    const bool unknown = symbol.id == kNoToken && byte_pieces_.empty();
    if (symbol.id != kNoToken) {
      out.push_back(symbol.id);
    } else if (!byte_pieces_.empty()) {
      for (char byte : word.substr(symbol.begin, symbol.length)) {
        out.push_back(byte_pieces_[static_cast<uint8_t>(byte)]);
      }
    } else if (unk_ && !after_unknown) {
      out.push_back(*unk_);
    }
    after_unknown = unknown;
  }
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
