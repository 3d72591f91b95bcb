#include "engine/output_format/tool_schemas.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/output_format/json_scanner.h"
#include "engine/output_format/loose_literal.h"

namespace skep::engine {
namespace {

using nlohmann::ordered_json;

constexpr int kMaxDepth = 8;  // of anyOf in anyOf

// The member, or null.
const ordered_json* Member(const ordered_json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

ToolSchemas::ToolSchemas(const ordered_json& tools) {
  if (!tools.is_array()) return;
  for (const ordered_json& tool : tools) {
    const ordered_json* inner = Member(tool, "function");
    const ordered_json& function = inner != nullptr ? *inner : tool;
    const ordered_json* name = Member(function, "name");
    if (name == nullptr || !name->is_string()) continue;
    Parameters& parameters = tools_[name->get<std::string>()];
    const ordered_json* schema = Member(function, "parameters");
    const ordered_json* properties = schema != nullptr ? Member(*schema, "properties") : nullptr;
    if (properties == nullptr || !properties->is_object()) continue;
    for (const auto& [key, value] : properties->items()) parameters[key] = TypesOf(value, 0);
  }
}

// kAny where it cannot be told.
uint8_t ToolSchemas::TypesOf(const ordered_json& schema, int depth) {
  const auto of_name = [](const ordered_json& name) -> uint8_t {
    if (name == "string") return kString;
    if (name == "number" || name == "integer") return kNumber;
    if (name == "boolean") return kBoolean;
    if (name == "null") return kNull;
    if (name == "object") return kObject;
    if (name == "array") return kArray;
    return kAny;
  };
  const auto of_value = [](const ordered_json& value) -> uint8_t {
    if (value.is_string()) return kString;
    if (value.is_number()) return kNumber;
    if (value.is_boolean()) return kBoolean;
    if (value.is_null()) return kNull;
    return value.is_object() ? kObject : kArray;
  };
  uint8_t types = 0;
  if (const ordered_json* type = Member(schema, "type")) {
    if (!type->is_array()) {
      types = of_name(*type);
    } else {
      for (const ordered_json& name : *type) types |= of_name(name);
    }
    if (const ordered_json* nullable = Member(schema, "nullable"); nullable && *nullable == true) {
      types |= kNull;
    }
  } else if (const ordered_json* values = Member(schema, "enum"); values && values->is_array()) {
    for (const ordered_json& value : *values) types |= of_value(value);
  } else if (const ordered_json* value = Member(schema, "const")) {
    types = of_value(*value);
  } else {
    for (const char* key : {"anyOf", "oneOf"}) {
      const ordered_json* options = Member(schema, key);
      if (options == nullptr || !options->is_array() || depth >= kMaxDepth) continue;
      for (const ordered_json& option : *options) types |= TypesOf(option, depth + 1);
    }
  }
  return types == 0 ? uint8_t{kAny} : types;
}

uint8_t ToolSchemas::Types(std::string_view tool, std::string_view parameter) const {
  const auto found = tools_.find(tool);
  if (found == tools_.end()) return kAny;
  const auto type = found->second.find(parameter);
  return type == found->second.end() ? uint8_t{kAny} : type->second;
}

bool ToolSchemas::IsString(std::string_view tool, std::string_view parameter) const {
  return Types(tool, parameter) == kString;
}

bool ToolSchemas::IsArray(std::string_view tool, std::string_view parameter) const {
  return Types(tool, parameter) == kArray;
}

std::string ToolSchemas::ToJson(std::string_view tool, std::string_view parameter,
                                std::string_view text) const {
  const uint8_t types = Types(tool, parameter);
  if (types != kString) {
    const auto fits = [types](char kind) {
      switch (kind) {
        case '{':
          return (types & kObject) != 0;
        case '[':
          return (types & kArray) != 0;
        case 'n':
          return (types & kNumber) != 0;
        case 't':
          return (types & kBoolean) != 0;
        case '0':
          return (types & kNull) != 0;
        default:  // a string in quotes is one only where nothing says that the quotes are its own
          return kind == '"' && types == kAny;
      }
    };
    std::string json;
    if (fits(output::ReadJson(text, json))) return json;
    json.clear();
    std::string normal;
    const std::string_view trimmed = output::Trim(text);
    const bool quoted = !trimmed.empty() && (trimmed[0] == '\'' || trimmed[0] == '"');
    if (!quoted && output::LooseReader(text).ReadValue(json) &&
        fits(output::ReadJson(json, normal))) {
      return json;
    }
  }
  std::string json = "\"";
  output::AppendJsonEscaped(text, json);
  return json + '"';
}

}  // namespace skep::engine
