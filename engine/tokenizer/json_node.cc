#include "engine/tokenizer/json_node.h"

#include <limits>

#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

constexpr int kMaxDepth = 64;
const nlohmann::json kNull;

// Counts brackets outside strings, before anything is built that would have that depth.
bool NestedDeeperThan(std::string_view text, int limit) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limit) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, std::string_view name) {
  if (NestedDeeperThan(text, kMaxDepth)) {
    return absl::InvalidArgumentError(Concat(name, " is nested deeper than ", kMaxDepth));
  }
  nlohmann::json document = nlohmann::json::parse(text.begin(), text.end(), /*cb=*/nullptr,
                                                  /*allow_exceptions=*/false);
  if (document.is_discarded()) {
    return absl::InvalidArgumentError(
        Concat(name, " is not valid JSON (", text.size(), " bytes; truncated?)"));
  }
  return document;
}

JsonNode JsonNode::operator[](std::string_view key) const {
  std::string path = path_.empty() ? std::string(key) : Concat(path_, ".", key);
  if (value_->is_object()) {
    const auto found = value_->find(std::string(key));
    if (found != value_->end()) return JsonNode(*found, std::move(path));
  }
  return JsonNode(kNull, std::move(path));
}

std::vector<JsonNode> JsonNode::Elements() const {
  std::vector<JsonNode> result;
  if (!value_->is_array()) return result;
  for (size_t i = 0; i < value_->size(); ++i) {
    result.emplace_back((*value_)[i], Concat(path_, "[", i, "]"));
  }
  return result;
}

absl::StatusOr<std::string> JsonNode::String() const {
  if (!value_->is_string()) return WrongType("a string");
  return value_->get_ref<const std::string&>();
}

absl::StatusOr<int64_t> JsonNode::Int() const {
  if (!value_->is_number_integer()) return WrongType("an integer");
  if (value_->is_number_unsigned() &&
      value_->get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()}) {
    return WrongType("an integer of 64 bits");
  }
  return value_->get<int64_t>();
}

absl::StatusOr<bool> JsonNode::Bool() const {
  if (!value_->is_boolean()) return WrongType("true or false");
  return value_->get<bool>();
}

absl::StatusOr<std::string> JsonNode::String(std::string_view by_default) const {
  if (is_null()) return std::string(by_default);
  return String();
}

absl::StatusOr<int64_t> JsonNode::Int(int64_t by_default) const {
  if (is_null()) return by_default;
  return Int();
}

absl::StatusOr<bool> JsonNode::Bool(bool by_default) const {
  if (is_null()) return by_default;
  return Bool();
}

absl::Status JsonNode::Error(std::string_view message) const {
  return absl::InvalidArgumentError(Concat(path_, ": ", message));
}

absl::Status JsonNode::WrongType(std::string_view wanted) const {
  return Error(Concat("wanted ", wanted, ", got ", value_->type_name()));
}

absl::Status JsonNode::Unknown(std::string_view what) const {
  return absl::UnimplementedError(Concat(path_, ": ", what, " is not implemented"));
}

}  // namespace skep::engine::tokenizer
