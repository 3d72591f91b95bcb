#include "engine/json_size.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace skep::engine {

std::optional<int64_t> JsonBytes(const nlohmann::ordered_json& json, int max_depth) {
  struct Open {
    const nlohmann::ordered_json* value;
    int depth;
  };
  int64_t bytes = 0;
  std::vector<Open> open = {{&json, 0}};
  while (!open.empty()) {
    const auto [value, depth] = open.back();
    open.pop_back();
    bytes += sizeof(*value);
    if (value->is_string()) bytes += value->get_ref<const std::string&>().size();
    if (!value->is_structured()) continue;
    if (depth == max_depth) return std::nullopt;
    for (auto it = value->begin(); it != value->end(); ++it) {
      if (value->is_object()) bytes += sizeof(std::string) + it.key().size();
      open.push_back({&*it, depth + 1});
    }
  }
  return bytes;
}

}  // namespace skep::engine
