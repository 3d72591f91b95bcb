#include "engine/tokenizer/model_files.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMaxFileBytes = uintmax_t{512} << 20;
constexpr int64_t kMaxTokenId = INT32_MAX - 1;

absl::StatusOr<TokenId> ParseIdKey(const JsonNode& node, std::string_view key) {
  int64_t id = key.empty() ? -1 : 0;
  for (char digit : key) {
    if (digit < '0' || digit > '9' || id > kMaxTokenId / 10) return node.Error("not a token id");
    id = id * 10 + (digit - '0');
  }
  if (id < 0 || id > kMaxTokenId) return node.Error("not a token id");
  return static_cast<TokenId>(id);
}

// {"32000": {"content": "<x>", "special": true, ...}, ...}.
absl::Status ReadAddedTokensDecoder(const JsonNode& table, std::map<TokenId, AddedToken>& out) {
  if (!table.is_object()) return absl::OkStatus();
  for (const auto& [key, unused] : table.value().items()) {
    const JsonNode node = table[key];
    AddedToken token;
    SKEP_ASSIGN(token.id, ParseIdKey(node, key));
    SKEP_ASSIGN(token.content, node["content"].String());
    SKEP_ASSIGN(token.special, node["special"].Bool(false));
    SKEP_ASSIGN(token.single_word, node["single_word"].Bool(false));
    SKEP_ASSIGN(token.lstrip, node["lstrip"].Bool(false));
    SKEP_ASSIGN(token.rstrip, node["rstrip"].Bool(false));
    SKEP_ASSIGN(token.normalized, node["normalized"].Bool(false));
    out.insert_or_assign(token.id, std::move(token));
  }
  return absl::OkStatus();
}

// added_tokens.json: {"<x>": 32000, ...}; what is special, special_tokens_map.json says.
absl::Status ReadAddedTokensJson(const JsonNode& table, const std::vector<std::string>& special,
                                 std::map<TokenId, AddedToken>& out) {
  if (!table.is_object()) return absl::OkStatus();
  for (const auto& [content, unused] : table.value().items()) {
    const JsonNode node = table[content];
    int64_t id = 0;
    SKEP_ASSIGN(id, node.Int());
    if (id < 0 || id > kMaxTokenId) return node.Error(Concat("token id ", id, " is out of range"));
    AddedToken token;
    token.id = static_cast<TokenId>(id);
    token.content = content;
    token.special = std::find(special.begin(), special.end(), content) != special.end();
    out.try_emplace(token.id, std::move(token));
  }
  return absl::OkStatus();
}

// All tokens that the file calls bos_token, additional_special_tokens and so on.
std::vector<std::string> SpecialContents(const JsonNode& root) {
  std::vector<std::string> result;
  const auto add = [&](const JsonNode& node) {
    const JsonNode content = node.is_object() ? node["content"] : node;
    if (content.is_string()) result.push_back(*content.String());
  };
  if (!root.is_object()) return result;
  for (const auto& [key, unused] : root.value().items()) {
    if (key.ends_with("_token")) add(root[key]);
    if (key == "additional_special_tokens" || key == "extra_special_tokens") {
      for (const JsonNode& element : root[key].Elements()) add(element);
    }
  }
  return result;
}

// An empty object where there is no such file.
absl::StatusOr<nlohmann::json> ReadJsonFile(const fs::path& path) {
  if (!IsFile(path)) return nlohmann::json::object();
  std::string text;
  SKEP_ASSIGN(text, ReadWholeFile(path));
  return ParseJson(text, path.filename().string());
}

}  // namespace

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

absl::StatusOr<std::string> ReadWholeFile(const fs::path& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error) return absl::NotFoundError(Concat(path.string(), ": ", error.message()));
  if (size > kMaxFileBytes) {
    return absl::InvalidArgumentError(Concat(
        path.string(), " has ", size, " bytes; a tokenizer's file has at most ", kMaxFileBytes));
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() && !file.eof()) return absl::UnavailableError(Concat("reading ", path.string()));
  return bytes;
}

absl::StatusOr<FolderConfig> FolderConfig::Read(const fs::path& folder) {
  FolderConfig config;
  nlohmann::json map, added, model;
  SKEP_ASSIGN(config.tokenizer_config, ReadJsonFile(folder / "tokenizer_config.json"));
  SKEP_ASSIGN(map, ReadJsonFile(folder / "special_tokens_map.json"));
  SKEP_ASSIGN(added, ReadJsonFile(folder / "added_tokens.json"));
  SKEP_ASSIGN(model, ReadJsonFile(folder / "config.json"));
  const JsonNode root(config.tokenizer_config, "");
  const nlohmann::json& source = config.tokenizer_config.empty() ? map : config.tokenizer_config;
  SKEP_ASSIGN(config.tokens,
              ReadTokenizerConfig(source.dump(-1, ' ', /*ensure_ascii=*/false,
                                              nlohmann::json::error_handler_t::replace)));
  if (root["tokenizer_class"].is_string())
    config.tokenizer_class = *root["tokenizer_class"].String();
  const JsonNode model_root(model, "");
  if (model_root["model_type"].is_string()) config.model_type = *model_root["model_type"].String();

  std::vector<std::string> special = SpecialContents(root);
  for (std::string& content : SpecialContents(JsonNode(map, ""))) {
    special.push_back(std::move(content));
  }
  std::map<TokenId, AddedToken> tokens;
  SKEP_RETURN_IF_ERROR(ReadAddedTokensDecoder(root["added_tokens_decoder"], tokens));
  SKEP_RETURN_IF_ERROR(ReadAddedTokensJson(JsonNode(added, "added_tokens.json"), special, tokens));
  for (auto& [id, token] : tokens) config.added.push_back(std::move(token));
  return config;
}

}  // namespace skep::engine::tokenizer
