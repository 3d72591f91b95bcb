#include "models/weights/config_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/weights/config_data.h"
#include "models/weights/gguf_config.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

using nlohmann::json;

// Other spellings of a key, in the order in which they are tried (attribute_map of the Hugging Face
// classes, and remote code that predates them).
struct Aliases {
  std::string_view key;
  std::vector<std::string_view> others;
};

const std::vector<Aliases>& AliasTable() {
  static const auto* const table = new std::vector<Aliases>{
      {"vocab_size", {"padded_vocab_size"}},
      {"hidden_size", {"n_embd", "d_model"}},
      {"num_hidden_layers", {"n_layer", "n_layers", "num_layers"}},
      {"num_attention_heads", {"n_head", "n_heads"}},
      {"num_key_value_heads",
       {"n_head_kv", "num_kv_heads", "multi_query_group_num", "attn_config.kv_n_heads"}},
      {"head_dim", {"kv_channels"}},
      {"intermediate_size", {"n_inner", "ffn_hidden_size", "inner_hidden_size"}},
      {"max_position_embeddings",
       {"n_positions", "n_ctx", "max_seq_len", "seq_length", "model_max_length",
        "max_sequence_length"}},
      {"rms_norm_eps", {"norm_eps", "layernorm_epsilon"}},
      {"layer_norm_eps", {"layer_norm_epsilon", "norm_epsilon", "norm_eps", "layernorm_epsilon"}},
      {"rope_theta", {"global_rope_theta", "rotary_emb_base"}},
      {"rope_local_base_freq", {"local_rope_theta"}},
      {"partial_rotary_factor", {"rotary_pct", "rope_pct"}},
      {"hidden_act", {"hidden_activation", "activation_function", "activation"}},
      {"hidden_activation", {"hidden_act", "activation_function"}},
      {"num_experts", {"num_local_experts", "n_routed_experts"}},
      {"num_experts_per_tok", {"num_experts_per_token"}},
      {"norm_topk_prob", {"moe_renormalize"}},
      {"n_group", {"num_expert_group"}},
      {"n_shared_experts", {"num_shared_experts"}},
      {"shared_expert_intermediate_size", {"shared_intermediate_size"}},
      {"num_nextn_predict_layers", {"num_mtp_layers"}},
      {"clip_qkv", {"attn_config.clip_qkv"}},
      {"max_alibi_bias", {"attn_config.alibi_bias_max"}},
      {"sliding_window_pattern", {"global_attn_every_n_layers"}},
      {"dtype", {"torch_dtype"}},
  };
  return *table;
}

// "a.b" is b in the object a.
const json* FindIn(const json& object, std::string_view key) {
  if (const size_t dot = key.find('.'); dot != std::string_view::npos) {
    const json* outer = FindIn(object, key.substr(0, dot));
    if (outer == nullptr || !outer->is_object()) return nullptr;
    return FindIn(*outer, key.substr(dot + 1));
  }
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string Shown(const json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 60) + "...";
  return text;
}

// An integer that is exact in int64; Python writes some of them as 1e6.
std::optional<int64_t> ToInt(const json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (std::floor(number) == number && std::fabs(number) <= 9007199254740992.0) {
      return static_cast<int64_t>(number);
    }
  }
  return std::nullopt;
}

std::optional<double> ToFloat(const json& value) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  return std::isfinite(number) ? std::optional<double>(number) : std::nullopt;
}

std::string FirstString(const json& config, const char* key) {
  const json* value = FindIn(config, key);
  if (value != nullptr && value->is_array() && !value->empty()) value = &value->front();
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

}  // namespace

const json* ConfigView::Data::Find(std::string_view key) const {
  const auto find_spelling = [this](std::string_view spelling) -> const json* {
    if (text != nullptr) {
      if (const json* value = FindIn(*text, spelling); value != nullptr) return value;
    }
    return FindIn(config, spelling);
  };
  if (const json* value = find_spelling(key); value != nullptr) return value;
  for (const Aliases& aliases : AliasTable()) {
    if (aliases.key != key) continue;
    for (std::string_view other : aliases.others) {
      if (const json* value = find_spelling(other); value != nullptr) return value;
    }
  }
  return nullptr;
}

std::string ConfigView::Data::Describe(std::string_view key) const {
  const std::string where = is_gguf ? GgufKeyFor(architecture, key) : std::string(key);
  return absl::StrCat(Quoted(file), ": ", Quoted(where));
}

absl::Status ConfigView::Data::Missing(std::string_view key) const {
  return absl::NotFoundError(absl::StrCat(Describe(key), " is missing, and there is no default"));
}

absl::Status ConfigView::Data::Wrong(std::string_view key, const json& value,
                                     std::string_view expected) const {
  return absl::InvalidArgumentError(
      absl::StrCat(Describe(key), " is ", Shown(value), ", expected ", View(expected)));
}

absl::StatusOr<ConfigView> ConfigView::FromJson(std::string_view config,
                                                std::string_view generation, std::string file) {
  auto data = std::make_shared<Data>();
  absl::StatusOr<json> parsed = ParseJsonObject(config, file);
  if (!parsed.ok()) return parsed.status();
  data->config = *std::move(parsed);
  data->generation = json::object();
  if (!generation.empty()) {
    parsed = ParseJsonObject(generation, "generation_config.json");
    if (!parsed.ok()) return parsed.status();
    data->generation = *std::move(parsed);
  }
  if (const json* text = FindIn(data->config, "text_config"); text != nullptr) {
    if (!text->is_object()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(file), ": 'text_config' is ", Shown(*text), ", expected an object"));
    }
    data->text = text;
  }
  data->file = std::move(file);
  data->model_type = FirstString(data->text != nullptr ? *data->text : data->config, "model_type");
  data->architecture = FirstString(data->config, "architectures");
  if (data->architecture.empty()) data->architecture = FirstString(data->config, "model_type");
  return ConfigView(std::move(data));
}

absl::StatusOr<ConfigView> ConfigView::FromGguf(const GgufFile& gguf) {
  absl::StatusOr<GgufConfig> translated = TranslateGgufConfig(gguf);
  if (!translated.ok()) return translated.status();
  auto data = std::make_shared<Data>();
  data->is_gguf = true;
  data->file = gguf.path();
  data->architecture = std::string(*gguf.Architecture());
  data->model_type = data->architecture;
  data->config = std::move(translated->config);
  data->generation = std::move(translated->generation);
  return ConfigView(std::move(data));
}

ConfigView ConfigView::Generation() const {
  auto data = std::make_shared<Data>();
  data->is_gguf = data_->is_gguf;
  data->file = data_->is_gguf ? data_->file : "generation_config.json";
  data->architecture = data_->architecture;
  data->model_type = data_->model_type;
  data->config = data_->generation;
  data->generation = json::object();
  return ConfigView(std::move(data));
}

absl::StatusOr<ConfigView> ConfigView::Section(std::string_view key) const {
  const json* section = data_->Find(key);
  if (section != nullptr && !section->is_object()) return data_->Wrong(key, *section, "an object");
  auto data = std::make_shared<Data>();
  data->is_gguf = data_->is_gguf;
  data->file = absl::StrCat(data_->file, ", ", View(key));
  data->architecture = data_->architecture;
  data->model_type = data_->model_type;
  data->config = section != nullptr ? *section : json::object();
  data->generation = json::object();
  return ConfigView(std::move(data));
}

bool ConfigView::is_gguf() const { return data_->is_gguf; }
const std::string& ConfigView::architecture() const { return data_->architecture; }
const std::string& ConfigView::model_type() const { return data_->model_type; }
const std::string& ConfigView::file() const { return data_->file; }
bool ConfigView::Has(std::string_view key) const { return data_->Find(key) != nullptr; }

absl::StatusOr<std::optional<int64_t>> ConfigView::OptionalInt(std::string_view key) const {
  const json* value = data_->Find(key);
  if (value == nullptr) return std::optional<int64_t>();
  std::optional<int64_t> number = ToInt(*value);
  if (!number.has_value()) return data_->Wrong(key, *value, "an integer");
  return number;
}

absl::StatusOr<std::optional<double>> ConfigView::OptionalFloat(std::string_view key) const {
  const json* value = data_->Find(key);
  if (value == nullptr) return std::optional<double>();
  std::optional<double> number = ToFloat(*value);
  if (!number.has_value()) return data_->Wrong(key, *value, "a finite number");
  return number;
}

absl::StatusOr<int64_t> ConfigView::RequiredInt(std::string_view key) const {
  absl::StatusOr<std::optional<int64_t>> value = OptionalInt(key);
  if (!value.ok()) return value.status();
  if (!value->has_value()) return data_->Missing(key);
  return **value;
}

absl::StatusOr<int64_t> ConfigView::RequiredIntIn(std::string_view key, int64_t low,
                                                  int64_t high) const {
  absl::StatusOr<int64_t> value = RequiredInt(key);
  if (!value.ok() || (*value >= low && *value <= high)) return value;
  return data_->Wrong(key, json(*value), absl::StrCat(low, " to ", high));
}

absl::StatusOr<double> ConfigView::RequiredFloat(std::string_view key) const {
  absl::StatusOr<std::optional<double>> value = OptionalFloat(key);
  if (!value.ok()) return value.status();
  if (!value->has_value()) return data_->Missing(key);
  return **value;
}

absl::StatusOr<std::string> ConfigView::RequiredString(std::string_view key) const {
  if (!Has(key)) return data_->Missing(key);
  return StringOr(key, "");
}

absl::StatusOr<int64_t> ConfigView::IntOr(std::string_view key, int64_t value) const {
  absl::StatusOr<std::optional<int64_t>> found = OptionalInt(key);
  if (!found.ok()) return found.status();
  return found->value_or(value);
}

absl::StatusOr<double> ConfigView::FloatOr(std::string_view key, double value) const {
  absl::StatusOr<std::optional<double>> found = OptionalFloat(key);
  if (!found.ok()) return found.status();
  return found->value_or(value);
}

absl::StatusOr<bool> ConfigView::BoolOr(std::string_view key, bool value) const {
  const json* found = data_->Find(key);
  if (found == nullptr) return value;
  if (!found->is_boolean()) return data_->Wrong(key, *found, "true or false");
  return found->get<bool>();
}

absl::StatusOr<std::string> ConfigView::StringOr(std::string_view key,
                                                 std::string_view value) const {
  const json* found = data_->Find(key);
  if (found == nullptr) return std::string(value);
  if (!found->is_string()) return data_->Wrong(key, *found, "a string");
  return found->get<std::string>();
}

namespace {

// The elements of a list, or of a single value as a list of one; false if one does not convert.
template <typename T, typename Convert>
bool Collect(const json* value, Convert convert, std::vector<T>& list) {
  if (value == nullptr) return true;
  const auto add = [&](const json& element) {
    std::optional<T> converted = convert(element);
    if (!converted.has_value()) return false;
    list.push_back(*std::move(converted));
    return true;
  };
  if (!value->is_array()) return add(*value);
  return std::all_of(value->begin(), value->end(), add);
}

std::optional<std::string> ToString(const json& value) {
  return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> ConfigView::Ints(std::string_view key) const {
  std::vector<int64_t> list;
  const json* value = data_->Find(key);
  if (!Collect(value, ToInt, list)) return data_->Wrong(key, *value, "integers");
  return list;
}

absl::StatusOr<std::vector<double>> ConfigView::Floats(std::string_view key) const {
  std::vector<double> list;
  const json* value = data_->Find(key);
  if (!Collect(value, ToFloat, list)) return data_->Wrong(key, *value, "finite numbers");
  return list;
}

absl::StatusOr<std::vector<std::string>> ConfigView::Strings(std::string_view key) const {
  std::vector<std::string> list;
  const json* value = data_->Find(key);
  if (!Collect(value, ToString, list)) return data_->Wrong(key, *value, "strings");
  return list;
}

absl::StatusOr<std::vector<int64_t>> ConfigView::EosTokenIds() const {
  std::vector<int64_t> ids;
  // A multimodal wrapper and its text_config often disagree: a model may end with any of them.
  for (const json* object : {&data_->generation, &data_->config, data_->text}) {
    if (object == nullptr) continue;
    for (const char* key : {"eos_token_id", "eot_token_id", "eom_token_id"}) {
      const json* value = FindIn(*object, key);
      if (!Collect(value, ToInt, ids)) return data_->Wrong(key, *value, "integers");
    }
  }
  std::vector<int64_t> unique;
  for (int64_t id : ids) {
    if (std::find(unique.begin(), unique.end(), id) == unique.end()) unique.push_back(id);
  }
  return unique;
}

absl::StatusOr<std::vector<std::string>> ConfigView::LayerTypes(int64_t num_layers,
                                                                int64_t default_pattern,
                                                                FullLayers full) const {
  absl::StatusOr<std::vector<std::string>> types = Strings("layer_types");
  if (!types.ok()) return types.status();
  if (Has("layer_types")) {
    if (static_cast<int64_t>(types->size()) == num_layers) return types;
    return absl::InvalidArgumentError(
        absl::StrCat(data_->Describe("layer_types"), " has ", types->size(),
                     " entries, expected one for each of ", num_layers, " layers"));
  }
  const json* pattern = data_->Find("sliding_window_pattern");
  if (pattern != nullptr && pattern->is_array()) {
    const bool flags = std::all_of(pattern->begin(), pattern->end(),
                                   [](const json& flag) { return flag.is_boolean(); });
    if (!flags || static_cast<int64_t>(pattern->size()) != num_layers) {
      return data_->Wrong("sliding_window_pattern", *pattern, "a number or one flag a layer");
    }
    for (const json& flag : *pattern) {
      types->push_back(flag.get<bool>() ? "sliding_attention" : "full_attention");
    }
    return types;
  }
  absl::StatusOr<int64_t> period = IntOr("sliding_window_pattern", default_pattern);
  if (!period.ok()) return period.status();
  if (*period < 0) return data_->Wrong("sliding_window_pattern", json(*period), "0 or more");
  for (int64_t layer = 0; layer < num_layers; ++layer) {
    const int64_t full_one = full == FullLayers::kFirst ? 0 : *period - 1;
    const bool sliding = *period == 0 || layer % *period != full_one;
    types->push_back(sliding ? "sliding_attention" : "full_attention");
  }
  return types;
}

}  // namespace skep::models
