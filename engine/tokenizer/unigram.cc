#include "engine/tokenizer/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/tokenizer/steps.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

// How much worse than the worst piece an unknown character is (SentencePiece's kUnkPenalty).
constexpr double kUnknownPenalty = 10;

ByteTrie TrieOf(const std::vector<UnigramPiece>& pieces) {
  std::vector<ByteTrie::Entry> entries;
  entries.reserve(pieces.size());
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].in_text) entries.emplace_back(pieces[id].text, static_cast<int32_t>(id));
  }
  return ByteTrie(std::move(entries));
}

}  // namespace

Unigram::Unigram(std::vector<UnigramPiece> pieces, UnigramOptions options)
    : pieces_(std::move(pieces)), options_(std::move(options)), trie_(TrieOf(pieces_)) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const UnigramPiece& piece : pieces_) lowest = std::min(lowest, piece.score);
  unk_score_ = pieces_.empty() ? 0 : lowest - kUnknownPenalty;
}

absl::StatusOr<std::unique_ptr<Unigram>> Unigram::Make(std::vector<UnigramPiece> pieces,
                                                       UnigramOptions options) {
  const auto inside = [&](TokenId id) {
    return id >= 0 && static_cast<size_t>(id) < pieces.size();
  };
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (!std::isfinite(pieces[id].score)) {
      return absl::InvalidArgumentError(
          Concat("the score of piece ", id, " ('", pieces[id].text, "') is not finite"));
    }
  }
  if (options.unk && !inside(*options.unk)) {
    return absl::InvalidArgumentError(Concat("the unknown token's id is ", *options.unk,
                                             ", the vocabulary has ", pieces.size(), " pieces"));
  }
  if (!options.byte_pieces.empty() &&
      (options.byte_pieces.size() != 256 ||
       !std::all_of(options.byte_pieces.begin(), options.byte_pieces.end(), inside))) {
    return absl::InvalidArgumentError("byte pieces must be 256 ids of the vocabulary");
  }
  return std::unique_ptr<Unigram>(new Unigram(std::move(pieces), std::move(options)));
}

absl::Status Unigram::FindBest(std::string_view word, std::vector<Best>& best) const {
  best.assign(word.size() + 1, Best());
  size_t character = 0;
  uint64_t ways = word.size();
  for (size_t begin = 0; begin < word.size(); begin += character) {
    DecodeUtf8(word, begin, character);
    const double score_so_far = best[begin].score;
    const auto consider = [&](size_t length, double score, TokenId id) {
      Best& target = best[begin + length];
      if (target.begin != kNowhere && score_so_far + score <= target.score) return;
      target = {score_so_far + score, static_cast<uint32_t>(begin), id};
    };
    bool is_piece = false;
    trie_.VisitPrefixes(word.substr(begin), [&](size_t length, int32_t id) {
      consider(length, pieces_[id].score, id);
      is_piece |= length == character;
      ++ways;
    });
    if (is_piece) continue;
    if (!options_.unk) {
      return absl::InvalidArgumentError(Concat("the text holds '", word.substr(begin, character),
                                               "', which the vocabulary cannot express"));
    }
    consider(character, unk_score_, *options_.unk);
  }
  CountSteps(ways);
  return absl::OkStatus();
}

void Unigram::AppendUnknown(std::string_view text, std::vector<TokenId>& out) const {
  if (const std::optional<int32_t> id = trie_.Find(text)) {  // it spells the unknown token's name
    out.push_back(*id);
  } else if (options_.byte_pieces.empty()) {
    out.push_back(*options_.unk);
  } else {
    for (char byte : text) out.push_back(options_.byte_pieces[static_cast<uint8_t>(byte)]);
  }
}

absl::Status Unigram::Tokenize(std::string_view word, std::vector<TokenId>& out) const {
  std::vector<Best> best;
  if (absl::Status status = FindBest(word, best); !status.ok()) return status;
  // Back along the best way, then forward.
  std::vector<uint32_t> ends;
  for (uint32_t end = static_cast<uint32_t>(word.size()); end > 0; end = best[end].begin) {
    ends.push_back(end);
  }
  size_t unknown_begin = 0;  // of the run of unknown characters that ends where the loop is
  for (size_t i = ends.size(); i-- > 0;) {
    const Best& piece = best[ends[i]];
    const bool unknown = options_.unk && piece.id == *options_.unk;
    if (!unknown) {
      out.push_back(piece.id);
      continue;
    }
    const bool continues =
        options_.fuse_unk && i + 1 < ends.size() && best[ends[i + 1]].id == *options_.unk;
    if (!continues) unknown_begin = piece.begin;
    const bool goes_on = options_.fuse_unk && i > 0 && best[ends[i - 1]].id == *options_.unk;
    if (!goes_on) AppendUnknown(word.substr(unknown_begin, ends[i] - unknown_begin), out);
  }
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
