// GGUF kinds "gpt2" and "gemma4" (merges), and "llama" (scores).
#include <utility>

#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/gguf_kinds.h"
#include "engine/tokenizer/pre_types.h"
#include "engine/tokenizer/rank_bpe.h"
#include "engine/tokenizer/spm_bpe.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

ReplaceNormalizer SpacesToMarks() {
  ReplaceNormalizer replace;
  replace.pattern = MakeLiteralPattern(" ");
  replace.source = " ";
  replace.content = std::string(kWordMark);
  return replace;
}

absl::StatusOr<std::vector<Bpe::MergeRule>> SplitMerges(const GgufVocabulary& gguf) {
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
  return merges;
}

absl::Status AddPatterns(const PreType& pre, Pipeline& pipeline) {
  for (std::string_view regex : pre.regexes) {
    std::unique_ptr<Pattern> pattern;
    SKEP_ASSIGN(pattern, CompilePattern(regex));
    SplitStep step;
    step.pattern = std::move(pattern);
    step.source = std::string(regex);
    pipeline.pre_tokenizer.steps.emplace_back(std::move(step));
  }
  return absl::OkStatus();
}

// A vocabulary made for the tiktoken library has ranks, no merges (Kimi's files may lack them).
std::unique_ptr<RankBpe> MakeRanked(const Vocabulary& vocabulary) {
  std::vector<RankBpe::Piece> pieces;
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.flags(id) & (kAbsent | kNotText)) continue;
    if (auto bytes = LettersToBytes(vocabulary.text(id))) pieces.emplace_back(*bytes, id);
  }
  return std::make_unique<RankBpe>(std::move(pieces));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> MakeBpe(const GgufVocabulary& gguf) {
  const std::string_view name = gguf.model == "gemma4" ? "gemma4" : std::string_view(gguf.pre);
  const PreType* pre = FindPreType(name);
  if (pre == nullptr) {
    return absl::UnimplementedError(
        Concat("pre-tokenizer '", name, "' (tokenizer.ggml.pre) is not implemented"));
  }
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline, StartPipeline(gguf, gguf.tokens));
  GgufDefaults defaults;
  if (gguf.model == "gpt2") {
    if (!pre->no_bos) defaults.bos = 11;
    defaults.eos = 11;
  }
  defaults.add_bos = pre->add_bos;
  SKEP_RETURN_IF_ERROR(SetSpecialIds(gguf, defaults, *pipeline));
  const SpecialIds& ids = pipeline->special_ids;
  // Files exist that say otherwise by mistake.
  if (pre->always_bos && ids.bos) pipeline->prefix = {*ids.bos};

  if (pre->characters) {
    pipeline->normalizer.steps.emplace_back(SpacesToMarks());
    pipeline->decoder.steps.emplace_back(ReplaceDecoder{std::string(kWordMark), " "});
  } else {
    if (gguf.add_space_prefix.value_or(false)) {
      pipeline->pre_tokenizer.steps.emplace_back(PrefixSpaceStep{});
    }
    pipeline->decoder.steps.emplace_back(ByteLevelDecoder{});
  }
  SKEP_RETURN_IF_ERROR(AddPatterns(*pre, *pipeline));

  if (!gguf.has_merges && gguf.merges.empty()) {
    if (name != "kimi-k2") {
      return absl::InvalidArgumentError("tokenizer.ggml.merges is missing");
    }
    pipeline->model = MakeRanked(pipeline->vocabulary);
    return pipeline;
  }
  std::vector<Bpe::MergeRule> merges;
  SKEP_ASSIGN(merges, SplitMerges(gguf));
  BpeOptions options;
  options.byte_level = !pre->characters;
  options.byte_fallback = pre->characters;
  options.fuse_unk = pre->characters;
  if (pre->characters) options.unk = ids.unk;
  options.ignore_merges = pre->ignore_merges;
  // Some released files name merges of pieces that they lack.
  SKEP_ASSIGN(pipeline->model,
              Bpe::Make(pipeline->vocabulary, merges, /*strict=*/false, std::move(options)));
  return pipeline;
}

absl::StatusOr<std::unique_ptr<Pipeline>> MakeSpm(const GgufVocabulary& gguf) {
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline, StartPipeline(gguf, gguf.tokens));
  GgufDefaults defaults;
  defaults.bos = 1;
  defaults.eos = 2;
  defaults.unk = 0;
  defaults.add_bos = true;
  SKEP_RETURN_IF_ERROR(SetSpecialIds(gguf, defaults, *pipeline));
  const bool space_prefix = gguf.add_space_prefix.value_or(true);
  if (space_prefix) {
    pipeline->normalizer.steps.emplace_back(PrependNormalizer{std::string(kWordMark)});
  }
  pipeline->normalizer.steps.emplace_back(SpacesToMarks());

  std::vector<float> scores = gguf.scores;
  scores.resize(gguf.tokens.size(), 0.0f);
  pipeline->model =
      std::make_unique<SpmBpe>(pipeline->vocabulary, scores, pipeline->special_ids.unk);
  pipeline->decoder.steps.emplace_back(ReplaceDecoder{std::string(kWordMark), " "});
  pipeline->decoder.leading_spaces_to_drop = space_prefix ? 1 : 0;
  return pipeline;
}

}  // namespace skep::engine::tokenizer
