// How much a JSON value holds, without recursion: its depth is the client's choice.
#ifndef SKEP_ENGINE_JSON_SIZE_H_
#define SKEP_ENGINE_JSON_SIZE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

namespace skep::engine {

// About the bytes that `json` takes in memory; nothing if arrays and objects are nested more than
// `max_depth` deep.
std::optional<int64_t> JsonBytes(const nlohmann::ordered_json& json, int max_depth);

}  // namespace skep::engine

#endif  // SKEP_ENGINE_JSON_SIZE_H_
