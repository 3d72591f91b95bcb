// What the tools of a request say about names and types.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_TOOL_SCHEMAS_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_TOOL_SCHEMAS_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace skep::engine {

// Formats that write arguments without quotes (<parameter=x>12</parameter>) leave open whether 12
// is a number; the schema tells. Immutable after it was made.
class ToolSchemas final {
 public:
  ToolSchemas() = default;
  // `tools` as in OpenAI's API, or the bare functions; whatever is not so is passed over.
  explicit ToolSchemas(const nlohmann::ordered_json& tools);

  bool empty() const { return tools_.empty(); }
  bool Has(std::string_view tool) const { return tools_.find(tool) != tools_.end(); }

  // Whether a value can only be a string.
  bool IsString(std::string_view tool, std::string_view parameter) const;
  // The JSON for `text`, a value without quotes. By the schema a value of its type: a string if it
  // is nothing else. Where the schema says nothing: what is JSON or a Python literal is that, else
  // a string.
  std::string ToJson(std::string_view tool, std::string_view parameter,
                     std::string_view text) const;
  // Whether the schema says that the parameter is a list.
  bool IsArray(std::string_view tool, std::string_view parameter) const;

 private:
  enum Type : uint8_t {
    kString = 1,
    kNumber = 2,
    kBoolean = 4,
    kNull = 8,
    kObject = 16,
    kArray = 32,
    kAny = 63,
  };

  static uint8_t TypesOf(const nlohmann::ordered_json& schema, int depth);
  uint8_t Types(std::string_view tool, std::string_view parameter) const;

  using Parameters = std::map<std::string, uint8_t, std::less<>>;
  std::map<std::string, Parameters, std::less<>> tools_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_TOOL_SCHEMAS_H_
