#include "engine/tokenizer/tokenizer_json.h"

#include <algorithm>
#include <utility>

#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/json_parts.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

constexpr int64_t kMaxTokenId = INT32_MAX - 1;

absl::StatusOr<TokenId> ReadId(const JsonNode& node) {
  int64_t id = 0;
  SKEP_ASSIGN(id, node.Int());
  if (id < 0 || id > kMaxTokenId) return node.Error(Concat("token id ", id, " is out of range"));
  return static_cast<TokenId>(id);
}

// model.vocab: {"piece": id, ...}.
absl::StatusOr<std::vector<Vocabulary::Entry>> ReadVocabulary(const JsonNode& node) {
  if (!node.is_object()) return node.WrongType("an object of pieces and their ids");
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(node.value().size());
  for (const auto& [piece, id] : node.value().items()) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > kMaxTokenId) {
      return node[piece].Error(Concat("wanted a token id, got ", id.dump()));
    }
    entries.emplace_back(piece, id.get<TokenId>());
  }
  return entries;
}

absl::StatusOr<std::vector<AddedToken>> ReadAddedTokens(const JsonNode& node) {
  std::vector<AddedToken> tokens;
  if (!node.is_null() && !node.is_array()) return node.WrongType("an array");
  for (const JsonNode& element : node.Elements()) {
    AddedToken token;
    SKEP_ASSIGN(token.id, ReadId(element["id"]));
    SKEP_ASSIGN(token.content, element["content"].String());
    SKEP_ASSIGN(token.special, element["special"].Bool(false));
    SKEP_ASSIGN(token.single_word, element["single_word"].Bool(false));
    SKEP_ASSIGN(token.lstrip, element["lstrip"].Bool(false));
    SKEP_ASSIGN(token.rstrip, element["rstrip"].Bool(false));
    SKEP_ASSIGN(token.normalized, element["normalized"].Bool(!token.special));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// The vocabulary of the model and of the added tokens. A token that the model has, too, gets the
// model's id.
absl::Status FillVocabulary(std::vector<Vocabulary::Entry> entries, std::vector<AddedToken>& added,
                            Pipeline& pipeline) {
  {
    absl::flat_hash_map<std::string_view, TokenId, StringHash, StringEqual> model_ids;
    for (const auto& [piece, id] : entries) model_ids.emplace(piece, id);
    for (AddedToken& token : added) {
      const auto found = model_ids.find(token.content);
      if (found != model_ids.end()) token.id = found->second;
    }
  }
  for (const AddedToken& token : added) entries.emplace_back(token.content, token.id);
  auto vocabulary = Vocabulary::Make(std::move(entries));
  if (!vocabulary.ok()) return vocabulary.status();
  pipeline.vocabulary = *std::move(vocabulary);
  for (const AddedToken& token : added) {
    if (token.special) pipeline.vocabulary.AddFlags(token.id, kSpecial | kNotText);
    SKEP_RETURN_IF_ERROR(pipeline.AddToken(token));
  }
  return absl::OkStatus();
}

// model.merges: "a b", or ["a", "b"] where pieces hold spaces. The views are of `node`'s strings.
absl::StatusOr<std::vector<Bpe::MergeRule>> ReadMerges(const JsonNode& node) {
  if (!node.is_array()) return node.WrongType("an array of merges");
  std::vector<Bpe::MergeRule> merges;
  merges.reserve(node.value().size());
  for (size_t i = 0; i < node.value().size(); ++i) {
    const nlohmann::json& merge = node.value()[i];
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0].get_ref<const std::string&>(),
                          merge[1].get_ref<const std::string&>());
      continue;
    }
    const JsonNode element(merge, Concat(node.path(), "[", i, "]"));
    if (!merge.is_string()) return element.WrongType("two pieces");
    const std::string_view text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
      return element.Error(Concat("'", text, "' is not two pieces"));
    }
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return merges;
}

absl::Status FillBpe(const JsonNode& node, bool byte_level, Pipeline& pipeline) {
  BpeOptions options;
  options.byte_level = byte_level;
  SKEP_ASSIGN(options.ignore_merges, node["ignore_merges"].Bool(false));
  SKEP_ASSIGN(options.byte_fallback, node["byte_fallback"].Bool(false));
  SKEP_ASSIGN(options.fuse_unk, node["fuse_unk"].Bool(false));
  SKEP_ASSIGN(options.continuing_subword_prefix, node["continuing_subword_prefix"].String(""));
  SKEP_ASSIGN(options.end_of_word_suffix, node["end_of_word_suffix"].String(""));
  if (!node["dropout"].is_null() && node["dropout"].value() != 0.0) {
    return node["dropout"].Unknown("dropout");
  }
  if (byte_level &&
      (!options.continuing_subword_prefix.empty() || !options.end_of_word_suffix.empty())) {
    return node.Unknown("a subword prefix or suffix on bytes");
  }
  std::string unk;
  SKEP_ASSIGN(unk, node["unk_token"].String(""));
  if (!unk.empty()) {
    options.unk = pipeline.vocabulary.Find(unk);
    if (!options.unk) {
      return node["unk_token"].Error(Concat("'", unk, "' is not in the vocabulary"));
    }
    pipeline.special_ids.unk = options.unk;
  }
  std::vector<Bpe::MergeRule> merges;
  SKEP_ASSIGN(merges, ReadMerges(node["merges"]));
  auto model = Bpe::Make(pipeline.vocabulary, merges, /*strict=*/true, std::move(options));
  if (!model.ok()) return node["merges"].Error(std::string(model.status().message()));
  pipeline.model = *std::move(model);
  return absl::OkStatus();
}

std::optional<TokenId> FindNamed(const Pipeline& pipeline, const std::optional<std::string>& name) {
  return name ? pipeline.vocabulary.Find(*name) : std::nullopt;
}

void SetSpecialIds(const TokenizerConfig& config, Pipeline& pipeline) {
  SpecialIds& ids = pipeline.special_ids;
  ids.bos = FindNamed(pipeline, config.bos_token);
  ids.eos = FindNamed(pipeline, config.eos_token);
  ids.pad = FindNamed(pipeline, config.pad_token);
  if (!ids.unk) ids.unk = FindNamed(pipeline, config.unk_token);
  // A tokenizer.json alone: what it puts before a text is the begin of sequence.
  if (!config.bos_token && pipeline.prefix.size() == 1) ids.bos = pipeline.prefix[0];
  FindEndOfGeneration(/*more=*/{}, pipeline);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> ReadTokenizerJson(std::string_view json,
                                                            const TokenizerConfig& config) {
  nlohmann::json document;
  SKEP_ASSIGN(document, ParseJson(json, "tokenizer.json"));
  const JsonNode root(document, "");
  if (!root.is_object()) return absl::InvalidArgumentError("tokenizer.json is not an object");

  auto pipeline = std::make_unique<Pipeline>();
  pipeline->source = "tokenizer.json";
  const JsonNode model = root["model"];
  if (!model.is_object()) return model.WrongType("an object");
  std::string type;
  SKEP_ASSIGN(type, model["type"].String(model["merges"].is_array() ? "BPE" : "unnamed"));
  if (type != "BPE") return model.Unknown(Concat("model '", type, "'"));

  SKEP_RETURN_IF_ERROR(ReadNormalizer(root["normalizer"], pipeline->normalizer));
  bool byte_level = false;
  SKEP_RETURN_IF_ERROR(
      ReadPreTokenizer(root["pre_tokenizer"], pipeline->pre_tokenizer, byte_level));
  std::vector<Vocabulary::Entry> entries;
  SKEP_ASSIGN(entries, ReadVocabulary(model["vocab"]));
  std::vector<AddedToken> added;
  SKEP_ASSIGN(added, ReadAddedTokens(root["added_tokens"]));
  SKEP_RETURN_IF_ERROR(FillVocabulary(std::move(entries), added, *pipeline));
  SKEP_RETURN_IF_ERROR(FillBpe(model, byte_level, *pipeline));
  SKEP_RETURN_IF_ERROR(ReadDecoder(root["decoder"], pipeline->decoder));
  SKEP_RETURN_IF_ERROR(ReadPostProcessor(root["post_processor"], pipeline->vocabulary,
                                         pipeline->prefix, pipeline->suffix));
  SetSpecialIds(config, *pipeline);
  if (root["post_processor"].is_null()) {
    const SpecialIds& ids = pipeline->special_ids;
    if (config.add_bos_token.value_or(false) && ids.bos) pipeline->prefix.push_back(*ids.bos);
    if (config.add_eos_token.value_or(false) && ids.eos) pipeline->suffix.push_back(*ids.eos);
  }
  return pipeline;
}

absl::StatusOr<TokenizerConfig> ReadTokenizerConfig(std::string_view json) {
  nlohmann::json document;
  SKEP_ASSIGN(document, ParseJson(json, "tokenizer_config.json"));
  const JsonNode root(document, "");
  TokenizerConfig config;
  const auto read_token = [&](std::string_view key, std::optional<std::string>& out) {
    // A string, or an added token written out.
    const JsonNode node = root[key].is_object() ? root[key]["content"] : root[key];
    if (node.is_string()) out = *node.String();
  };
  read_token("bos_token", config.bos_token);
  read_token("eos_token", config.eos_token);
  read_token("pad_token", config.pad_token);
  read_token("unk_token", config.unk_token);
  const auto read_flag = [&](std::string_view key, std::optional<bool>& out) {
    if (root[key].value().is_boolean()) out = *root[key].Bool();
  };
  read_flag("add_bos_token", config.add_bos_token);
  read_flag("add_eos_token", config.add_eos_token);
  return config;
}

}  // namespace skep::engine::tokenizer
