#include "engine/tokenizer/sentencepiece_model.h"

#include <algorithm>
#include <utility>

#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/sentencepiece_library.h"
#include "engine/tokenizer/sentencepiece_proto.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

uint8_t FlagsOf(SentencePieceLibrary::Kind kind) {
  switch (kind) {
    case SentencePieceLibrary::Kind::kNormal:
      return 0;
    case SentencePieceLibrary::Kind::kUnknown:
    case SentencePieceLibrary::Kind::kControl:
      return kSpecial | kLiteral | kNotText;
    case SentencePieceLibrary::Kind::kByte:
      return kByte | kNotText;
    case SentencePieceLibrary::Kind::kUnused:
      break;
  }
  return kHidden | kNotText;
}

// How many spaces decoding drops at the start of a text, asked of the library itself: the one that
// encoding puts there, or none.
int LeadingSpacesToDrop(const SentencePieceLibrary& library) {
  for (int id = 0; id < library.size(); ++id) {
    const std::string_view piece = library.piece(id);
    if (library.kind(id) != SentencePieceLibrary::Kind::kNormal || !piece.starts_with(kWordMark) ||
        piece.size() == kWordMark.size() || piece.substr(kWordMark.size()).starts_with(kWordMark)) {
      continue;
    }
    return library.Decode({id}).starts_with(" ") ? 0 : 1;
  }
  return 1;
}

// Pieces of text that the configuration calls special: "<|im_start|>" of some models. The library
// would find those in any text, so they become control pieces.
absl::StatusOr<std::unique_ptr<SentencePieceLibrary>> HideSpecialPieces(
    const std::vector<AddedToken>& added, std::unique_ptr<SentencePieceLibrary> library,
    std::string& bytes) {
  std::vector<std::string> texts;
  for (const AddedToken& token : added) {
    if (token.special && token.id >= 0 && token.id < library->size() &&
        library->kind(token.id) == SentencePieceLibrary::Kind::kNormal &&
        library->piece(token.id) == token.content) {
      texts.push_back(token.content);
    }
  }
  if (texts.empty()) return library;
  std::sort(texts.begin(), texts.end());
  std::string error;
  SKEP_ASSIGN(bytes, MakeControlPieces(bytes, texts));
  library = SentencePieceLibrary::Load(bytes, error);
  if (library == nullptr) {
    return absl::InvalidArgumentError(Concat("tokenizer.model: ", error));
  }
  return library;
}

absl::Status FillVocabulary(const SentencePieceLibrary& library,
                            const std::vector<AddedToken>& added, Pipeline& pipeline) {
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(library.size() + added.size());
  for (int id = 0; id < library.size(); ++id) entries.emplace_back(library.piece(id), id);
  for (const AddedToken& token : added) {
    if (token.id >= library.size()) entries.emplace_back(token.content, token.id);
  }
  auto vocabulary = Vocabulary::Make(std::move(entries));
  if (!vocabulary.ok()) return vocabulary.status();
  pipeline.vocabulary = *std::move(vocabulary);
  for (int id = 0; id < library.size(); ++id) {
    const uint8_t flags = FlagsOf(library.kind(id));
    pipeline.vocabulary.AddFlags(id, flags);
    if ((flags & kLiteral) == 0) continue;
    AddedToken token;
    token.id = id;
    token.content = library.piece(id);
    token.special = true;
    SKEP_RETURN_IF_ERROR(pipeline.AddToken(token));
  }
  for (const AddedToken& token : added) {
    if (token.id < library.size()) continue;
    pipeline.vocabulary.AddFlags(token.id, kLiteral | kNotText | (token.special ? kSpecial : 0));
    SKEP_RETURN_IF_ERROR(pipeline.AddToken(token));
  }
  return absl::OkStatus();
}

void SetSpecialIds(const SentencePieceLibrary& library, const TokenizerConfig& config,
                   Pipeline& pipeline) {
  const auto resolve = [&](const std::optional<std::string>& name,
                           int id) -> std::optional<TokenId> {
    if (name) {
      if (const auto found = pipeline.vocabulary.Find(*name)) return found;
    }
    return id >= 0 && id < library.size() ? std::optional<TokenId>(id) : std::nullopt;
  };
  SpecialIds& ids = pipeline.special_ids;
  ids.bos = resolve(config.bos_token, library.bos_id());
  ids.eos = resolve(config.eos_token, library.eos_id());
  ids.pad = resolve(config.pad_token, library.pad_id());
  ids.unk = resolve(config.unk_token, library.unk_id());
  if (config.add_bos_token.value_or(true) && ids.bos) pipeline.prefix.push_back(*ids.bos);
  if (config.add_eos_token.value_or(false) && ids.eos) pipeline.suffix.push_back(*ids.eos);
  FindEndOfGeneration(/*more=*/{}, pipeline);
}

}  // namespace

SentencePieceModel::SentencePieceModel(std::unique_ptr<SentencePieceLibrary> library,
                                       std::string bytes)
    : library_(std::move(library)), bytes_(std::move(bytes)) {}
SentencePieceModel::~SentencePieceModel() = default;

absl::Status SentencePieceModel::Tokenize(std::string_view word, std::vector<TokenId>& out) const {
  std::vector<int> ids;
  std::string error;
  if (!library_->Encode(word, ids, error)) {
    return absl::InvalidArgumentError(Concat("sentencepiece: ", error));
  }
  out.insert(out.end(), ids.begin(), ids.end());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Pipeline>> ReadSentencePieceModel(
    std::string_view bytes, const TokenizerConfig& config, const std::vector<AddedToken>& added) {
  SKEP_RETURN_IF_ERROR(CheckSentencePieceModel(bytes));
  std::string error;
  std::unique_ptr<SentencePieceLibrary> loaded = SentencePieceLibrary::Load(bytes, error);
  if (loaded == nullptr) {
    return absl::InvalidArgumentError(Concat("tokenizer.model: ", error));
  }
  std::string kept(bytes);
  std::unique_ptr<SentencePieceLibrary> library;
  SKEP_ASSIGN(library, HideSpecialPieces(added, std::move(loaded), kept));
  auto pipeline = std::make_unique<Pipeline>();
  pipeline->source = "tokenizer.model";
  SKEP_RETURN_IF_ERROR(FillVocabulary(*library, added, *pipeline));
  SetSpecialIds(*library, config, *pipeline);
  pipeline->decoder.steps.emplace_back(ReplaceDecoder{std::string(kWordMark), " "});
  pipeline->decoder.leading_spaces_to_drop = LeadingSpacesToDrop(*library);
  // SentencePiece shows unknown text as " ⁇ ", or what the model says.
  if (const int unk = library->unk_id(); unk >= 0 && unk < library->size()) {
    pipeline->decoder.normalized_texts[unk] = library->Decode({unk});
  }
  pipeline->model = std::make_unique<SentencePieceModel>(std::move(library), std::move(kept));
  return pipeline;
}

}  // namespace skep::engine::tokenizer
