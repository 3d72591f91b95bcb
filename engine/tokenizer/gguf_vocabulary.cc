#include "engine/tokenizer/gguf_vocabulary.h"

#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/pre_types.h"
#include "engine/tokenizer/spm_bpe.h"
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

struct KindDefaults {
  std::optional<TokenId> bos, eos, unk;
  bool add_bos = false;
};

absl::Status SetSpecialIds(const GgufVocabulary& gguf, const KindDefaults& defaults,
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
                               Wanted{"padding_token_id", gguf.pad, std::nullopt, &ids.pad},
                               Wanted{"unknown_token_id", gguf.unk, defaults.unk, &ids.unk}}) {
    auto id = ResolveId(wanted.key, wanted.id, wanted.by_default, size);
    if (!id.ok()) return id.status();
    *wanted.out = *id;
  }
  if (gguf.add_bos.value_or(defaults.add_bos) && ids.bos) pipeline.prefix.push_back(*ids.bos);
  if (gguf.add_eos.value_or(false) && ids.eos) pipeline.suffix.push_back(*ids.eos);
  std::vector<TokenId> more;
  for (int64_t id : gguf.more_end_ids) {
    if (id >= 0 && static_cast<uint64_t>(id) < size) more.push_back(static_cast<TokenId>(id));
  }
  FindEndOfGeneration(more, pipeline);
  return absl::OkStatus();
}

// Types decide what a piece is; a turn's end counts as control even where a converter forgot to say
// so.
absl::Status SetFlags(const GgufVocabulary& gguf, Pipeline& pipeline) {
  const bool is_phi3 = absl::StrContains(absl::AsciiStrToLower(gguf.model_name), "phi-3") ||
                       absl::StrContains(absl::AsciiStrToLower(gguf.model_name), "phi3");
  for (TokenId id = 0; id < pipeline.vocabulary.size(); ++id) {
    GgufTokenType type = gguf.types.empty() ? GgufTokenType::kNormal : gguf.types[id];
    const std::string_view text = pipeline.vocabulary.text(id);
    if (IsEndOfGenerationName(text)) type = GgufTokenType::kControl;
    const uint8_t flags = FlagsOf(type);
    pipeline.vocabulary.AddFlags(id, flags);
    if ((flags & kLiteral) == 0) continue;
    AddedToken token;
    token.id = id;
    token.content = std::string(text);
    token.special = (flags & kSpecial) != 0;
    // Phi-3's own files say so of all its special tokens but these.
    token.rstrip = is_phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
    if (absl::Status status = pipeline.AddToken(token); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FillByteLevelBpe(const GgufVocabulary& gguf, Pipeline& pipeline) {
  const PreType* pre = FindPreType(gguf.pre);
  if (pre == nullptr) {
    return absl::UnimplementedError(
        Concat("pre-tokenizer '", gguf.pre, "' (tokenizer.ggml.pre) is not implemented"));
  }
  if (gguf.add_space_prefix.value_or(false)) {
    pipeline.pre_tokenizer.steps.emplace_back(PrefixSpaceStep{});
  }
  for (std::string_view regex : pre->regexes) {
    auto pattern = CompilePattern(regex);
    if (!pattern.ok()) return pattern.status();
    SplitStep step;
    step.pattern = *std::move(pattern);
    step.source = std::string(regex);
    pipeline.pre_tokenizer.steps.emplace_back(std::move(step));
  }
  const bool no_bos = gguf.pre.starts_with("glm") || gguf.pre == "chatglm-bpe";
  KindDefaults defaults{.bos = no_bos ? std::nullopt : std::optional<TokenId>(11),
                        .eos = 11,
                        .unk = std::nullopt,
                        .add_bos = pre->add_bos};
  if (absl::Status status = SetSpecialIds(gguf, defaults, pipeline); !status.ok()) return status;

  std::vector<Bpe::MergeRule> merges;
  merges.reserve(gguf.merges.size());
  for (std::string_view merge : gguf.merges) {
    const size_t space = merge.find(' ', 1);  // a piece may begin with a space, not hold one
    if (space == std::string_view::npos) {
      return absl::InvalidArgumentError(
          Concat("tokenizer.ggml.merges has '", merge, "', not two pieces"));
    }
    merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  BpeOptions options;
  options.byte_level = true;
  options.ignore_merges = pre->ignore_merges;
  // Some released files name merges of pieces that they lack.
  auto model = Bpe::Make(pipeline.vocabulary, merges, /*strict=*/false, std::move(options));
  if (!model.ok()) return model.status();
  pipeline.model = *std::move(model);
  pipeline.decoder.steps.emplace_back(ByteLevelDecoder{});
  return absl::OkStatus();
}

absl::Status FillSpm(const GgufVocabulary& gguf, Pipeline& pipeline) {
  const KindDefaults defaults{.bos = 1, .eos = 2, .unk = 0, .add_bos = true};
  if (absl::Status status = SetSpecialIds(gguf, defaults, pipeline); !status.ok()) return status;
  const bool space_prefix = gguf.add_space_prefix.value_or(true);
  if (space_prefix) {
    pipeline.normalizer.steps.emplace_back(PrependNormalizer{std::string(kWordMark)});
  }
  ReplaceNormalizer replace;
  replace.pattern = MakeLiteralPattern(" ");
  replace.source = " ";
  replace.content = std::string(kWordMark);
  pipeline.normalizer.steps.emplace_back(std::move(replace));

  std::vector<float> scores = gguf.scores;
  scores.resize(gguf.tokens.size(), 0.0f);
  pipeline.model = std::make_unique<SpmBpe>(pipeline.vocabulary, scores, pipeline.special_ids.unk);
  pipeline.decoder.steps.emplace_back(ReplaceDecoder{std::string(kWordMark), " "});
  pipeline.decoder.leading_spaces_to_drop = space_prefix ? 1 : 0;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> MakePipeline(GgufVocabulary gguf) {
  if (gguf.model != "gpt2" && gguf.model != "llama") {
    return absl::UnimplementedError(
        Concat("tokenizer kind '", gguf.model,
               "' (tokenizer.ggml.model) is not implemented; known: gpt2, llama"));
  }
  if (absl::Status status = CheckSizes(gguf); !status.ok()) return status;
  auto pipeline = std::make_unique<Pipeline>();
  pipeline->source = "gguf";
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(gguf.tokens.size());
  for (size_t id = 0; id < gguf.tokens.size(); ++id) {
    std::string text = gguf.tokens[id];
    if (text.empty()) text = Concat("[EMPTY_", id, "]");
    entries.emplace_back(std::move(text), static_cast<TokenId>(id));
  }
  auto vocabulary = Vocabulary::Make(std::move(entries));
  if (!vocabulary.ok()) return vocabulary.status();
  pipeline->vocabulary = *std::move(vocabulary);
  if (absl::Status status = SetFlags(gguf, *pipeline); !status.ok()) return status;
  absl::Status status =
      gguf.model == "gpt2" ? FillByteLevelBpe(gguf, *pipeline) : FillSpm(gguf, *pipeline);
  if (!status.ok()) return status;
  return pipeline;
}

}  // namespace skep::engine::tokenizer
