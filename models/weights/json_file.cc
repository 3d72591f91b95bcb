#include "models/weights/json_file.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

constexpr int kMaxDepth = 64;

// How deeply brackets nest outside strings.
int Depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
    if (deepest > kMaxDepth) break;
  }
  return deepest;
}

}  // namespace

absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, std::string_view name) {
  if (Depth(text) > kMaxDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(name), ": nested deeper than ", kMaxDepth, " levels"));
  }
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(name), ": no valid JSON at byte ", error.byte));
  } catch (const nlohmann::json::exception&) {
    // Numbers beyond a double.
    return absl::InvalidArgumentError(absl::StrCat(Quoted(name), ": has a number out of range"));
  }
}

absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text, std::string_view name) {
  absl::StatusOr<nlohmann::json> json = ParseJson(text, name);
  if (!json.ok() || json->is_object()) return json;
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(name), ": is ", json->type_name(), ", expected an object"));
}

}  // namespace skep::models
