#include "engine/tokenizer/rank_bpe.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "engine/tokenizer/merge_symbols.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {

RankBpe::RankBpe(std::vector<Piece> pieces) {
  ids_.reserve(pieces.size());
  for (auto& [bytes, id] : pieces) {
    if (bytes.empty()) continue;
    longest_piece_ = std::max(longest_piece_, bytes.size());
    ids_.insert_or_assign(std::move(bytes), id);
  }
}

absl::Status RankBpe::Tokenize(std::string_view word, std::vector<TokenId>& out) const {
  if (word.empty()) return absl::OkStatus();
  if (const auto whole = ids_.find(word); whole != ids_.end()) {
    out.push_back(whole->second);
    return absl::OkStatus();
  }
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (size_t i = 0; i < word.size(); ++i) {
    const auto found = ids_.find(word.substr(i, 1));
    symbols.push_back(
        {static_cast<uint32_t>(i), 1, found == ids_.end() ? kNoToken : found->second});
  }
  MergeSymbols(symbols, [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    const size_t size = size_t{left.length} + right.length;
    if (size > longest_piece_) return std::nullopt;
    const auto found = ids_.find(word.substr(left.begin, size));
    if (found == ids_.end()) return std::nullopt;
    return Merge{static_cast<uint32_t>(found->second), found->second};
  });
  for (const Symbol& symbol : symbols) {
    if (symbol.id == kNoToken) return NoTokenFor(word[symbol.begin]);
    out.push_back(symbol.id);
  }
  return absl::OkStatus();
}

std::vector<std::pair<TokenId, TokenId>> RankBpe::Merges() const {
  std::vector<std::tuple<TokenId, TokenId, TokenId>> ways;  // piece, left, right
  for (const auto& [bytes, id] : ids_) {
    const std::string_view piece = bytes;
    for (size_t cut = 1; cut < piece.size(); ++cut) {
      const auto left = ids_.find(piece.substr(0, cut));
      const auto right = ids_.find(piece.substr(cut));
      if (left == ids_.end() || right == ids_.end()) continue;
      ways.emplace_back(id, left->second, right->second);
    }
  }
  std::sort(ways.begin(), ways.end());
  std::vector<std::pair<TokenId, TokenId>> result;
  result.reserve(ways.size());
  for (const auto& [piece, left, right] : ways) result.emplace_back(left, right);
  return result;
}

}  // namespace skep::engine::tokenizer
