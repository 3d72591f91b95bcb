// The rotary embedding, from any of its spellings:
//   rope_parameters, flat or keyed by layer type              (transformers 5)
//   rope_theta, rope_scaling, rope_local_base_freq, ...        (released files)
//   rope.freq_base, rope.scaling.*                             (GGUF, translated by gguf_config.cc)

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/weights/config_data.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

using nlohmann::json;

constexpr std::string_view kSliding = "sliding_attention";

// Reads the numbers of one rope object; remembers the first error.
class FieldReader final {
 public:
  FieldReader(const json& fields, std::string where) : fields_(fields), where_(std::move(where)) {}

  const absl::Status& status() const { return status_; }

  bool Has(const char* key) const {
    const auto found = fields_.find(key);
    return found != fields_.end() && !found->is_null();
  }

  void Read(const char* key, double& value) {
    if (!Has(key)) return;
    const json& field = fields_.at(key);
    if (field.is_number() && std::isfinite(field.get<double>())) {
      value = field.get<double>();
    } else {
      Fail(key, "must be a finite number");
    }
  }

  void Read(const char* key, std::optional<double>& value) {
    if (!Has(key)) return;
    value.emplace(0.0);
    Read(key, *value);
  }

  void Read(const char* key, int64_t& value) {
    double number = static_cast<double>(value);
    Read(key, number);
    if (std::fabs(number) > 9007199254740992.0 || std::floor(number) != number) {
      Fail(key, "must be an integer");
      return;
    }
    value = static_cast<int64_t>(number);
  }

  void Read(const char* key, bool& value) {
    if (!Has(key)) return;
    if (fields_.at(key).is_boolean()) {
      value = fields_.at(key).get<bool>();
    } else {
      Fail(key, "must be true or false");
    }
  }

  void Read(const char* key, std::vector<double>& values) {
    if (!Has(key)) return;
    const json& list = fields_.at(key);
    if (!list.is_array()) return Fail(key, "must be a list of numbers");
    for (const json& number : list) {
      if (!number.is_number()) return Fail(key, "must be a list of numbers");
      values.push_back(number.get<double>());
    }
  }

  // rope_type, or `type` in older files.
  std::string Type() {
    for (const char* key : {"rope_type", "type"}) {
      if (!Has(key)) continue;
      if (fields_.at(key).is_string()) return fields_.at(key).get<std::string>();
      Fail(key, "must be a string");
    }
    return "default";
  }

  void Require(const char* key) {
    if (!Has(key)) Fail(key, "is missing, and there is no default");
  }

  void RequirePositive(const char* key, double value) {
    if (!(value > 0)) Fail(key, absl::StrCat("is ", value, ", expected more than 0"));
  }

  void Fail(const char* key, std::string_view message) {
    if (!status_.ok()) return;
    status_ =
        absl::InvalidArgumentError(absl::StrCat(where_, " ", Quoted(key), " ", View(message)));
  }

 private:
  const json& fields_;
  std::string where_;
  absl::Status status_;
};

// True if `rope_parameters` maps layer types to objects rather than being one itself.
bool IsKeyedByLayerType(const json& parameters) {
  for (const json& value : parameters) {
    if (value.is_object()) return true;
  }
  return false;
}

void ReadAll(FieldReader& fields, RopeParameters& rope) {
  fields.Read("rope_theta", rope.theta);
  fields.Read("partial_rotary_factor", rope.partial_rotary_factor);
  fields.Read("factor", rope.factor);
  fields.Read("low_freq_factor", rope.low_freq_factor);
  fields.Read("high_freq_factor", rope.high_freq_factor);
  fields.Read("beta_fast", rope.beta_fast);
  fields.Read("beta_slow", rope.beta_slow);
  fields.Read("truncate", rope.truncate);
  fields.Read("attention_factor", rope.attention_factor);
  fields.Read("mscale", rope.mscale);
  fields.Read("mscale_all_dim", rope.mscale_all_dim);
  fields.Read("short_mscale", rope.short_mscale);
  fields.Read("long_mscale", rope.long_mscale);
  fields.Read("original_max_position_embeddings", rope.original_max_position_embeddings);
  fields.Read("short_factor", rope.short_factor);
  fields.Read("long_factor", rope.long_factor);
  fields.Read("llama_4_scaling_beta", rope.llama_4_scaling_beta);
  if (rope.original_max_position_embeddings < 0) {  // whether or not the type looks at it
    fields.Fail(
        "original_max_position_embeddings",
        absl::StrCat("is ", rope.original_max_position_embeddings, ", expected more than 0"));
  }
}

// The names that files use, reduced to the six types; empty if unknown.
std::string CanonicalType(const std::string& type, const std::string& model_type) {
  if (type == "none") return "default";
  if (type == "su") return "longrope";
  if (type == "yarn" && (model_type == "phi3" || model_type == "phimoe")) return "longrope";
  for (const char* known : {"default", "linear", "dynamic", "llama3", "yarn", "longrope"}) {
    if (type == known) return type;
  }
  return "";
}

// What each type cannot do without.
void CheckType(FieldReader& fields, const RopeParameters& rope, bool is_gguf) {
  fields.RequirePositive("rope_theta", rope.theta);
  fields.RequirePositive("partial_rotary_factor", rope.partial_rotary_factor);
  if (rope.partial_rotary_factor > 1) fields.Fail("partial_rotary_factor", "is above 1");
  if (rope.type == "default") return;
  fields.RequirePositive("factor", rope.factor);
  if (rope.type == "linear" || rope.type == "dynamic") fields.Require("factor");
  if (rope.type == "llama3") {
    for (const char* key :
         {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}) {
      fields.Require(key);
    }
    fields.RequirePositive("low_freq_factor", rope.low_freq_factor);
    if (!(rope.high_freq_factor > rope.low_freq_factor)) {
      fields.Fail("high_freq_factor", "must be above low_freq_factor");
    }
  }
  if (rope.type == "longrope" && !is_gguf) {
    fields.Require("short_factor");
    fields.Require("long_factor");
  }
  if (rope.type != "linear") {
    fields.RequirePositive("original_max_position_embeddings",
                           static_cast<double>(rope.original_max_position_embeddings));
  }
}

bool Lacks(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null();
}

}  // namespace

// The fields of one kind of layer as a transformers-5 rope object, whatever the file's dialect.
absl::StatusOr<json> ConfigView::Data::RopeFields(std::string_view layer_type,
                                                  const RopeDefaults& defaults) const {
  json fields = json::object();
  const bool sliding = layer_type == kSliding;
  const json* local_theta = Find("rope_local_base_freq");
  const json* parameters = Find("rope_parameters");
  const char* const name = parameters != nullptr ? "rope_parameters" : "rope_scaling";
  if (parameters == nullptr) parameters = Find("rope_scaling");
  if (parameters != nullptr && !parameters->is_object()) {
    return Wrong(name, *parameters, "an object");
  }
  const bool keyed = parameters != nullptr && IsKeyedByLayerType(*parameters);

  if (keyed) {
    const auto found = parameters->find(layer_type);
    if (found == parameters->end() || !found->is_object()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Describe(name), " has nothing for layers of type ", Quoted(layer_type)));
    }
    fields = *found;
    if (sliding && Lacks(fields, "rope_theta") && defaults.sliding_theta.has_value()) {
      fields["rope_theta"] = *defaults.sliding_theta;
    }
  } else if (sliding && (local_theta != nullptr || defaults.sliding_theta.has_value())) {
    // A family whose sliding layers have a RoPE of their own: never scaled.
    fields["rope_theta"] = local_theta != nullptr ? *local_theta : json(*defaults.sliding_theta);
  } else if (parameters != nullptr) {
    fields = *parameters;
  }

  for (const char* key :
       {"rope_theta", "partial_rotary_factor", "original_max_position_embeddings"}) {
    const json* value = Find(key);
    if (value != nullptr && Lacks(fields, key)) fields[key] = *value;
  }
  return fields;
}

absl::StatusOr<RopeParameters> ConfigView::Rope(std::string_view layer_type,
                                                const RopeDefaults& defaults) const {
  absl::StatusOr<json> object = data_->RopeFields(layer_type, defaults);
  if (!object.ok()) return object.status();
  FieldReader fields(*object, absl::StrCat(Quoted(file()), ": RoPE field"));
  RopeParameters rope;
  rope.theta = defaults.theta;
  rope.partial_rotary_factor = defaults.partial_rotary_factor;
  const std::string type = fields.Type();
  rope.type = CanonicalType(type, model_type());
  if (rope.type.empty()) {
    return absl::UnimplementedError(absl::StrCat(
        Quoted(file()), ": RoPE type ", Quoted(type),
        " is not supported (default, linear, dynamic, llama3, yarn and longrope are)"));
  }
  ReadAll(fields, rope);
  if (!fields.status().ok()) return fields.status();

  if (rope.type != "default" && rope.type != "linear") {
    absl::StatusOr<int64_t> context = IntOr("max_position_embeddings", /*value=*/0);
    if (!context.ok()) return context.status();
    const bool given = fields.Has("original_max_position_embeddings");
    if (rope.type == "dynamic" || !given) rope.original_max_position_embeddings = *context;
    if ((rope.type == "yarn" || rope.type == "longrope") && !fields.Has("factor") &&
        rope.original_max_position_embeddings > 0) {
      rope.factor = static_cast<double>(*context) /
                    static_cast<double>(rope.original_max_position_embeddings);
    }
  }
  CheckType(fields, rope, is_gguf());
  if (!fields.status().ok()) return fields.status();
  return rope;
}

}  // namespace skep::models
