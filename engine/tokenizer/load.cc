#include "engine/tokenizer/load.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "engine/tokenizer/gguf_vocabulary.h"
#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/sentencepiece_model.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/tokenizer_json.h"
#include "models/weights/gguf.h"

namespace skep::engine {
namespace {

namespace fs = std::filesystem;
using tokenizer::AddedToken;
using tokenizer::Concat;
using tokenizer::GgufTokenType;
using tokenizer::GgufVocabulary;
using tokenizer::JsonNode;
using tokenizer::Pipeline;
using tokenizer::TokenizerConfig;

constexpr uintmax_t kMaxFileBytes = uintmax_t{512} << 20;

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

absl::StatusOr<std::string> ReadFile(const fs::path& path) {
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

// ---- GGUF ----

constexpr std::string_view kPrefix = "tokenizer.ggml.";

// Reads what is there; what is missing leaves `out` as it is.
class GgufReader final {
 public:
  explicit GgufReader(const models::GgufFile& file) : file_(file) {}

  absl::Status Text(std::string_view key, std::string& out) const {
    if (!file_.Has(key)) return absl::OkStatus();
    std::string_view text;
    SKEP_ASSIGN(text, file_.String(key));
    out = std::string(text);
    return absl::OkStatus();
  }
  absl::Status Texts(std::string_view name, std::vector<std::string>& out) const {
    const std::string key = Concat(kPrefix, name);
    if (!file_.Has(key)) return absl::OkStatus();
    std::vector<std::string_view> texts;
    SKEP_ASSIGN(texts, file_.Strings(key));
    out.assign(texts.begin(), texts.end());
    return absl::OkStatus();
  }
  absl::Status Id(std::string_view name, std::optional<int64_t>& out) const {
    const std::string key = Concat(kPrefix, name);
    if (!file_.Has(key)) return absl::OkStatus();
    SKEP_ASSIGN(out, file_.Int(key));
    return absl::OkStatus();
  }
  absl::Status Flag(std::string_view name, std::optional<bool>& out) const {
    const std::string key = Concat(kPrefix, name);
    if (!file_.Has(key)) return absl::OkStatus();
    SKEP_ASSIGN(out, file_.Bool(key));
    return absl::OkStatus();
  }
  absl::Status Scores(std::vector<float>& out) const {
    const std::string key = Concat(kPrefix, "scores");
    if (!file_.Has(key)) return absl::OkStatus();
    std::vector<double> scores;
    SKEP_ASSIGN(scores, file_.Floats(key));
    out.assign(scores.begin(), scores.end());
    return absl::OkStatus();
  }
  absl::Status Types(std::vector<GgufTokenType>& out) const {
    const std::string key = Concat(kPrefix, "token_type");
    if (!file_.Has(key)) return absl::OkStatus();
    std::vector<int64_t> types;
    SKEP_ASSIGN(types, file_.Ints(key));
    for (int64_t type : types) {
      out.push_back(type >= 0 && type <= 6 ? static_cast<GgufTokenType>(type)
                                           : GgufTokenType::kUndefined);
    }
    return absl::OkStatus();
  }

 private:
  const models::GgufFile& file_;
};

absl::StatusOr<GgufVocabulary> ReadGgufVocabulary(const models::GgufFile& file) {
  if (!file.Has("tokenizer.ggml.model")) {
    return absl::InvalidArgumentError(
        Concat(file.path(), " has no tokenizer (tokenizer.ggml.model)"));
  }
  const GgufReader reader(file);
  GgufVocabulary result;
  SKEP_RETURN_IF_ERROR(reader.Text("tokenizer.ggml.model", result.model));
  SKEP_RETURN_IF_ERROR(reader.Text("tokenizer.ggml.pre", result.pre));
  SKEP_RETURN_IF_ERROR(reader.Text("general.name", result.model_name));
  SKEP_RETURN_IF_ERROR(reader.Texts("tokens", result.tokens));
  SKEP_RETURN_IF_ERROR(reader.Texts("merges", result.merges));
  SKEP_RETURN_IF_ERROR(reader.Scores(result.scores));
  SKEP_RETURN_IF_ERROR(reader.Types(result.types));
  SKEP_RETURN_IF_ERROR(reader.Id("bos_token_id", result.bos));
  SKEP_RETURN_IF_ERROR(reader.Id("eos_token_id", result.eos));
  SKEP_RETURN_IF_ERROR(reader.Id("padding_token_id", result.pad));
  SKEP_RETURN_IF_ERROR(reader.Id("unknown_token_id", result.unk));
  for (std::string_view name : {"eot_token_id", "eom_token_id", "fim_pad_token_id",
                                "fim_rep_token_id", "fim_sep_token_id"}) {
    std::optional<int64_t> id;
    SKEP_RETURN_IF_ERROR(reader.Id(name, id));
    if (id) result.more_end_ids.push_back(*id);
  }
  SKEP_RETURN_IF_ERROR(reader.Flag("add_bos_token", result.add_bos));
  SKEP_RETURN_IF_ERROR(reader.Flag("add_eos_token", result.add_eos));
  SKEP_RETURN_IF_ERROR(reader.Flag("add_space_prefix", result.add_space_prefix));
  return result;
}

absl::StatusOr<std::unique_ptr<Pipeline>> LoadGguf(const std::string& path) {
  std::unique_ptr<models::GgufFile> file;
  SKEP_ASSIGN(file, models::GgufFile::Open(path));
  GgufVocabulary vocabulary;
  SKEP_ASSIGN(vocabulary, ReadGgufVocabulary(*file));
  return tokenizer::MakePipeline(std::move(vocabulary));
}

// ---- Hugging Face folders ----

// tokenizer_config.json next to the tokenizer, where there is one.
absl::StatusOr<std::string> ReadConfigText(const fs::path& folder) {
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (IsFile(folder / name)) return ReadFile(folder / name);
  }
  return std::string("{}");
}

absl::StatusOr<std::unique_ptr<Pipeline>> LoadJson(const fs::path& path) {
  std::string json, config_text;
  SKEP_ASSIGN(json, ReadFile(path));
  SKEP_ASSIGN(config_text, ReadConfigText(path.parent_path()));
  TokenizerConfig config;
  SKEP_ASSIGN(config, tokenizer::ReadTokenizerConfig(config_text));
  return tokenizer::ReadTokenizerJson(json, config);
}

// Tokens that a tokenizer.model lacks, from tokenizer_config.json: {"32000": {"content": ..}, ..}.
absl::StatusOr<std::vector<AddedToken>> ReadAddedTokensDecoder(std::string_view config_text) {
  nlohmann::json document;
  SKEP_ASSIGN(document, tokenizer::ParseJson(config_text, "tokenizer_config.json"));
  const JsonNode table = JsonNode(document, "")["added_tokens_decoder"];
  std::vector<AddedToken> result;
  if (!table.is_object()) return result;
  for (const auto& [key, unused] : table.value().items()) {
    const JsonNode node = table[key];
    AddedToken token;
    int64_t id = 0;
    for (char digit : key) {
      if (digit < '0' || digit > '9' || id > INT32_MAX / 10) {
        return node.Error("its key is not a token id");
      }
      id = id * 10 + (digit - '0');
    }
    if (id > INT32_MAX - 1) return node.Error("its key is not a token id");
    token.id = static_cast<TokenId>(id);
    SKEP_ASSIGN(token.content, node["content"].String());
    SKEP_ASSIGN(token.special, node["special"].Bool(false));
    SKEP_ASSIGN(token.single_word, node["single_word"].Bool(false));
    SKEP_ASSIGN(token.lstrip, node["lstrip"].Bool(false));
    SKEP_ASSIGN(token.rstrip, node["rstrip"].Bool(false));
    result.push_back(std::move(token));
  }
  return result;
}

absl::StatusOr<std::unique_ptr<Pipeline>> LoadSentencePiece(const fs::path& path) {
  std::string bytes, config_text;
  SKEP_ASSIGN(bytes, ReadFile(path));
  SKEP_ASSIGN(config_text, ReadConfigText(path.parent_path()));
  TokenizerConfig config;
  SKEP_ASSIGN(config, tokenizer::ReadTokenizerConfig(config_text));
  std::vector<AddedToken> added;
  SKEP_ASSIGN(added, ReadAddedTokensDecoder(config_text));
  return tokenizer::ReadSentencePieceModel(bytes, config, added);
}

absl::StatusOr<std::unique_ptr<Pipeline>> LoadPipeline(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return absl::NotFoundError(Concat(path, ": no such file"));
  if (fs::is_directory(path, error)) {
    const fs::path folder(path);
    if (IsFile(folder / "tokenizer.json")) return LoadJson(folder / "tokenizer.json");
    if (IsFile(folder / "tokenizer.model")) return LoadSentencePiece(folder / "tokenizer.model");
    return absl::NotFoundError(Concat(path, " holds neither tokenizer.json nor tokenizer.model"));
  }
  if (path.ends_with(".json")) return LoadJson(path);
  if (path.ends_with(".model")) return LoadSentencePiece(path);
  return LoadGguf(path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& path) {
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline, LoadPipeline(path));
  return std::make_unique<Tokenizer>(std::move(pipeline));
}

}  // namespace skep::engine
