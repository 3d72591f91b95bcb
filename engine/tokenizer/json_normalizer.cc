// "normalizer".
#include "engine/tokenizer/json_parts.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "engine/tokenizer/growth.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
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

namespace {

absl::Status ReadReplace(const JsonNode& node, Normalizer& out) {
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

absl::Status ReadBert(const JsonNode& node, Normalizer& out) {
  BertNormalizer step;
  SKEP_ASSIGN(step.clean_text, node["clean_text"].Bool(true));
  SKEP_ASSIGN(step.handle_chinese_chars, node["handle_chinese_chars"].Bool(true));
  SKEP_ASSIGN(step.lowercase, node["lowercase"].Bool(true));
  if (!node["strip_accents"].is_null()) {
    SKEP_ASSIGN(step.strip_accents, node["strip_accents"].Bool());
  }
  out.steps.emplace_back(step);
  return absl::OkStatus();
}

absl::Status ReadPrecompiled(const JsonNode& node, Normalizer& out) {
  const JsonNode map = node["precompiled_charsmap"];
  if (map.is_null()) return absl::OkStatus();
  std::string base64, bytes;
  SKEP_ASSIGN(base64, map.String());
  if (base64.empty()) return absl::OkStatus();
  if (!absl::Base64Unescape(base64, &bytes)) return map.Error("is not base64");
  auto charsmap = CharsMap::Parse(bytes);
  if (!charsmap.ok()) return map.Error(std::string(charsmap.status().message()));
  out.steps.emplace_back(
      PrecompiledNormalizer{std::make_shared<const CharsMap>(*std::move(charsmap))});
  return absl::OkStatus();
}

// The types without parameters.
bool AppendSimple(std::string_view type, Normalizer& out) {
  if (type == "NFC") {
    out.steps.emplace_back(FormNormalizer{NormalForm::kNfc});
  } else if (type == "NFD") {
    out.steps.emplace_back(FormNormalizer{NormalForm::kNfd});
  } else if (type == "NFKC") {
    out.steps.emplace_back(FormNormalizer{NormalForm::kNfkc});
  } else if (type == "NFKD") {
    out.steps.emplace_back(FormNormalizer{NormalForm::kNfkd});
  } else if (type == "Lowercase") {
    out.steps.emplace_back(LowercaseNormalizer{});
  } else if (type == "StripAccents") {
    out.steps.emplace_back(StripAccentsNormalizer{});
  } else if (type == "Nmt") {
    out.steps.emplace_back(NmtNormalizer{});
  } else if (type == "ByteLevel") {
    out.steps.emplace_back(ByteLevelNormalizer{});
  } else {
    return false;
  }
  return true;
}

}  // namespace

absl::Status ReadNormalizer(const JsonNode& node, Normalizer& out) {
  if (node.is_null()) return absl::OkStatus();
  if (out.steps.size() >= kMaxSteps) return node.Error(Concat("more than ", kMaxSteps, " steps"));
  std::string type;
  SKEP_ASSIGN(type, node["type"].String());
  if (type == "Sequence") {
    for (const JsonNode& part : node["normalizers"].Elements()) {
      SKEP_RETURN_IF_ERROR(ReadNormalizer(part, out));
    }
    return absl::OkStatus();
  }
  if (AppendSimple(type, out)) return absl::OkStatus();
  if (type == "Replace") return ReadReplace(node, out);
  if (type == "BertNormalizer") return ReadBert(node, out);
  if (type == "Precompiled") return ReadPrecompiled(node, out);
  if (type == "Prepend") {
    PrependNormalizer step;
    SKEP_ASSIGN(step.text, node["prepend"].String());
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

}  // namespace skep::engine::tokenizer
