#include "engine/tokenizer/json_writers.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

using nlohmann::json;

json PatternJson(const std::string& source, bool is_regex) {
  return {{is_regex ? "Regex" : "String", source}};
}

std::string Utf8(char32_t c) {
  std::string text;
  AppendUtf8(c, text);
  return text;
}

// One component as it is, several in a Sequence.
json SequenceOf(std::vector<json> parts, const char* name) {
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {name, std::move(parts)}};
}

struct NormalizerWriter {
  json operator()(const FormNormalizer& step) const {
    static constexpr const char* kNames[] = {"NFC", "NFD", "NFKC", "NFKD"};
    return {{"type", kNames[static_cast<size_t>(step.form)]}};
  }
  json operator()(const LowercaseNormalizer&) const { return {{"type", "Lowercase"}}; }
  json operator()(const StripAccentsNormalizer&) const { return {{"type", "StripAccents"}}; }
  json operator()(const StripNormalizer& step) const {
    return {{"type", "Strip"}, {"strip_left", step.left}, {"strip_right", step.right}};
  }
  json operator()(const BertNormalizer& step) const {
    json result = {{"type", "BertNormalizer"},
                   {"clean_text", step.clean_text},
                   {"handle_chinese_chars", step.handle_chinese_chars},
                   {"strip_accents", nullptr},
                   {"lowercase", step.lowercase}};
    if (step.strip_accents) result["strip_accents"] = *step.strip_accents;
    return result;
  }
  json operator()(const NmtNormalizer&) const { return {{"type", "Nmt"}}; }
  json operator()(const PrecompiledNormalizer& step) const {
    return {{"type", "Precompiled"},
            {"precompiled_charsmap", absl::Base64Escape(step.map->bytes())}};
  }
  json operator()(const PrependNormalizer& step) const {
    return {{"type", "Prepend"}, {"prepend", step.text}};
  }
  json operator()(const ReplaceNormalizer& step) const {
    return {{"type", "Replace"},
            {"pattern", PatternJson(step.source, step.is_regex)},
            {"content", step.content}};
  }
  json operator()(const ByteLevelNormalizer&) const { return {{"type", "ByteLevel"}}; }
};

const char* NameOf(SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kIsolated:
      return "Isolated";
    case SplitBehavior::kRemoved:
      return "Removed";
    case SplitBehavior::kMergedWithPrevious:
      return "MergedWithPrevious";
    case SplitBehavior::kMergedWithNext:
      return "MergedWithNext";
    case SplitBehavior::kContiguous:
      break;
  }
  return "Contiguous";
}

json ByteLevelJson() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", false}};
}

json MetaspaceJson(const std::string& replacement, PrependScheme scheme, bool split) {
  static constexpr const char* kSchemes[] = {"always", "first", "never"};
  return {{"type", "Metaspace"},
          {"replacement", replacement},
          {"prepend_scheme", kSchemes[static_cast<size_t>(scheme)]},
          {"split", split}};
}

struct PreTokenizerWriter {
  json operator()(const SplitStep& step) const {
    return {{"type", "Split"},
            {"pattern", PatternJson(step.source, step.is_regex)},
            {"behavior", NameOf(step.behavior)},
            {"invert", step.invert}};
  }
  json operator()(const WhitespaceStep&) const { return {{"type", "Whitespace"}}; }
  json operator()(const WhitespaceSplitStep&) const { return {{"type", "WhitespaceSplit"}}; }
  json operator()(const DelimiterStep& step) const {
    return {{"type", "CharDelimiterSplit"}, {"delimiter", step.delimiter}};
  }
  json operator()(const UnicodeScriptsStep&) const { return {{"type", "UnicodeScripts"}}; }
  json operator()(const FixedLengthStep& step) const {
    return {{"type", "FixedLength"}, {"length", step.length}};
  }
  json operator()(const DigitsStep& step) const {
    return {{"type", "Digits"}, {"individual_digits", step.individual}};
  }
  json operator()(const PunctuationStep& step) const {
    return {{"type", "Punctuation"}, {"behavior", NameOf(step.behavior)}};
  }
  json operator()(const MetaspaceStep& step) const {
    return MetaspaceJson(step.replacement, step.scheme, step.split);
  }
  json operator()(const PrefixSpaceStep&) const {  // a Metaspace whose mark is the space itself
    return MetaspaceJson(" ", PrependScheme::kAlways, /*split=*/false);
  }
  json operator()(const BytesToLettersStep&) const { return ByteLevelJson(); }
  json operator()(const LettersToBytesStep&) const { return nullptr; }
};

struct DecoderWriter {
  json operator()(const ByteLevelDecoder&) const {
    return {{"type", "ByteLevel"},
            {"add_prefix_space", true},
            {"trim_offsets", true},
            {"use_regex", true}};
  }
  json operator()(const ByteFallbackDecoder&) const { return {{"type", "ByteFallback"}}; }
  json operator()(const FuseDecoder&) const { return {{"type", "Fuse"}}; }
  json operator()(const ReplaceDecoder& step) const {
    return {{"type", "Replace"},
            {"pattern", PatternJson(step.pattern, step.regex != nullptr)},
            {"content", step.content}};
  }
  json operator()(const StripDecoder& step) const {
    return {{"type", "Strip"},
            {"content", Utf8(step.content)},
            {"start", step.start},
            {"stop", step.stop}};
  }
  json operator()(const MetaspaceDecoder& step) const {
    return MetaspaceJson(step.replacement,
                         step.drop_in_first ? PrependScheme::kAlways : PrependScheme::kNever,
                         /*split=*/true);
  }
  json operator()(const WordPieceDecoder& step) const {
    return {{"type", "WordPiece"}, {"prefix", step.prefix}, {"cleanup", step.cleanup}};
  }
  json operator()(const BpeDecoder& step) const {
    return {{"type", "BPEDecoder"}, {"suffix", step.suffix}};
  }
  json operator()(const CtcDecoder& step) const {
    return {{"type", "CTC"},
            {"pad_token", step.pad},
            {"word_delimiter_token", step.word_delimiter},
            {"cleanup", step.cleanup}};
  }
};

bool TakesBytes(const Pipeline& pipeline) {
  const auto* bpe = dynamic_cast<const Bpe*>(pipeline.model.get());
  return (bpe != nullptr && bpe->options().byte_level) || pipeline.model->kind() == "tiktoken";
}

}  // namespace

absl::StatusOr<json> WriteNormalizer(const Normalizer& normalizer) {
  std::vector<json> parts;
  for (const NormalizerStep& step : normalizer.steps) {
    parts.push_back(std::visit(NormalizerWriter(), step));
  }
  return SequenceOf(std::move(parts), "normalizers");
}

absl::StatusOr<json> WritePreTokenizer(const Pipeline& pipeline) {
  std::vector<json> parts;
  bool in_letters = false;
  for (const PreTokenizerStep& step : pipeline.pre_tokenizer.steps) {
    json part = std::visit(PreTokenizerWriter(), step);
    if (!part.is_null()) parts.push_back(std::move(part));
    in_letters |= std::holds_alternative<BytesToLettersStep>(step);
  }
  if (TakesBytes(pipeline) && !in_letters) parts.push_back(ByteLevelJson());
  return SequenceOf(std::move(parts), "pretokenizers");
}

json WritePostProcessor(const Pipeline& pipeline) {
  if (pipeline.prefix.empty() && pipeline.suffix.empty()) return nullptr;
  json tokens = json::object();
  const auto piece = [&](TokenId id) {
    const std::string name(pipeline.vocabulary.text(id));
    id = pipeline.vocabulary.Find(name).value_or(id);  // of a piece that is there twice, the last
    tokens[name] = {{"id", name}, {"ids", {id}}, {"tokens", {name}}};
    return json{{"SpecialToken", {{"id", name}, {"type_id", 0}}}};
  };
  json single = json::array(), pair = json::array();
  for (TokenId id : pipeline.prefix) single.push_back(piece(id));
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  for (TokenId id : pipeline.suffix) single.push_back(piece(id));
  pair = single;
  for (json part : single) {
    if (part.contains("Sequence")) part["Sequence"]["id"] = "B";
    part.begin().value()["type_id"] = 1;
    pair.push_back(std::move(part));
  }
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"pair", std::move(pair)},
          {"special_tokens", std::move(tokens)}};
}

absl::StatusOr<json> WriteDecoder(const Pipeline& pipeline) {
  const Decoder& decoder = pipeline.decoder;
  std::vector<json> parts;
  for (const DecoderStep& step : decoder.steps) parts.push_back(std::visit(DecoderWriter(), step));
  // What pieces of bytes and leading spaces are to a Pipeline are steps there.
  if (!TakesBytes(pipeline) && pipeline.vocabulary.BytePieces()) {
    parts.push_back(DecoderWriter()(ByteFallbackDecoder{}));
  }
  if (decoder.leading_spaces_to_drop > 0) {
    parts.push_back(DecoderWriter()(FuseDecoder{}));
    parts.push_back(DecoderWriter()(StripDecoder{U' ', decoder.leading_spaces_to_drop, 0}));
  }
  return SequenceOf(std::move(parts), "decoders");
}

}  // namespace skep::engine::tokenizer
