// A place in a JSON document that knows its path, so that errors can name it.
#ifndef SKEP_ENGINE_TOKENIZER_JSON_NODE_H_
#define SKEP_ENGINE_TOKENIZER_JSON_NODE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace skep::engine::tokenizer {

// Parses without exceptions; refuses documents nested deeper than 64.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, std::string_view name);

class JsonNode final {
 public:
  JsonNode(const nlohmann::json& value, std::string path)
      : value_(&value), path_(std::move(path)) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& path() const { return path_; }
  bool is_null() const { return value_->is_null(); }
  bool is_string() const { return value_->is_string(); }
  bool is_object() const { return value_->is_object(); }
  bool is_array() const { return value_->is_array(); }

  // A member of an object; a null node where it is missing or this is no object.
  JsonNode operator[](std::string_view key) const;
  // The elements of an array (none of anything else).
  std::vector<JsonNode> Elements() const;

  // Of the right type, or InvalidArgument with the path.
  absl::StatusOr<std::string> String() const;
  absl::StatusOr<int64_t> Int() const;
  absl::StatusOr<bool> Bool() const;
  // The same, but `by_default` where the node is null.
  absl::StatusOr<std::string> String(std::string_view by_default) const;
  absl::StatusOr<int64_t> Int(int64_t by_default) const;
  absl::StatusOr<bool> Bool(bool by_default) const;

  // InvalidArgument: "PATH: MESSAGE".
  absl::Status Error(std::string_view message) const;
  // InvalidArgument: what was wanted here, and what is there.
  absl::Status WrongType(std::string_view wanted) const;
  // Unimplemented: "PATH: WHAT is not implemented".
  absl::Status Unknown(std::string_view what) const;

 private:
  const nlohmann::json* value_;
  std::string path_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_JSON_NODE_H_
