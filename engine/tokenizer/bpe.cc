#include "engine/tokenizer/bpe.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"
#include "engine/tokenizer/word_tokenizer.h"

namespace skep::engine::tokenizer {
namespace {

uint64_t PairKey(TokenId left, TokenId right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

Bpe::Bpe(const Vocabulary& vocabulary, BpeOptions options)
    : vocabulary_(vocabulary), options_(std::move(options)) {
  byte_ids_.fill(kNoToken);
  for (int byte = 0; byte < (options_.byte_level ? 256 : 128); ++byte) {
    std::string letter;
    AppendUtf8(options_.byte_level ? ByteToLetter(byte) : byte, letter);
    byte_ids_[byte] = vocabulary_.FindText(letter).value_or(kNoToken);
  }
  byte_pieces_.fill(kNoToken);
  for (int byte = 0; byte < 256 && options_.byte_fallback; ++byte) {
    byte_pieces_[byte] = vocabulary_.Find(absl::StrFormat("<0x%02X>", byte)).value_or(kNoToken);
  }
  if (options_.byte_level && options_.ignore_merges) {
    for (TokenId id = 0; id < vocabulary_.size(); ++id) {
      if (vocabulary_.flags(id) & (kAbsent | kNotText)) continue;
      if (auto bytes = LettersToBytes(vocabulary_.text(id))) {
        whole_words_.insert_or_assign(*std::move(bytes), id);
      }
    }
  }
  const bool has_all_bytes =
      std::find(byte_pieces_.begin(), byte_pieces_.end(), kNoToken) == byte_pieces_.end();
  splits_at_word_marks_ = !options_.byte_level && !options_.ignore_merges && has_all_bytes &&
                          options_.continuing_subword_prefix.empty() &&
                          options_.end_of_word_suffix.empty() && SplitsAtWordMarks(vocabulary_);
}

bool Bpe::HasAllBytes(const Vocabulary& vocabulary) {
  for (int byte = 0; byte < 256; ++byte) {
    std::string letter;
    AppendUtf8(ByteToLetter(static_cast<uint8_t>(byte)), letter);
    if (!vocabulary.FindText(letter)) return false;
  }
  return true;
}

absl::StatusOr<std::unique_ptr<Bpe>> Bpe::Make(const Vocabulary& vocabulary,
                                               const std::vector<MergeRule>& merges, bool strict,
                                               BpeOptions options) {
  std::unique_ptr<Bpe> model(new Bpe(vocabulary, std::move(options)));
  if (absl::Status status = model->AddMerges(merges, strict); !status.ok()) return status;
  return model;
}

absl::Status Bpe::AddMerges(const std::vector<MergeRule>& merges, bool strict) {
  merges_.reserve(merges.size());
  std::string merged;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto [left, right] = merges[rank];
    const std::string_view rest =
        right.substr(std::min(right.size(), options_.continuing_subword_prefix.size()));
    merged.assign(left);
    merged.append(rest);
    const std::optional<TokenId> left_id = vocabulary_.Find(left);
    const std::optional<TokenId> right_id = vocabulary_.Find(right);
    const std::optional<TokenId> merged_id = vocabulary_.Find(merged);
    if (!left_id || !right_id || !merged_id) {
      if (!strict) continue;
      return absl::InvalidArgumentError(
          Concat("merge ", rank, " ('", left, "' '", right, "'): '",
                 !left_id ? left : (!right_id ? right : std::string_view(merged)),
                 "' is not in the vocabulary"));
    }
    merges_.insert_or_assign(PairKey(*left_id, *right_id),
                             Merge{static_cast<uint32_t>(rank), *merged_id});
  }
  return absl::OkStatus();
}

std::vector<std::pair<TokenId, TokenId>> Bpe::Merges() const {
  std::vector<std::pair<uint32_t, uint64_t>> by_rank;
  by_rank.reserve(merges_.size());
  for (const auto& [key, merge] : merges_) by_rank.emplace_back(merge.rank, key);
  std::sort(by_rank.begin(), by_rank.end());
  std::vector<std::pair<TokenId, TokenId>> result;
  result.reserve(by_rank.size());
  for (const auto& [rank, key] : by_rank) {
    result.emplace_back(static_cast<TokenId>(key >> 32), static_cast<TokenId>(key & 0xFFFFFFFF));
  }
  return result;
}

std::optional<TokenId> Bpe::FindWholeWord(std::string_view word) const {
  if (!options_.byte_level) return vocabulary_.FindText(word);
  const auto found = whole_words_.find(word);
  if (found == whole_words_.end()) return std::nullopt;
  return found->second;
}

absl::Status Bpe::Tokenize(std::string_view word, std::vector<TokenId>& out) const {
  if (options_.ignore_merges) {
    if (const std::optional<TokenId> id = FindWholeWord(word)) {
      out.push_back(*id);
      return absl::OkStatus();
    }
  }
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  if (options_.byte_level) {
    SplitBytes(word, symbols);
  } else {
    SplitCharacters(word, symbols);
  }
  MergeSymbols(symbols, [this](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    const auto found = merges_.find(PairKey(left.id, right.id));
    if (found == merges_.end()) return std::nullopt;
    return found->second;
  });
  for (const Symbol& symbol : symbols) out.push_back(symbol.id);
  return absl::OkStatus();
}

void Bpe::SplitBytes(std::string_view word, std::vector<Symbol>& symbols) const {
  for (size_t i = 0; i < word.size(); ++i) {
    const TokenId id = byte_ids_[static_cast<uint8_t>(word[i])];
    if (id != kNoToken) {
      symbols.push_back({static_cast<uint32_t>(i), 1, id});
    } else if (options_.unk) {
      symbols.push_back({static_cast<uint32_t>(i), 1, *options_.unk});
    }
  }
}

TokenId Bpe::FindCharacter(std::string_view word, size_t begin, size_t length) const {
  const std::string_view prefix =
      begin > 0 ? std::string_view(options_.continuing_subword_prefix) : "";
  const std::string_view suffix =
      begin + length == word.size() ? std::string_view(options_.end_of_word_suffix) : "";
  const std::string_view character = word.substr(begin, length);
  if (prefix.empty() && suffix.empty()) {
    const uint8_t byte = static_cast<uint8_t>(character[0]);
    if (byte < 128) return byte_ids_[byte];
    return vocabulary_.FindText(character).value_or(kNoToken);
  }
  return vocabulary_.FindText(Concat(prefix, character, suffix)).value_or(kNoToken);
}

// The bytes of a character as it is looked up, with prefix and suffix.
bool Bpe::AppendBytePieces(std::string_view word, size_t begin, size_t length,
                           std::vector<Symbol>& symbols) const {
  if (!options_.byte_fallback) return false;
  const std::string_view prefix =
      begin > 0 ? std::string_view(options_.continuing_subword_prefix) : "";
  const std::string_view suffix =
      begin + length == word.size() ? std::string_view(options_.end_of_word_suffix) : "";
  const size_t before = symbols.size();
  for (std::string_view part : {prefix, word.substr(begin, length), suffix}) {
    for (char byte : part) {
      const TokenId id = byte_pieces_[static_cast<uint8_t>(byte)];
      if (id == kNoToken) {
        symbols.resize(before);
        return false;
      }
      symbols.push_back({static_cast<uint32_t>(begin), 1, id});
    }
  }
  return true;
}

void Bpe::SplitCharacters(std::string_view word, std::vector<Symbol>& symbols) const {
  // A run of unknown characters is written when a known one follows or the word ends; characters
  // written as bytes do not end it (as in the original, where only some bytes are pieces).
  std::optional<Symbol> unknown;
  const auto write_unknown = [&] {
    if (unknown) symbols.push_back(*unknown);
    unknown.reset();
  };
  size_t length = 0;
  for (size_t pos = 0; pos < word.size(); pos += length) {
    DecodeUtf8(word, pos, length);
    const uint32_t begin = static_cast<uint32_t>(pos);
    const TokenId id = FindCharacter(word, pos, length);
    if (id != kNoToken) {
      write_unknown();
      symbols.push_back({begin, static_cast<uint32_t>(length), id});
    } else if (AppendBytePieces(word, pos, length, symbols) || !options_.unk) {
      continue;
    } else if (unknown && options_.fuse_unk) {
      unknown->length += static_cast<uint32_t>(length);
    } else {
      write_unknown();
      unknown = Symbol{begin, static_cast<uint32_t>(length), *options_.unk};
    }
  }
  write_unknown();
}

}  // namespace skep::engine::tokenizer
