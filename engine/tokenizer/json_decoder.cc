// "decoder".
#include "engine/tokenizer/json_parts.h"

#include <utility>

#include "engine/tokenizer/growth.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

constexpr int64_t kMaxStripped = 1 << 20;

absl::Status AppendStrip(const JsonNode& node, Decoder& out) {
  std::string content;
  int64_t start = 0, stop = 0;
  SKEP_ASSIGN(content, node["content"].String());
  SKEP_ASSIGN(start, node["start"].Int(0));
  SKEP_ASSIGN(stop, node["stop"].Int(0));
  if (start < 0 || stop < 0 || start > kMaxStripped || stop > kMaxStripped) {
    return node.Error(Concat("start ", start, ", stop ", stop, " are out of range"));
  }
  if (content.empty()) return node["content"].Error("is empty");
  size_t length = 0;
  out.steps.emplace_back(StripDecoder{DecodeUtf8(content, 0, length), static_cast<int>(start),
                                      static_cast<int>(stop)});
  return absl::OkStatus();
}

absl::Status AppendReplace(const JsonNode& node, Decoder& out) {
  PatternSource pattern;
  SKEP_ASSIGN(pattern, ReadPattern(node["pattern"]));
  ReplaceDecoder step;
  step.pattern = pattern.source;
  SKEP_ASSIGN(step.content, node["content"].String());
  if (pattern.is_regex) step.regex = std::move(pattern.pattern);
  out.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

absl::Status AppendMetaspace(const JsonNode& node, Decoder& out) {
  MetaspaceDecoder step;
  PrependScheme scheme = PrependScheme::kAlways;
  SKEP_ASSIGN(step.replacement, node["replacement"].String());
  SKEP_ASSIGN(scheme, ReadPrependScheme(node));
  if (step.replacement.empty()) return node["replacement"].Error("is empty");
  step.drop_in_first = scheme != PrependScheme::kNever;
  out.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

absl::Status AppendWordPiece(const JsonNode& node, Decoder& out) {
  WordPieceDecoder step;
  SKEP_ASSIGN(step.prefix, node["prefix"].String("##"));
  SKEP_ASSIGN(step.cleanup, node["cleanup"].Bool(true));
  out.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

absl::Status AppendCtc(const JsonNode& node, Decoder& out) {
  CtcDecoder step;
  SKEP_ASSIGN(step.pad, node["pad_token"].String("<pad>"));
  SKEP_ASSIGN(step.word_delimiter, node["word_delimiter_token"].String("|"));
  SKEP_ASSIGN(step.cleanup, node["cleanup"].Bool(true));
  out.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

absl::Status AppendBpe(const JsonNode& node, Decoder& out) {
  BpeDecoder step;
  SKEP_ASSIGN(step.suffix, node["suffix"].String("</w>"));
  out.steps.emplace_back(std::move(step));
  return absl::OkStatus();
}

// The types without parameters.
bool AppendSimple(std::string_view type, Decoder& out) {
  if (type == "ByteLevel") {
    out.steps.emplace_back(ByteLevelDecoder{});
  } else if (type == "ByteFallback") {
    out.steps.emplace_back(ByteFallbackDecoder{});
  } else if (type == "Fuse") {
    out.steps.emplace_back(FuseDecoder{});
  } else {
    return false;
  }
  return true;
}

absl::Status AppendDecoder(const JsonNode& node, Decoder& out) {
  if (out.steps.size() >= kMaxSteps) return node.Error(Concat("more than ", kMaxSteps, " steps"));
  std::string type;
  SKEP_ASSIGN(type, node["type"].String());
  if (type == "Sequence") {
    for (const JsonNode& part : node["decoders"].Elements()) {
      SKEP_RETURN_IF_ERROR(AppendDecoder(part, out));
    }
    return absl::OkStatus();
  }
  if (AppendSimple(type, out)) return absl::OkStatus();
  if (type == "Strip") return AppendStrip(node, out);
  if (type == "Replace") return AppendReplace(node, out);
  if (type == "Metaspace") return AppendMetaspace(node, out);
  if (type == "WordPiece") return AppendWordPiece(node, out);
  if (type == "BPEDecoder") return AppendBpe(node, out);
  if (type == "CTC") return AppendCtc(node, out);
  return node.Unknown(Concat("decoder '", type, "'"));
}

// How many times longer than a piece what all replacements make of it may be.
size_t GrowthOf(const Decoder& decoder) {
  size_t growth = 1;
  for (const DecoderStep& step : decoder.steps) {
    const auto* replace = std::get_if<ReplaceDecoder>(&step);
    if (replace == nullptr || growth > kMaxDecodedGrowth) continue;
    if (replace->regex != nullptr) {
      growth *= 1 + replace->content.size();  // at every place, without taking anything away
    } else if (replace->content.size() > replace->pattern.size() && !replace->pattern.empty()) {
      growth *= (replace->content.size() - 1) / replace->pattern.size() + 1;
    }
  }
  return growth;
}

}  // namespace

absl::Status ReadDecoder(const JsonNode& node, Decoder& out) {
  if (node.is_null()) {
    out.separator = " ";
    return absl::OkStatus();
  }
  SKEP_RETURN_IF_ERROR(AppendDecoder(node, out));
  if (GrowthOf(out) > kMaxDecodedGrowth) {
    return node.Error(
        Concat("its replacements make a piece more than ", kMaxDecodedGrowth, " times as long"));
  }
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
