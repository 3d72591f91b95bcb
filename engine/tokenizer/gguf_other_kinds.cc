// GGUF kinds "t5", "bert" and "rwkv", and files that carry a whole tokenizer.json. The first two
// become what their converters read: SentencePiece's model, BERT's tokenizer.json.
#include <cmath>
#include <utility>

#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/gguf_kinds.h"
#include "engine/tokenizer/rwkv_vocabulary.h"
#include "engine/tokenizer/sentencepiece_model.h"
#include "engine/tokenizer/sentencepiece_proto.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/tokenizer_json.h"
#include "engine/tokenizer/vocabulary_files.h"

namespace skep::engine::tokenizer {
namespace {

SentencePieceType ToSentencePiece(GgufTokenType type) {
  const int32_t value = static_cast<int32_t>(type);
  return type == GgufTokenType::kUndefined ? SentencePieceType::kUnused
                                           : static_cast<SentencePieceType>(value);
}

bool IsInside(std::optional<int64_t> id, size_t size) {
  return id && *id >= 0 && static_cast<uint64_t>(*id) < size;
}

// The texts of a vocabulary without its holes.
std::vector<std::string> TextsWithoutHoles(const GgufVocabulary& gguf) {
  std::vector<std::string> texts = gguf.tokens;
  for (size_t id = 0; id < texts.size(); ++id) {
    if (texts[id].empty()) texts[id] = Concat("[EMPTY_", id, "]");
  }
  return texts;
}

std::vector<AddedToken> SpecialTokens(const GgufVocabulary& gguf) {
  std::vector<AddedToken> tokens;
  for (size_t id = 0; id < gguf.tokens.size(); ++id) {
    const GgufTokenType type = TypeOf(gguf, id);
    const bool special = type == GgufTokenType::kControl || type == GgufTokenType::kUnknown;
    if (!special && type != GgufTokenType::kUserDefined) continue;
    AddedToken token;
    token.id = static_cast<TokenId>(id);
    token.content = gguf.tokens[id];
    token.special = special;
    token.lstrip = TakesSpaceBefore(gguf, token.content);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> MakeUnigram(const GgufVocabulary& gguf) {
  GgufDefaults defaults;
  defaults.eos = 1;
  defaults.unk = 2;
  defaults.pad = 0;
  defaults.add_eos = true;
  SentencePieceSource source;
  const std::vector<std::string> texts = TextsWithoutHoles(gguf);
  const int64_t unk = gguf.unk.value_or(*defaults.unk);
  if (!IsInside(unk, texts.size())) {
    return absl::InvalidArgumentError(Concat("tokenizer.ggml.unknown_token_id is ", unk,
                                             ", the vocabulary has ", texts.size(), " tokens"));
  }
  for (size_t id = 0; id < texts.size(); ++id) {
    SentencePieceEntry entry;
    entry.text = texts[id];
    entry.score = gguf.scores.empty() ? 0.0f : gguf.scores[id];
    entry.type = ToSentencePiece(TypeOf(gguf, id));
    // The library wants one unknown piece.
    if (entry.type == SentencePieceType::kUnknown) entry.type = SentencePieceType::kControl;
    if (static_cast<int64_t>(id) == unk) entry.type = SentencePieceType::kUnknown;
    source.pieces.push_back(std::move(entry));
  }
  source.unk_id = static_cast<int32_t>(unk);
  source.precompiled_charsmap = gguf.precompiled_charsmap;
  source.add_dummy_prefix = gguf.add_space_prefix.value_or(false);
  source.remove_extra_whitespaces = gguf.remove_extra_whitespaces.value_or(false);

  TokenizerConfig config;
  config.add_bos_token = config.add_eos_token = false;
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline,
              ReadSentencePieceModel(WriteSentencePieceModel(source), config, SpecialTokens(gguf)));
  pipeline->source = "gguf";
  SKEP_RETURN_IF_ERROR(SetSpecialIds(gguf, defaults, *pipeline));
  return pipeline;
}

absl::StatusOr<std::unique_ptr<Pipeline>> MakeWordPiece(const GgufVocabulary& gguf) {
  // Words begin with a mark there, and what is inside them has no prefix: the other way round.
  std::vector<std::string> pieces = TextsWithoutHoles(gguf);
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (TypeOf(gguf, id) == GgufTokenType::kControl) continue;
    if (pieces[id].starts_with(kWordMark)) {
      pieces[id].erase(0, kWordMark.size());
    } else if (TypeOf(gguf, id) == GgufTokenType::kNormal) {
      pieces[id].insert(0, "##");
    }
  }
  const auto piece_of = [&](std::string_view key, std::optional<int64_t> id, int64_t by_default,
                            std::string& out) {
    const int64_t value = id.value_or(by_default);
    if (!IsInside(value, pieces.size())) {
      return absl::InvalidArgumentError(Concat("tokenizer.ggml.", key, " is ", value,
                                               ", the vocabulary has ", pieces.size(), " tokens"));
    }
    out = pieces[value];
    return absl::OkStatus();
  };
  WordPieceSettings settings;
  settings.source = "gguf";
  settings.lowercase = gguf.lowercase.value_or(true);
  settings.strip_accents = gguf.strip_accents.value_or(settings.lowercase);
  const std::optional<int64_t> cls = gguf.bos ? gguf.bos : gguf.cls;
  SKEP_RETURN_IF_ERROR(piece_of("cls_token_id", cls, 101, settings.cls));
  SKEP_RETURN_IF_ERROR(piece_of("seperator_token_id", gguf.sep, 102, settings.sep));
  SKEP_RETURN_IF_ERROR(piece_of("unknown_token_id", gguf.unk, 100, settings.unk));
  settings.added = SpecialTokens(gguf);
  for (AddedToken& token : settings.added) token.content = pieces[token.id];
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline, MakeWordPiecePipeline(pieces, settings, TokenizerConfig()));

  GgufVocabulary ids = gguf;  // SetSpecialIds must not put its own tokens around a text
  ids.bos = cls;
  ids.add_bos = ids.add_eos = false;
  GgufDefaults defaults;
  defaults.bos = 101;
  defaults.unk = 100;
  defaults.pad = 0;
  const std::vector<TokenId> prefix = pipeline->prefix;
  const std::vector<TokenId> suffix = pipeline->suffix;
  SKEP_RETURN_IF_ERROR(SetSpecialIds(ids, defaults, *pipeline));
  pipeline->prefix = prefix;
  pipeline->suffix = suffix;
  // Of a piece that is there twice, the one that words become.
  if (const auto unk = pipeline->vocabulary.Find(settings.unk)) pipeline->special_ids.unk = unk;
  return pipeline;
}

absl::StatusOr<std::unique_ptr<Pipeline>> MakeRwkv(const GgufVocabulary& gguf) {
  std::vector<std::string> texts = gguf.tokens;
  std::vector<RwkvPiece> pieces;
  for (size_t id = 0; id < texts.size(); ++id) {
    if (TypeOf(gguf, id) != GgufTokenType::kNormal) continue;
    auto bytes = UnescapePython(texts[id], /*is_bytes=*/true);
    if (!bytes) {
      return absl::InvalidArgumentError(
          Concat("tokenizer.ggml.tokens[", id, "], '", texts[id], "', has a broken escape"));
    }
    texts[id] = BytesToLetters(*bytes);
    pieces.push_back({static_cast<TokenId>(id), *std::move(bytes)});
  }
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline, StartPipeline(gguf, std::move(texts)));
  SKEP_RETURN_IF_ERROR(SetSpecialIds(gguf, GgufDefaults(), *pipeline));
  FillGreedyTrie(pieces, *pipeline);
  return pipeline;
}

absl::StatusOr<std::unique_ptr<Pipeline>> MakeFromJson(const GgufVocabulary& gguf) {
  TokenizerConfig config;
  const auto name = [&](std::optional<int64_t> id, std::optional<std::string>& out) {
    if (IsInside(id, gguf.tokens.size())) out = gguf.tokens[*id];
  };
  name(gguf.bos, config.bos_token);
  name(gguf.eos, config.eos_token);
  name(gguf.pad, config.pad_token);
  name(gguf.unk, config.unk_token);
  config.add_bos_token = gguf.add_bos;
  config.add_eos_token = gguf.add_eos;
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline, ReadTokenizerJson(gguf.huggingface_json, config));
  pipeline->source = "gguf";
  return pipeline;
}

}  // namespace skep::engine::tokenizer
