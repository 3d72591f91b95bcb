#include "engine/tokenizer/json_parts.h"

#include <optional>
#include <utility>

#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

// {"String": "..."} or {"Regex": "..."}.
struct PatternSource {
  std::shared_ptr<const Pattern> pattern;
  std::string source;
  bool is_regex = false;
};
absl::StatusOr<PatternSource> ReadPattern(const JsonNode& node) {
  PatternSource result;
  if (node["String"].is_string()) {
    SKEP_ASSIGN(result.source, node["String"].String());
    result.pattern = MakeLiteralPattern(result.source);
    return result;
  }
  SKEP_ASSIGN(result.source, node["Regex"].String());
  result.is_regex = true;
  auto pattern = CompilePattern(result.source);
  if (!pattern.ok()) return node.Error(std::string(pattern.status().message()));
  result.pattern = *std::move(pattern);
  return result;
}

absl::StatusOr<SplitBehavior> ReadBehavior(const JsonNode& node) {
  std::string name;
  SKEP_ASSIGN(name, node.String("Isolated"));
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return node.Unknown(Concat("behavior '", name, "'"));
}

absl::StatusOr<PrependScheme> ReadPrependScheme(const JsonNode& node) {
  // Files older than prepend_scheme have add_prefix_space.
  bool add_prefix_space = true;
  SKEP_ASSIGN(add_prefix_space, node["add_prefix_space"].Bool(true));
  std::string name;
  SKEP_ASSIGN(name, node["prepend_scheme"].String(add_prefix_space ? "always" : "never"));
  if (name == "always") return PrependScheme::kAlways;
  if (name == "first") return PrependScheme::kFirst;
  if (name == "never") return PrependScheme::kNever;
  return node["prepend_scheme"].Unknown(Concat("'", name, "'"));
}

// ---- Pre-tokenizers ----

// What ByteLevel's use_regex stands for.
constexpr std::string_view kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

absl::Status ReadByteLevel(const JsonNode& node, PreTokenizer& out) {
  bool add_prefix_space = true, use_regex = true;
  SKEP_ASSIGN(add_prefix_space, node["add_prefix_space"].Bool(true));
  SKEP_ASSIGN(use_regex, node["use_regex"].Bool(true));
  if (add_prefix_space) out.steps.emplace_back(PrefixSpaceStep{});
  if (use_regex) {
    auto pattern = CompilePattern(kGpt2Regex);
    if (!pattern.ok()) return pattern.status();
    SplitStep split;
    split.pattern = *std::move(pattern);
    split.source = std::string(kGpt2Regex);
    out.steps.emplace_back(std::move(split));
  }
  out.steps.emplace_back(BytesToLettersStep{});
  return absl::OkStatus();
}

absl::Status ReadSplit(const JsonNode& node, PreTokenizer& out) {
  PatternSource pattern;
  SKEP_ASSIGN(pattern, ReadPattern(node["pattern"]));
  SplitStep step;
  SKEP_ASSIGN(step.behavior, ReadBehavior(node["behavior"]));
  SKEP_ASSIGN(step.invert, node["invert"].Bool(false));
  step.pattern = std::move(pattern.pattern);
  step.source = std::move(pattern.source);
  step.is_regex = pattern.is_regex;
  out.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

absl::Status ReadMetaspace(const JsonNode& node, PreTokenizer& out) {
  MetaspaceStep step;
  SKEP_ASSIGN(step.replacement, node["replacement"].String());
  SKEP_ASSIGN(step.scheme, ReadPrependScheme(node));
  SKEP_ASSIGN(step.split, node["split"].Bool(true));
  if (step.replacement.empty()) return node["replacement"].Error("is empty");
  out.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

absl::Status AppendPreTokenizer(const JsonNode& node, PreTokenizer& out) {
  std::string type;
  SKEP_ASSIGN(type, node["type"].String());
  if (type == "Sequence") {
    for (const JsonNode& part : node["pretokenizers"].Elements()) {
      if (absl::Status status = AppendPreTokenizer(part, out); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (type == "ByteLevel") return ReadByteLevel(node, out);
  if (type == "Split") return ReadSplit(node, out);
  if (type == "Metaspace") return ReadMetaspace(node, out);
  if (type == "Digits") {
    DigitsStep step;
    SKEP_ASSIGN(step.individual, node["individual_digits"].Bool(false));
    out.steps.emplace_back(step);
    return absl::OkStatus();
  }
  if (type == "Punctuation") {
    PunctuationStep step;
    SKEP_ASSIGN(step.behavior, ReadBehavior(node["behavior"]));
    out.steps.emplace_back(step);
    return absl::OkStatus();
  }
  return node.Unknown(Concat("pre-tokenizer '", type, "'"));
}

// ---- Decoders ----

absl::Status AppendStrip(const JsonNode& node, bool fused, Decoder& out) {
  std::string content;
  int64_t start = 0, stop = 0;
  SKEP_ASSIGN(content, node["content"].String());
  SKEP_ASSIGN(start, node["start"].Int(0));
  SKEP_ASSIGN(stop, node["stop"].Int(0));
  constexpr int64_t kMaxCount = 1 << 20;
  if (start < 0 || stop < 0 || start > kMaxCount || stop > kMaxCount) {
    return node.Error(Concat("start ", start, ", stop ", stop, " are out of range"));
  }
  if (content.empty()) return node["content"].Error("is empty");
  if (fused) {
    if (content != " " || stop != 0) {
      return node.Unknown("Strip of the whole text of anything but leading spaces");
    }
    out.leading_spaces_to_drop += static_cast<int>(start);
    return absl::OkStatus();
  }
  size_t length = 0;
  out.steps.emplace_back(StripDecoder{DecodeUtf8(content, 0, length), static_cast<int>(start),
                                      static_cast<int>(stop)});
  return absl::OkStatus();
}

absl::Status AppendReplace(const JsonNode& node, bool fused, Decoder& out) {
  PatternSource pattern;
  SKEP_ASSIGN(pattern, ReadPattern(node["pattern"]));
  ReplaceDecoder step;
  step.pattern = pattern.source;
  SKEP_ASSIGN(step.content, node["content"].String());
  if (pattern.is_regex) return node.Unknown("a decoder Replace by a regular expression");
  if (fused && step.pattern.size() > 1) {
    return node.Unknown("a decoder Replace of more than one byte behind Fuse");
  }
  out.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

absl::Status AppendDecoder(const JsonNode& node, bool& fused, Decoder& out) {
  std::string type;
  SKEP_ASSIGN(type, node["type"].String());
  if (type == "Sequence") {
    for (const JsonNode& part : node["decoders"].Elements()) {
      if (absl::Status status = AppendDecoder(part, fused, out); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (type == "Fuse") {
    fused = true;
    return absl::OkStatus();
  }
  if (type == "Strip") return AppendStrip(node, fused, out);
  if (type == "Replace") return AppendReplace(node, fused, out);
  if (fused) return node.Unknown(Concat("decoder '", type, "' behind Fuse"));
  if (type == "ByteLevel") {
    out.steps.emplace_back(ByteLevelDecoder{});
    return absl::OkStatus();
  }
  if (type == "ByteFallback") {
    out.steps.emplace_back(ByteFallbackDecoder{});
    return absl::OkStatus();
  }
  if (type == "Metaspace") {
    MetaspaceDecoder step;
    PrependScheme scheme = PrependScheme::kAlways;
    SKEP_ASSIGN(step.replacement, node["replacement"].String());
    SKEP_ASSIGN(scheme, ReadPrependScheme(node));
    if (step.replacement.empty()) return node["replacement"].Error("is empty");
    step.drop_in_first = scheme != PrependScheme::kNever;
    out.steps.emplace_back(std::move(step));
    return absl::OkStatus();
  }
  return node.Unknown(Concat("decoder '", type, "'"));
}

// ---- Post-processors ----

// The ids of one piece of a template, {"SpecialToken": {"id": name, ..}}: the "special_tokens"
// table maps the name to ids.
absl::Status AppendTemplateToken(const JsonNode& piece, const JsonNode& table,
                                 const Vocabulary& vocabulary, std::vector<TokenId>& out) {
  std::string name;
  SKEP_ASSIGN(name, piece["id"].String());
  const JsonNode ids = table[name]["ids"];
  if (!ids.is_array()) return piece["id"].Error(Concat("'", name, "' is not in special_tokens"));
  for (const JsonNode& element : ids.Elements()) {
    int64_t id = 0;
    SKEP_ASSIGN(id, element.Int());
    if (id < 0 || id >= vocabulary.size() || !vocabulary.Contains(static_cast<TokenId>(id))) {
      return element.Error(Concat("token id ", id, " is not in the vocabulary"));
    }
    out.push_back(static_cast<TokenId>(id));
  }
  return absl::OkStatus();
}

absl::Status ReadTemplate(const JsonNode& node, const Vocabulary& vocabulary,
                          std::vector<TokenId>& prefix, std::vector<TokenId>& suffix) {
  bool after_text = false;
  for (const JsonNode& piece : node["single"].Elements()) {
    if (piece["Sequence"].is_object()) {
      if (after_text) return piece.Unknown("a template that repeats the text");
      after_text = true;
      continue;
    }
    absl::Status status = AppendTemplateToken(piece["SpecialToken"], node["special_tokens"],
                                              vocabulary, after_text ? suffix : prefix);
    if (!status.ok()) return status;
  }
  if (!after_text) return node["single"].Error("has no place for the text");
  return absl::OkStatus();
}

// ["[CLS]", 101].
absl::Status AppendNamedId(const JsonNode& node, const Vocabulary& vocabulary,
                           std::vector<TokenId>& out) {
  const std::vector<JsonNode> pair = node.Elements();
  if (pair.size() != 2) return node.WrongType("a pair of a token and its id");
  int64_t id = 0;
  SKEP_ASSIGN(id, pair[1].Int());
  if (id < 0 || id >= vocabulary.size()) {
    return pair[1].Error(Concat("token id ", id, " is not in the vocabulary"));
  }
  out.push_back(static_cast<TokenId>(id));
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadNormalizer(const JsonNode& node, Normalizer& out) {
  if (node.is_null()) return absl::OkStatus();
  std::string type;
  SKEP_ASSIGN(type, node["type"].String());
  if (type == "Sequence") {
    for (const JsonNode& part : node["normalizers"].Elements()) {
      if (absl::Status status = ReadNormalizer(part, out); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (type == "NFC") {
    out.steps.emplace_back(NfcNormalizer{});
    return absl::OkStatus();
  }
  if (type == "Prepend") {
    PrependNormalizer step;
    SKEP_ASSIGN(step.text, node["prepend"].String());
    out.steps.emplace_back(std::move(step));
    return absl::OkStatus();
  }
  if (type == "Replace") {
    PatternSource pattern;
    SKEP_ASSIGN(pattern, ReadPattern(node["pattern"]));
    ReplaceNormalizer step;
    SKEP_ASSIGN(step.content, node["content"].String());
    step.pattern = std::move(pattern.pattern);
    step.source = std::move(pattern.source);
    step.is_regex = pattern.is_regex;
    out.steps.emplace_back(std::move(step));
    return absl::OkStatus();
  }
  if (type == "Strip") {
    StripNormalizer step;
    SKEP_ASSIGN(step.left, node["strip_left"].Bool(true));
    SKEP_ASSIGN(step.right, node["strip_right"].Bool(true));
    out.steps.emplace_back(step);
    return absl::OkStatus();
  }
  return node.Unknown(Concat("normalizer '", type, "'"));
}

absl::Status ReadPreTokenizer(const JsonNode& node, PreTokenizer& out, bool& byte_level) {
  byte_level = false;
  if (node.is_null()) return absl::OkStatus();
  if (absl::Status status = AppendPreTokenizer(node, out); !status.ok()) return status;
  // The model takes bytes. Letters of the byte alphabet are needed only by steps that look at them.
  size_t letters = 0;
  for (const PreTokenizerStep& step : out.steps) {
    if (std::holds_alternative<BytesToLettersStep>(step)) ++letters;
  }
  if (letters == 0) return absl::OkStatus();
  if (letters > 1) return node.Unknown("more than one ByteLevel");
  byte_level = true;
  if (std::holds_alternative<BytesToLettersStep>(out.steps.back())) {
    out.steps.pop_back();
  } else {
    out.steps.emplace_back(LettersToBytesStep{});
  }
  return absl::OkStatus();
}

absl::Status ReadDecoder(const JsonNode& node, Decoder& out) {
  if (node.is_null()) {
    out.separator = " ";
    return absl::OkStatus();
  }
  bool fused = false;
  return AppendDecoder(node, fused, out);
}

absl::Status ReadPostProcessor(const JsonNode& node, const Vocabulary& vocabulary,
                               std::vector<TokenId>& prefix, std::vector<TokenId>& suffix) {
  if (node.is_null()) return absl::OkStatus();
  std::string type;
  SKEP_ASSIGN(type, node["type"].String());
  if (type == "Sequence") {
    for (const JsonNode& part : node["processors"].Elements()) {
      // Each one wraps what the ones before made.
      std::vector<TokenId> outer_prefix, outer_suffix;
      absl::Status status = ReadPostProcessor(part, vocabulary, outer_prefix, outer_suffix);
      if (!status.ok()) return status;
      prefix.insert(prefix.begin(), outer_prefix.begin(), outer_prefix.end());
      suffix.insert(suffix.end(), outer_suffix.begin(), outer_suffix.end());
    }
    return absl::OkStatus();
  }
  if (type == "ByteLevel") return absl::OkStatus();  // concerns offsets only
  if (type == "TemplateProcessing") return ReadTemplate(node, vocabulary, prefix, suffix);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    absl::Status status = AppendNamedId(node["cls"], vocabulary, prefix);
    if (!status.ok()) return status;
    return AppendNamedId(node["sep"], vocabulary, suffix);
  }
  return node.Unknown(Concat("post-processor '", type, "'"));
}

}  // namespace skep::engine::tokenizer
