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

// Parses an object. Nesting beyond 64 levels, anything that is not JSON, or not an object:
// InvalidArgument. `name` is used in messages. As in Python, the last of equal keys wins.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text, std::string_view name);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_JSON_FILE_H_
