// JSON from files that nobody vouches for; private to models/weights.

#ifndef SKEP_MODELS_WEIGHTS_JSON_FILE_H_
#define SKEP_MODELS_WEIGHTS_JSON_FILE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace skep::models {

inline constexpr uint64_t kMaxJsonFileBytes = 256u << 20;

// Nesting beyond 64 levels, and anything that is not JSON: InvalidArgument. `name` is used in
// messages. As in Python, the last of equal keys wins.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, std::string_view name);
// The same; InvalidArgument too if it is no object.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text, std::string_view name);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_JSON_FILE_H_
