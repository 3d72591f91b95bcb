// "model" of tokenizer.json, from a loaded one.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/json_writers.h"
#include "engine/tokenizer/rank_bpe.h"
#include "engine/tokenizer/spm_bpe.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unigram.h"
#include "engine/tokenizer/word_level.h"
#include "engine/tokenizer/word_piece.h"

namespace skep::engine::tokenizer {
namespace {

using nlohmann::json;

using Ids = absl::flat_hash_set<TokenId>;

// What a file must have by name, whatever its kind: the ids that these names are found by.
Ids NamedElsewhere(const Pipeline& pipeline) {
  Ids ids;
  const auto add = [&](TokenId id) {
    ids.insert(pipeline.vocabulary.Find(pipeline.vocabulary.text(id)).value_or(id));
  };
  for (TokenId id : pipeline.prefix) add(id);
  for (TokenId id : pipeline.suffix) add(id);
  if (pipeline.special_ids.unk) add(*pipeline.special_ids.unk);
  return ids;
}

// By piece: of one that is there twice, the id that it is found by. Without those that no text
// becomes and that show as nothing, as the library does with an id that it does not know; there
// they would be pieces like any other. `needed`: not without these.
json VocabularyJson(const Vocabulary& vocabulary, const Ids& needed) {
  json result = json::object();
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    const uint8_t flags = vocabulary.flags(id);
    if ((flags & (kAbsent | kAddedOnly)) != 0) continue;
    if ((flags & kHidden) != 0 && !needed.contains(id)) continue;
    const std::string_view text = vocabulary.text(id);
    if (vocabulary.Find(text) == id) result[std::string(text)] = id;
  }
  return result;
}

json TextOf(const Vocabulary& vocabulary, std::optional<TokenId> id) {
  return id ? json(std::string(vocabulary.text(*id))) : json(nullptr);
}

// The library wants a name for the unknown token of words: where there is none, one that nothing
// has, so that it refuses what Skep refuses.
std::string UnknownName(const Vocabulary& vocabulary, std::optional<TokenId> id,
                        std::string_view usual) {
  if (id) return std::string(vocabulary.text(*id));
  std::string name(usual);
  while (vocabulary.Find(name)) name += '_';
  return name;
}

json OptionalText(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

// A piece's score says when it comes about, not of which parts: every way to split it is a merge.
// The order of those of equal score is that of transformers' converter.
json MergesByRank(const Vocabulary& vocabulary, const std::vector<uint32_t>& ranks) {
  struct Split {
    uint32_t rank;
    size_t left_characters;
    std::string_view left, right;
  };
  std::vector<Split> splits;
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.text(id);
    if (vocabulary.FindText(text) != id) continue;
    size_t characters = 0;
    for (size_t at = 1; at < text.size(); ++at) {
      if ((static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) continue;
      ++characters;
      const std::string_view left = text.substr(0, at), right = text.substr(at);
      if (vocabulary.FindText(left) && vocabulary.FindText(right)) {
        splits.push_back({ranks[id], characters, left, right});
      }
    }
  }
  std::stable_sort(splits.begin(), splits.end(), [](const Split& a, const Split& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.left_characters > b.left_characters;
  });
  json merges = json::array();
  for (const Split& split : splits) {
    merges.push_back({std::string(split.left), std::string(split.right)});
  }
  return merges;
}

using Merges = std::vector<std::pair<TokenId, TokenId>>;

json BpeJson(const Vocabulary& vocabulary, Ids needed, const Merges& merges) {
  json pairs = json::array();
  for (const auto& [left, right] : merges) {
    const std::string parts[] = {std::string(vocabulary.text(left)),
                                 std::string(vocabulary.text(right))};
    needed.insert({left, right});
    if (const auto merged = vocabulary.Find(parts[0] + parts[1])) needed.insert(*merged);
    pairs.push_back({parts[0], parts[1]});
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", VocabularyJson(vocabulary, needed)},
          {"merges", std::move(pairs)}};
}

json WriteBpe(const Vocabulary& vocabulary, const Ids& needed, const Bpe& model) {
  const BpeOptions& options = model.options();
  json result = BpeJson(vocabulary, needed, model.Merges());
  result["unk_token"] = TextOf(vocabulary, options.unk);
  result["continuing_subword_prefix"] = OptionalText(options.continuing_subword_prefix);
  result["end_of_word_suffix"] = OptionalText(options.end_of_word_suffix);
  result["fuse_unk"] = options.fuse_unk;
  result["byte_fallback"] = options.byte_fallback;
  result["ignore_merges"] = options.ignore_merges;
  return result;
}

json WriteSpm(const Vocabulary& vocabulary, const Ids& needed, const SpmBpe& model) {
  json result = BpeJson(vocabulary, needed, /*merges=*/{});
  result["unk_token"] = TextOf(vocabulary, model.unk());
  result["byte_fallback"] = vocabulary.BytePieces().has_value();
  result["fuse_unk"] = true;
  result["merges"] = MergesByRank(vocabulary, model.ranks());
  return result;
}

// Of a tiktoken vocabulary; a word that is a piece is that piece there.
json WriteRanked(const Vocabulary& vocabulary, const Ids& needed, const RankBpe& model) {
  json result = BpeJson(vocabulary, needed, model.Merges());
  result["ignore_merges"] = true;
  return result;
}

json WriteUnigram(const Unigram& model) {
  json pieces = json::array();
  for (const UnigramPiece& piece : model.pieces()) pieces.push_back({piece.text, piece.score});
  json result = {{"type", "Unigram"},
                 {"unk_id", nullptr},
                 {"vocab", std::move(pieces)},
                 {"byte_fallback", !model.options().byte_pieces.empty()}};
  if (model.options().unk) result["unk_id"] = *model.options().unk;
  return result;
}

json WriteWordPiece(const Vocabulary& vocabulary, const Ids& needed, const WordPiece& model) {
  const WordPieceOptions& options = model.options();
  return {{"type", "WordPiece"},
          {"unk_token", UnknownName(vocabulary, options.unk, "[UNK]")},
          {"continuing_subword_prefix", options.continuing_prefix},
          {"max_input_chars_per_word", options.max_characters},
          {"vocab", VocabularyJson(vocabulary, needed)}};
}

json WriteWordLevel(const Vocabulary& vocabulary, const Ids& needed, const WordLevel& model) {
  return {{"type", "WordLevel"},
          {"unk_token", UnknownName(vocabulary, model.unk(), "<unk>")},
          {"vocab", VocabularyJson(vocabulary, needed)}};
}

}  // namespace

absl::StatusOr<json> WriteModel(const Pipeline& pipeline) {
  const Vocabulary& vocabulary = pipeline.vocabulary;
  const Ids needed = NamedElsewhere(pipeline);
  const TokenModel& model = *pipeline.model;
  if (const auto* bpe = dynamic_cast<const Bpe*>(&model)) return WriteBpe(vocabulary, needed, *bpe);
  if (const auto* spm = dynamic_cast<const SpmBpe*>(&model)) {
    return WriteSpm(vocabulary, needed, *spm);
  }
  if (const auto* ranked = dynamic_cast<const RankBpe*>(&model)) {
    return WriteRanked(vocabulary, needed, *ranked);
  }
  if (const auto* unigram = dynamic_cast<const Unigram*>(&model)) return WriteUnigram(*unigram);
  if (const auto* words = dynamic_cast<const WordPiece*>(&model)) {
    return WriteWordPiece(vocabulary, needed, *words);
  }
  if (const auto* words = dynamic_cast<const WordLevel*>(&model)) {
    return WriteWordLevel(vocabulary, needed, *words);
  }
  if (model.kind() == "trie") {
    return absl::UnimplementedError(
        "a tokenizer.json cannot express RWKV's tokenizer: no model of Hugging Face's library takes"
        " the longest piece that fits, byte for byte");
  }
  return absl::UnimplementedError(Concat("a tokenizer.json cannot express a tokenizer of kind '",
                                         model.kind(), "' (read from ", pipeline.source, ")"));
}

}  // namespace skep::engine::tokenizer
