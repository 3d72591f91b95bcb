#include "engine/tokenizer/sentencepiece_parts.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "engine/tokenizer/sentencepiece_proto.h"
#include "engine/tokenizer/spm_bpe.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"
#include "engine/tokenizer/unigram.h"

namespace skep::engine::tokenizer {
namespace {

absl::Status NotExpressible(std::string_view what) {
  return absl::UnimplementedError(
      Concat("a tokenizer.json cannot express a SentencePiece model with ", what));
}

absl::Status CheckExpressible(const SentencePieceSource& source) {
  if (source.algorithm != SentencePieceAlgorithm::kUnigram &&
      source.algorithm != SentencePieceAlgorithm::kBpe) {
    return NotExpressible(Concat("model_type ", static_cast<int32_t>(source.algorithm),
                                 " (1, unigram, and 2, BPE, are written)"));
  }
  if (source.treat_whitespace_as_suffix) return NotExpressible("treat_whitespace_as_suffix");
  if (!source.escape_whitespaces) return NotExpressible("escape_whitespaces off");
  if (source.has_denormalizer) return NotExpressible("a denormalizer");
  for (const SentencePieceEntry& piece : source.pieces) {
    if (!std::isfinite(piece.score)) {
      return NotExpressible(Concat("a score that is no number (of '", piece.text, "')"));
    }
  }
  return absl::OkStatus();
}

std::string EscapeRegex(std::string_view text) {
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_iscntrl(byte)) {
      absl::StrAppendFormat(&out, "\\x{%02X}", byte);
      continue;
    }
    if (absl::ascii_ispunct(byte)) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

absl::Status AddReplacement(std::string source, bool is_regex, std::string content,
                            Normalizer& normalizer) {
  ReplaceNormalizer replace;
  if (is_regex) {
    std::unique_ptr<Pattern> pattern;
    SKEP_ASSIGN(pattern, CompilePattern(source));
    replace.pattern = std::move(pattern);
  } else {
    replace.pattern = MakeLiteralPattern(source);
  }
  replace.source = std::move(source);
  replace.is_regex = is_regex;
  replace.content = std::move(content);
  normalizer.steps.emplace_back(std::move(replace));
  return absl::OkStatus();
}

// All that SentencePiece does to a text but the space that it puts before it.
absl::Status FillNormalizer(const SentencePieceSource& source, Normalizer& normalizer) {
  if (!source.precompiled_charsmap.empty()) {
    auto map = CharsMap::Parse(source.precompiled_charsmap);
    if (!map.ok()) return map.status();
    normalizer.steps.emplace_back(
        PrecompiledNormalizer{std::make_shared<const CharsMap>(*std::move(map))});
  }
  if (source.remove_extra_whitespaces) {
    SKEP_RETURN_IF_ERROR(AddReplacement(" {2,}", /*is_regex=*/true, " ", normalizer));
    SKEP_RETURN_IF_ERROR(AddReplacement("\\A | \\z", /*is_regex=*/true, "", normalizer));
  }
  SKEP_RETURN_IF_ERROR(AddReplacement(" ", /*is_regex=*/false, std::string(kWordMark), normalizer));
  if (source.remove_extra_whitespaces) {  // at the end, marks of the text's own go as well
    SKEP_RETURN_IF_ERROR(AddReplacement(Concat("(?<!", kWordMark, ")", kWordMark, "+\\z"),
                                        /*is_regex=*/true, "", normalizer));
  }
  return absl::OkStatus();
}

// How the library finds a piece that the user defined.
enum class Search { kInModel, kInNormalizedText, kInRawText };

// SentencePiece leaves these pieces alone when it normalizes, and looks for them in what comes of
// it: a space in one is a mark by then, so that such a piece is never found.
absl::StatusOr<Search> SearchFor(const SentencePieceEntry& piece, const SentencePieceSource& source,
                                 const Normalizer& normalizer) {
  if (piece.text.find(' ') != std::string::npos) return Search::kInModel;
  std::string normalized = piece.text;
  SKEP_RETURN_IF_ERROR(normalizer.Apply(normalized));
  if (normalized != piece.text) return Search::kInRawText;
  return source.algorithm == SentencePieceAlgorithm::kBpe ? Search::kInNormalizedText
                                                          : Search::kInModel;
}

// The library normalizes the added tokens that it looks for in normalized text as well: what puts a
// mark before every text must leave those that are exactly one of them.
absl::Status AddDummyPrefix(const std::vector<AddedToken>& added, Normalizer& normalizer) {
  std::string contents;
  for (const AddedToken& token : added) {
    if (!token.normalized) continue;
    contents += Concat(contents.empty() ? "" : "|", EscapeRegex(token.content));
  }
  if (!contents.empty()) {
    return AddReplacement(Concat("\\A(?!(?:", contents, ")\\z)"), /*is_regex=*/true,
                          std::string(kWordMark), normalizer);
  }
  normalizer.steps.emplace_back(PrependNormalizer{std::string(kWordMark)});
  return absl::OkStatus();
}

// The control pieces and the folder's tokens, as they are, and pieces that the user defined.
absl::StatusOr<std::vector<AddedToken>> AllAddedTokens(const Pipeline& pipeline,
                                                       const SentencePieceSource& source,
                                                       const Normalizer& normalizer) {
  std::vector<AddedToken> added = pipeline.added_tokens;
  for (size_t id = 0; id < source.pieces.size(); ++id) {
    if (source.pieces[id].type != SentencePieceType::kUserDefined) continue;
    Search search = Search::kInModel;
    SKEP_ASSIGN(search, SearchFor(source.pieces[id], source, normalizer));
    if (search == Search::kInModel) continue;
    AddedToken token;
    token.id = static_cast<TokenId>(id);
    token.content = source.pieces[id].text;
    token.normalized = search == Search::kInNormalizedText;
    added.push_back(std::move(token));
  }
  return added;
}

absl::Status FillVocabulary(const Pipeline& pipeline, const std::vector<AddedToken>& added,
                            Pipeline& parts) {
  std::vector<Vocabulary::Entry> entries;
  const Vocabulary& vocabulary = pipeline.vocabulary;
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.Contains(id)) entries.emplace_back(std::string(vocabulary.text(id)), id);
  }
  SKEP_ASSIGN(parts.vocabulary, Vocabulary::Make(std::move(entries)));
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.Contains(id)) parts.vocabulary.AddFlags(id, vocabulary.flags(id));
  }
  for (const AddedToken& token : added) {
    parts.vocabulary.AddFlags(token.id, kNotText);
    SKEP_RETURN_IF_ERROR(parts.AddToken(token));
  }
  return absl::OkStatus();
}

// Where merges make an unused piece, SentencePiece takes it apart again; the library would not.
absl::Status CheckUnusedPieces(const SentencePieceSource& source, const Vocabulary& vocabulary) {
  for (const SentencePieceEntry& piece : source.pieces) {
    if (piece.type != SentencePieceType::kUnused) continue;
    const std::string_view text = piece.text;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      if (vocabulary.Find(text.substr(0, cut)) && vocabulary.Find(text.substr(cut))) {
        return NotExpressible(Concat("the unused piece '", text, "', which BPE would make"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status FillBpe(const SentencePieceSource& source, Pipeline& parts) {
  SKEP_RETURN_IF_ERROR(CheckUnusedPieces(source, parts.vocabulary));
  std::vector<float> scores(parts.vocabulary.size(), 0.0f);
  for (size_t id = 0; id < source.pieces.size(); ++id) scores[id] = source.pieces[id].score;
  parts.model = std::make_unique<SpmBpe>(parts.vocabulary, scores, parts.special_ids.unk);
  return absl::OkStatus();
}

// A piece of the library's model has no kind; what its score cannot say, its name must.
std::vector<UnigramPiece> UnigramPieces(const SentencePieceSource& source,
                                        const Vocabulary& vocabulary) {
  float lowest = FLT_MAX, highest = FLT_MIN;  // so in the original: the user's cost 0.1
  for (const SentencePieceEntry& piece : source.pieces) {
    if (piece.type != SentencePieceType::kNormal) continue;
    lowest = std::min(lowest, piece.score);
    highest = std::max(highest, piece.score);
  }
  if (lowest == FLT_MAX) lowest = 0;
  std::vector<UnigramPiece> pieces(vocabulary.size());
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    UnigramPiece& piece = pieces[id];
    piece.text = std::string(vocabulary.text(id));
    piece.score = lowest;  // not below: the library counts from the lowest to the unknown's
    const bool in_model = static_cast<size_t>(id) < source.pieces.size();
    const SentencePieceType type = in_model ? source.pieces[id].type : SentencePieceType::kControl;
    if (!vocabulary.Contains(id) || type == SentencePieceType::kUnused) {
      piece.text = Concat("[UNUSED_", id, "]");
    } else if (type == SentencePieceType::kNormal) {
      piece.score = source.pieces[id].score;
    } else if (type == SentencePieceType::kUserDefined) {
      piece.score = static_cast<double>(piece.text.size()) * highest - 0.1;
    }
  }
  return pieces;
}

// The library's model finds control and byte pieces in the text, too: it is cut behind the first
// character of what spells one.
absl::Status CutNamesOfOtherPieces(const Vocabulary& vocabulary, Pipeline& parts) {
  std::string regex;
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    const uint8_t flags = vocabulary.flags(id);
    const std::string_view text = vocabulary.text(id);
    if ((flags & kNotText) == 0 || (flags & (kAbsent | kHidden)) != 0 || text.empty()) continue;
    size_t first = 0;
    DecodeUtf8(text, 0, first);
    if (first == text.size()) continue;
    regex += Concat(regex.empty() ? "" : "|", EscapeRegex(text.substr(0, first)),
                    "(?=", EscapeRegex(text.substr(first)), ")");
  }
  if (regex.empty()) return absl::OkStatus();
  std::unique_ptr<Pattern> pattern;
  SKEP_ASSIGN(pattern, CompilePattern(regex));
  SplitStep step;
  step.pattern = std::move(pattern);
  step.source = std::move(regex);
  step.behavior = SplitBehavior::kMergedWithPrevious;
  parts.pre_tokenizer.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

absl::Status FillUnigram(const SentencePieceSource& source, Pipeline& parts) {
  UnigramOptions options;
  options.unk = parts.special_ids.unk;
  if (source.byte_fallback) {
    options.byte_pieces = parts.vocabulary.BytePieces().value_or(std::vector<TokenId>());
  }
  auto model = Unigram::Make(UnigramPieces(source, parts.vocabulary), std::move(options));
  if (!model.ok()) return model.status();
  parts.model = *std::move(model);
  return CutNamesOfOtherPieces(parts.vocabulary, parts);
}

// What unknown text is shown as, which pieces of the library cannot say.
absl::Status FillDecoder(const Pipeline& pipeline, Pipeline& parts) {
  for (const auto& [id, text] : pipeline.decoder.normalized_texts) {
    const std::string_view name = pipeline.vocabulary.text(id);
    if (text == name) continue;
    ReplaceDecoder replace;
    replace.pattern = Concat("\\A", EscapeRegex(name), "\\z");
    replace.content = text;
    std::unique_ptr<Pattern> pattern;
    SKEP_ASSIGN(pattern, CompilePattern(replace.pattern));
    replace.regex = std::move(pattern);
    parts.decoder.steps.emplace_back(std::move(replace));
  }
  for (const DecoderStep& step : pipeline.decoder.steps) parts.decoder.steps.push_back(step);
  parts.decoder.leading_spaces_to_drop = pipeline.decoder.leading_spaces_to_drop;
  return absl::OkStatus();
}

absl::Status FillParts(const Pipeline& pipeline, const SentencePieceSource& source,
                       Pipeline& parts) {
  SKEP_RETURN_IF_ERROR(FillNormalizer(source, parts.normalizer));
  std::vector<AddedToken> added;
  SKEP_ASSIGN(added, AllAddedTokens(pipeline, source, parts.normalizer));
  if (source.add_dummy_prefix) SKEP_RETURN_IF_ERROR(AddDummyPrefix(added, parts.normalizer));
  SKEP_RETURN_IF_ERROR(FillVocabulary(pipeline, added, parts));
  parts.special_ids = pipeline.special_ids;
  if (source.unk_id >= 0 && parts.vocabulary.Contains(source.unk_id)) {
    parts.special_ids.unk = source.unk_id;
  }
  parts.prefix = pipeline.prefix;
  parts.suffix = pipeline.suffix;
  SKEP_RETURN_IF_ERROR(FillDecoder(pipeline, parts));
  return source.algorithm == SentencePieceAlgorithm::kBpe ? FillBpe(source, parts)
                                                          : FillUnigram(source, parts);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> MakePartsOfSentencePiece(
    const Pipeline& pipeline, const SentencePieceModel& model) {
  SentencePieceSource source;
  SKEP_ASSIGN(source, ReadSentencePieceSource(model.bytes()));
  SKEP_RETURN_IF_ERROR(CheckExpressible(source));
  auto parts = std::make_unique<Pipeline>();
  parts->source = pipeline.source;
  // What fails here is a name too odd, or names too many, for a regular expression.
  if (absl::Status status = FillParts(pipeline, source, *parts); !status.ok()) {
    return absl::UnimplementedError(Concat("as a tokenizer.json: ", std::string(status.message())));
  }
  return parts;
}

}  // namespace skep::engine::tokenizer
