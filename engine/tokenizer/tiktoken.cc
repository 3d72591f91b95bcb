#include "engine/tokenizer/tiktoken.h"

#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/tiktoken_known.h"

namespace skep::engine::tokenizer {
namespace {

std::optional<RankBpe::Piece> ParseLine(std::string_view line) {
  const size_t space = line.find(' ');
  RankBpe::Piece piece;
  if (space == std::string_view::npos ||
      !absl::Base64Unescape(View(line.substr(0, space)), &piece.first) || piece.first.empty() ||
      !absl::SimpleAtoi(View(line.substr(space + 1)), &piece.second) || piece.second < 0) {
    return std::nullopt;
  }
  return piece;
}

std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

absl::StatusOr<std::vector<RankBpe::Piece>> ParseRanks(std::string_view text,
                                                       std::string_view file_name) {
  std::vector<RankBpe::Piece> pieces;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = TakeLine(text);
    if (line.empty()) continue;
    std::optional<RankBpe::Piece> piece = ParseLine(line);
    if (!piece) {
      return absl::InvalidArgumentError(Concat(file_name, ", line ", number, ": '",
                                               line.substr(0, 60),
                                               "', wanted a piece in base64 and"
                                               " its rank"));
    }
    pieces.push_back(*std::move(piece));
  }
  return pieces;
}

// A rank is an id, and decides which pieces merge: two pieces cannot have the same one.
absl::Status CheckIdsAreUnique(const RankedVocabulary& vocabulary) {
  absl::flat_hash_map<TokenId, std::string_view> piece_of;
  piece_of.reserve(vocabulary.pieces.size());
  for (const auto& [bytes, id] : vocabulary.pieces) {
    const auto [other, is_new] = piece_of.try_emplace(id, bytes);
    if (is_new || other->second == bytes) continue;
    return absl::InvalidArgumentError(
        Concat(vocabulary.source, ": '", BytesToLetters(other->second), "' and '",
               BytesToLetters(bytes), "' both have the id ", id, "; each needs its own"));
  }
  return absl::OkStatus();
}

void SetSpecialIds(const RankedVocabulary& source, Pipeline& pipeline) {
  const auto find = [&](const std::string& content) {
    return content.empty() ? std::nullopt : pipeline.vocabulary.Find(content);
  };
  SpecialIds& ids = pipeline.special_ids;
  ids.bos = find(source.bos);
  ids.eos = find(source.eos);
  ids.pad = find(source.pad);
  ids.unk = find(source.unk);
  for (const std::string& content : source.prefix) {
    if (const auto id = find(content)) pipeline.prefix.push_back(*id);
  }
  FindEndOfGeneration(/*more=*/{}, pipeline);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> MakeRankedPipeline(RankedVocabulary source) {
  SKEP_RETURN_IF_ERROR(CheckIdsAreUnique(source));
  auto pipeline = std::make_unique<Pipeline>();
  pipeline->source = source.source;
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(source.pieces.size() + source.added.size());
  for (const auto& [bytes, id] : source.pieces) entries.emplace_back(BytesToLetters(bytes), id);
  for (const AddedToken& token : source.added) entries.emplace_back(token.content, token.id);
  SKEP_ASSIGN(pipeline->vocabulary, Vocabulary::Make(std::move(entries)));
  if (source.nfc) pipeline->normalizer.steps.emplace_back(FormNormalizer{});
  for (const AddedToken& token : source.added) {
    pipeline->vocabulary.AddFlags(token.id, kLiteral | kNotText | (token.special ? kSpecial : 0));
    SKEP_RETURN_IF_ERROR(pipeline->AddToken(token));
  }
  for (std::string& regex : source.regexes) {
    std::unique_ptr<Pattern> pattern;
    SKEP_ASSIGN(pattern, CompilePattern(regex));
    SplitStep step;
    step.pattern = std::move(pattern);
    step.source = std::move(regex);
    pipeline->pre_tokenizer.steps.emplace_back(std::move(step));
  }
  SetSpecialIds(source, *pipeline);
  pipeline->model = std::make_unique<RankBpe>(std::move(source.pieces));
  pipeline->decoder.steps.emplace_back(ByteLevelDecoder{});
  return pipeline;
}

bool LooksLikeTiktoken(std::string_view text) { return ParseLine(TakeLine(text)).has_value(); }

absl::StatusOr<std::unique_ptr<Pipeline>> ReadTiktoken(std::string_view text,
                                                       std::string_view file_name,
                                                       const FolderConfig& config) {
  RankedVocabulary vocabulary;
  vocabulary.source = std::string(file_name);
  SKEP_ASSIGN(vocabulary.pieces, ParseRanks(text, file_name));
  if (vocabulary.pieces.empty()) {
    return absl::InvalidArgumentError(Concat(file_name, " has no pieces"));
  }
  SKEP_RETURN_IF_ERROR(CompleteKnownTiktoken(file_name, config, vocabulary));
  return MakeRankedPipeline(std::move(vocabulary));
}

}  // namespace skep::engine::tokenizer
