// "post_processor".
#include "engine/tokenizer/json_parts.h"

#include <algorithm>
#include <utility>

#include "engine/tokenizer/growth.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

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
    if (out.size() == kMaxTokensAround) {
      return piece.Error(Concat("more than ", kMaxTokensAround, " tokens around a text"));
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
  if (id < 0 || id >= vocabulary.size() || !vocabulary.Contains(static_cast<TokenId>(id))) {
    return pair[1].Error(Concat("token id ", id, " is not in the vocabulary"));
  }
  out.push_back(static_cast<TokenId>(id));
  return absl::OkStatus();
}

}  // namespace

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
      if (std::max(prefix.size(), suffix.size()) > kMaxTokensAround) {
        return part.Error(Concat("more than ", kMaxTokensAround, " tokens around a text"));
      }
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
