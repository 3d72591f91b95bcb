#include "engine/tokenizer/gguf_reader.h"

#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

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
  absl::Status Flag(std::string_view key, std::optional<bool>& out) const {
    if (!file_.Has(key)) return absl::OkStatus();
    SKEP_ASSIGN(out, file_.Bool(key));
    return absl::OkStatus();
  }
  absl::Status Scores(std::vector<float>& out) const {
    const std::string key = Concat(kPrefix, "scores");
    const models::GgufValue* value = file_.FindValue(key);
    if (value == nullptr) return absl::OkStatus();
    if (value->is_array() && value->element_type() == models::GgufValueType::kI32) {
      std::vector<int64_t> scores;
      SKEP_ASSIGN(scores, file_.Ints(key));
      out.assign(scores.begin(), scores.end());
      return absl::OkStatus();
    }
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
  // An array of i8 or u8.
  absl::Status Bytes(std::string_view name, std::string& out) const {
    const std::string key = Concat(kPrefix, name);
    if (!file_.Has(key)) return absl::OkStatus();
    std::vector<int64_t> bytes;
    SKEP_ASSIGN(bytes, file_.Ints(key));
    out.reserve(bytes.size());
    for (int64_t byte : bytes) {
      if (byte < -128 || byte > 255) {
        return absl::InvalidArgumentError(
            Concat(file_.path(), ": ", key, " has a ", byte, ", wanted bytes"));
      }
      out.push_back(static_cast<char>(byte));
    }
    return absl::OkStatus();
  }

 private:
  const models::GgufFile& file_;
};

}  // namespace

absl::StatusOr<GgufVocabulary> ReadGgufVocabulary(const models::GgufFile& file) {
  const GgufReader reader(file);
  GgufVocabulary result;
  SKEP_RETURN_IF_ERROR(reader.Text("tokenizer.huggingface.json", result.huggingface_json));
  if (!file.Has("tokenizer.ggml.model") && result.huggingface_json.empty()) {
    return absl::InvalidArgumentError(
        Concat(file.path(), " has no tokenizer (tokenizer.ggml.model)"));
  }
  SKEP_RETURN_IF_ERROR(reader.Text("tokenizer.ggml.model", result.model));
  SKEP_RETURN_IF_ERROR(reader.Text("tokenizer.ggml.pre", result.pre));
  SKEP_RETURN_IF_ERROR(reader.Text("general.name", result.model_name));
  SKEP_RETURN_IF_ERROR(reader.Text("general.architecture", result.architecture));
  SKEP_RETURN_IF_ERROR(reader.Texts("tokens", result.tokens));
  SKEP_RETURN_IF_ERROR(reader.Texts("merges", result.merges));
  result.has_merges = file.Has("tokenizer.ggml.merges");
  SKEP_RETURN_IF_ERROR(reader.Scores(result.scores));
  SKEP_RETURN_IF_ERROR(reader.Types(result.types));
  SKEP_RETURN_IF_ERROR(reader.Id("bos_token_id", result.bos));
  SKEP_RETURN_IF_ERROR(reader.Id("eos_token_id", result.eos));
  SKEP_RETURN_IF_ERROR(reader.Id("padding_token_id", result.pad));
  SKEP_RETURN_IF_ERROR(reader.Id("unknown_token_id", result.unk));
  SKEP_RETURN_IF_ERROR(reader.Id("seperator_token_id", result.sep));  // as the format spells it
  SKEP_RETURN_IF_ERROR(reader.Id("cls_token_id", result.cls));
  for (std::string_view name : {"eot_token_id", "eom_token_id", "fim_pad_token_id",
                                "fim_rep_token_id", "fim_sep_token_id"}) {
    std::optional<int64_t> id;
    SKEP_RETURN_IF_ERROR(reader.Id(name, id));
    if (id) result.more_end_ids.push_back(*id);
  }
  SKEP_RETURN_IF_ERROR(reader.Flag("tokenizer.ggml.add_bos_token", result.add_bos));
  SKEP_RETURN_IF_ERROR(reader.Flag("tokenizer.ggml.add_eos_token", result.add_eos));
  SKEP_RETURN_IF_ERROR(reader.Flag("tokenizer.ggml.add_space_prefix", result.add_space_prefix));
  SKEP_RETURN_IF_ERROR(
      reader.Flag("tokenizer.ggml.remove_extra_whitespaces", result.remove_extra_whitespaces));
  SKEP_RETURN_IF_ERROR(reader.Bytes("precompiled_charsmap", result.precompiled_charsmap));
  SKEP_RETURN_IF_ERROR(reader.Flag("tokenizer.ggml.normalizer.lowercase", result.lowercase));
  SKEP_RETURN_IF_ERROR(
      reader.Flag("tokenizer.ggml.normalizer.strip_accents", result.strip_accents));
  return result;
}

}  // namespace skep::engine::tokenizer
