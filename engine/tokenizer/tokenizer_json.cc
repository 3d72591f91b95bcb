#include "engine/tokenizer/tokenizer_json.h"

#include <algorithm>
#include <utility>

#include "engine/tokenizer/json_model.h"
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

// The ids of added tokens as Hugging Face's library gives them, whatever the file says: of a piece
// of the model that of the model, else the next one behind as many as the model has. Of equal
// contents the last one stays.
struct NumberedToken {
  AddedToken token;
  bool in_model = false;
};
std::vector<NumberedToken> AssignIds(const std::vector<Vocabulary::Entry>& model,
                                     const std::vector<AddedToken>& added,
                                     std::vector<std::string>& notes) {
  absl::flat_hash_map<std::string_view, TokenId, StringHash, StringEqual> model_ids;
  model_ids.reserve(model.size());
  for (const auto& [piece, id] : model) model_ids.insert_or_assign(piece, id);
  absl::flat_hash_map<std::string_view, size_t, StringHash, StringEqual> index_of;
  std::vector<NumberedToken> result;
  TokenId next = static_cast<TokenId>(model.size());
  size_t renumbered = 0;
  std::string note;  // of the first
  for (const AddedToken& token : added) {
    if (token.content.empty()) continue;
    const auto [known, is_new] = index_of.try_emplace(token.content, result.size());
    if (!is_new) {
      AddedToken& replaced = result[known->second].token;
      const TokenId id = replaced.id;
      replaced = token;
      replaced.id = id;
      continue;
    }
    const auto found = model_ids.find(token.content);
    result.push_back({token, found != model_ids.end()});
    const TokenId id = found != model_ids.end() ? found->second : next++;
    result.back().token.id = id;
    if (id != token.id && ++renumbered == 1) {
      note = Concat("added token '", token.content, "' has id ", id,
                    ", by its place; the file says ", token.id);
    }
  }
  if (renumbered > 1) note += Concat("; so it is with ", renumbered - 1, " more");
  if (renumbered > 0) notes.push_back(std::move(note));
  return result;
}

// The vocabulary of the model and of the added tokens.
absl::Status FillVocabulary(std::vector<Vocabulary::Entry> entries,
                            const std::vector<AddedToken>& in_file, Pipeline& pipeline) {
  const std::vector<NumberedToken> added = AssignIds(entries, in_file, pipeline.notes);
  for (const auto& [token, in_model] : added) entries.emplace_back(token.content, token.id);
  auto vocabulary = Vocabulary::Make(std::move(entries));
  if (!vocabulary.ok()) return vocabulary.status();
  pipeline.vocabulary = *std::move(vocabulary);
  for (const auto& [token, in_model] : added) {
    if (token.special) pipeline.vocabulary.AddFlags(token.id, kSpecial | kNotText);
    if (!in_model) pipeline.vocabulary.AddFlags(token.id, kAddedOnly | kNotText);
    SKEP_RETURN_IF_ERROR(pipeline.AddToken(token));
  }
  return absl::OkStatus();
}

void NoteWhatIsIgnored(const JsonNode& root, Pipeline& pipeline) {
  if (!root["truncation"].is_null()) {
    pipeline.notes.push_back("truncation is left out: texts keep their length");
  }
  if (!root["padding"].is_null()) {
    pipeline.notes.push_back("padding is left out: texts keep their length");
  }
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
  std::string type;
  SKEP_ASSIGN(type, ReadModelType(model));
  SKEP_RETURN_IF_ERROR(ReadNormalizer(root["normalizer"], pipeline->normalizer));
  SKEP_RETURN_IF_ERROR(ReadPreTokenizer(root["pre_tokenizer"], pipeline->pre_tokenizer));
  std::vector<Vocabulary::Entry> entries;
  SKEP_ASSIGN(entries, ReadModelVocabulary(model, type));
  std::vector<AddedToken> added;
  SKEP_ASSIGN(added, ReadAddedTokens(root["added_tokens"]));
  SKEP_RETURN_IF_ERROR(FillVocabulary(std::move(entries), added, *pipeline));
  SKEP_RETURN_IF_ERROR(FillModel(model, type, *pipeline));
  SKEP_RETURN_IF_ERROR(ReadDecoder(root["decoder"], pipeline->decoder));
  SKEP_RETURN_IF_ERROR(ReadPostProcessor(root["post_processor"], pipeline->vocabulary,
                                         pipeline->prefix, pipeline->suffix));
  SetSpecialIds(config, *pipeline);
  NoteWhatIsIgnored(root, *pipeline);
  for (const char* part : kComponents) pipeline->components[part] = root[part].value().dump();
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
