// "pre_tokenizer".
#include "engine/tokenizer/json_parts.h"

#include <utility>

#include "engine/tokenizer/growth.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

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

// A single character.
absl::StatusOr<std::string> ReadCharacter(const JsonNode& node) {
  std::string text;
  SKEP_ASSIGN(text, node.String());
  size_t length = 0;
  if (text.empty() || (DecodeUtf8(text, 0, length), length != text.size())) {
    return node.Error(Concat("wanted one character, got '", text, "'"));
  }
  return text;
}

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
  SKEP_ASSIGN(step.replacement, ReadCharacter(node["replacement"]));
  SKEP_ASSIGN(step.scheme, ReadPrependScheme(node));
  SKEP_ASSIGN(step.split, node["split"].Bool(true));
  out.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

absl::Status ReadFixedLength(const JsonNode& node, PreTokenizer& out) {
  int64_t length = 0;
  SKEP_ASSIGN(length, node["length"].Int(5));
  if (length < 1 || length > INT32_MAX) {
    return node["length"].Error(Concat("is ", length, ", wanted 1 or more"));
  }
  out.steps.emplace_back(FixedLengthStep{static_cast<uint32_t>(length)});
  return absl::OkStatus();
}

// The types without parameters.
bool AppendSimple(std::string_view type, PreTokenizer& out) {
  if (type == "Whitespace") {
    out.steps.emplace_back(WhitespaceStep{});
  } else if (type == "WhitespaceSplit") {
    out.steps.emplace_back(WhitespaceSplitStep{});
  } else if (type == "BertPreTokenizer") {
    out.steps.emplace_back(WhitespaceSplitStep{});
    out.steps.emplace_back(PunctuationStep{SplitBehavior::kIsolated});
  } else if (type == "UnicodeScripts") {
    out.steps.emplace_back(UnicodeScriptsStep{});
  } else {
    return false;
  }
  return true;
}

}  // namespace

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

absl::Status ReadPreTokenizer(const JsonNode& node, PreTokenizer& out) {
  if (node.is_null()) return absl::OkStatus();
  if (out.steps.size() >= kMaxSteps) return node.Error(Concat("more than ", kMaxSteps, " steps"));
  std::string type;
  SKEP_ASSIGN(type, node["type"].String());
  if (type == "Sequence") {
    for (const JsonNode& part : node["pretokenizers"].Elements()) {
      SKEP_RETURN_IF_ERROR(ReadPreTokenizer(part, out));
    }
    return absl::OkStatus();
  }
  if (AppendSimple(type, out)) return absl::OkStatus();
  if (type == "ByteLevel") return ReadByteLevel(node, out);
  if (type == "Split") return ReadSplit(node, out);
  if (type == "Metaspace") return ReadMetaspace(node, out);
  if (type == "FixedLength") return ReadFixedLength(node, out);
  if (type == "CharDelimiterSplit") {
    DelimiterStep step;
    SKEP_ASSIGN(step.delimiter, ReadCharacter(node["delimiter"]));
    out.steps.emplace_back(std::move(step));
    return absl::OkStatus();
  }
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

bool DeliverBytes(PreTokenizer& pre_tokenizer) {
  size_t letters = 0;
  for (const PreTokenizerStep& step : pre_tokenizer.steps) {
    if (std::holds_alternative<BytesToLettersStep>(step)) ++letters;
  }
  if (letters != 1) return false;
  if (std::holds_alternative<BytesToLettersStep>(pre_tokenizer.steps.back())) {
    pre_tokenizer.steps.pop_back();
    return true;
  }
  // Only cuts may follow, so that every character is still a letter.
  bool behind = false;
  for (const PreTokenizerStep& step : pre_tokenizer.steps) {
    if (behind && (std::holds_alternative<MetaspaceStep>(step) ||
                   std::holds_alternative<PrefixSpaceStep>(step))) {
      return false;
    }
    behind |= std::holds_alternative<BytesToLettersStep>(step);
  }
  pre_tokenizer.steps.emplace_back(LettersToBytesStep{});
  return true;
}

}  // namespace skep::engine::tokenizer
