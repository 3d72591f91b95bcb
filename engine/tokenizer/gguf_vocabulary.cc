#include "engine/tokenizer/gguf_vocabulary.h"

#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "engine/tokenizer/gguf_kinds.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

uint8_t FlagsOf(GgufTokenType type) {
  switch (type) {
    case GgufTokenType::kNormal:
      return 0;
    case GgufTokenType::kUnknown:
    case GgufTokenType::kControl:
      return kSpecial | kLiteral | kNotText;
    case GgufTokenType::kUserDefined:
      return kLiteral | kNotText;
    case GgufTokenType::kByte:
      return kByte | kNotText;
    case GgufTokenType::kUnused:
    case GgufTokenType::kUndefined:
      break;
  }
  return kHidden | kNotText;
}

absl::Status CheckSizes(const GgufVocabulary& gguf) {
  const size_t size = gguf.tokens.size();
  if (size == 0) return absl::InvalidArgumentError("tokenizer.ggml.tokens is empty");
  if (!gguf.scores.empty() && gguf.scores.size() != size) {
    return absl::InvalidArgumentError(Concat("tokenizer.ggml.scores has ", gguf.scores.size(),
                                             " entries, tokenizer.ggml.tokens ", size));
  }
  if (!gguf.types.empty() && gguf.types.size() != size) {
    return absl::InvalidArgumentError(Concat("tokenizer.ggml.token_type has ", gguf.types.size(),
                                             " entries, tokenizer.ggml.tokens ", size));
  }
  for (size_t i = 0; i < gguf.scores.size(); ++i) {
    if (std::isnan(gguf.scores[i])) {
      return absl::InvalidArgumentError(Concat("tokenizer.ggml.scores[", i, "] is NaN"));
    }
  }
  return absl::OkStatus();
}

// What the file says, or the kind's default where that is inside the vocabulary.
absl::StatusOr<std::optional<TokenId>> ResolveId(std::string_view key, std::optional<int64_t> id,
                                                 std::optional<TokenId> by_default, size_t size) {
  if (!id) {
    if (by_default && static_cast<size_t>(*by_default) >= size) return std::optional<TokenId>();
    return by_default;
  }
  // -1, as a u32: some files write "none" so.
  if (*id == -1 || *id == int64_t{UINT32_MAX}) return std::optional<TokenId>();
  if (*id < 0 || static_cast<uint64_t>(*id) >= size) {
    return absl::InvalidArgumentError(
        Concat("tokenizer.ggml.", key, " is ", *id, ", the vocabulary has ", size, " tokens"));
  }
  return std::optional<TokenId>(static_cast<TokenId>(*id));
}

struct KnownKind {
  std::string_view model;
  absl::StatusOr<std::unique_ptr<Pipeline>> (*make)(const GgufVocabulary&);
};
constexpr KnownKind kKinds[] = {{"gpt2", MakeBpe},   {"gemma4", MakeBpe},     {"llama", MakeSpm},
                                {"t5", MakeUnigram}, {"bert", MakeWordPiece}, {"rwkv", MakeRwkv}};

}  // namespace

GgufTokenType TypeOf(const GgufVocabulary& gguf, size_t id) {
  const std::string& text = gguf.tokens[id];
  const GgufTokenType type = gguf.types.empty() ? GgufTokenType::kNormal : gguf.types[id];
  // In a vocabulary over text this is HTML (Qwen, Gemma 4).
  const bool is_html = text == "</s>" && (gguf.model == "gpt2" || gguf.model == "gemma4");
  if (gguf.model == "rwkv" || (is_html && type == GgufTokenType::kNormal)) return type;
  return IsEndOfGenerationName(text) ? GgufTokenType::kControl : type;
}

// As the models' own files have it: <mask> of the Roberta family, [MASK] of ModernBERT.
bool TakesSpaceBefore(const GgufVocabulary& gguf, std::string_view text) {
  if (text == "<mask>") return true;
  return text == "[MASK]" &&
         (gguf.pre == "modern-bert" ||
          absl::StrContains(absl::AsciiStrToLower(gguf.model_name), "modern-bert"));
}

absl::Status SetSpecialIds(const GgufVocabulary& gguf, const GgufDefaults& defaults,
                           Pipeline& pipeline) {
  const size_t size = gguf.tokens.size();
  struct Wanted {
    std::string_view key;
    std::optional<int64_t> id;
    std::optional<TokenId> by_default;
    std::optional<TokenId>* out;
  };
  SpecialIds& ids = pipeline.special_ids;
  for (const Wanted& wanted : {Wanted{"bos_token_id", gguf.bos, defaults.bos, &ids.bos},
                               Wanted{"eos_token_id", gguf.eos, defaults.eos, &ids.eos},
                               Wanted{"padding_token_id", gguf.pad, defaults.pad, &ids.pad},
                               Wanted{"unknown_token_id", gguf.unk, defaults.unk, &ids.unk}}) {
    SKEP_ASSIGN(*wanted.out, ResolveId(wanted.key, wanted.id, wanted.by_default, size));
  }
  pipeline.prefix.clear();
  pipeline.suffix.clear();
  if (gguf.add_bos.value_or(defaults.add_bos) && ids.bos) pipeline.prefix.push_back(*ids.bos);
  if (gguf.add_eos.value_or(defaults.add_eos) && ids.eos) pipeline.suffix.push_back(*ids.eos);
  std::vector<TokenId> more;
  for (int64_t id : gguf.more_end_ids) {
    if (id >= 0 && static_cast<uint64_t>(id) < size) more.push_back(static_cast<TokenId>(id));
  }
  FindEndOfGeneration(more, pipeline);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Pipeline>> StartPipeline(const GgufVocabulary& gguf,
                                                        std::vector<std::string> texts) {
  auto pipeline = std::make_unique<Pipeline>();
  pipeline->source = "gguf";
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(texts.size());
  for (size_t id = 0; id < texts.size(); ++id) {
    if (texts[id].empty()) texts[id] = Concat("[EMPTY_", id, "]");
    entries.emplace_back(std::move(texts[id]), static_cast<TokenId>(id));
  }
  SKEP_ASSIGN(pipeline->vocabulary, Vocabulary::Make(std::move(entries)));
  const std::string name = absl::AsciiStrToLower(gguf.model_name);
  const bool is_phi3 = absl::StrContains(name, "phi-3") || absl::StrContains(name, "phi3");
  for (TokenId id = 0; id < pipeline->vocabulary.size(); ++id) {
    const std::string_view text = pipeline->vocabulary.text(id);
    const uint8_t flags = FlagsOf(TypeOf(gguf, id));
    pipeline->vocabulary.AddFlags(id, flags);
    if ((flags & kLiteral) == 0) continue;
    AddedToken token;
    token.id = id;
    token.content = std::string(text);
    token.special = (flags & kSpecial) != 0;
    token.lstrip = TakesSpaceBefore(gguf, text);
    // Phi-3's own files say so of all its special tokens but these.
    token.rstrip = is_phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
    SKEP_RETURN_IF_ERROR(pipeline->AddToken(token));
  }
  return pipeline;
}

absl::StatusOr<std::unique_ptr<Pipeline>> MakePipeline(const GgufVocabulary& gguf) {
  if (!gguf.huggingface_json.empty()) return MakeFromJson(gguf);
  std::string known;
  for (const KnownKind& kind : kKinds) {
    if (kind.model == gguf.model) {
      SKEP_RETURN_IF_ERROR(CheckSizes(gguf));
      return kind.make(gguf);
    }
    known = Concat(known, known.empty() ? "" : ", ", kind.model);
  }
  return absl::UnimplementedError(
      Concat("tokenizer kind '", gguf.model,
             "' (tokenizer.ggml.model) is not implemented; known: ", known));
}

}  // namespace skep::engine::tokenizer
