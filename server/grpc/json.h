// JSON objects of requests: tool schemas, tool calls, template arguments.
#ifndef SKEP_SERVER_GRPC_JSON_H_
#define SKEP_SERVER_GRPC_JSON_H_

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/statusor.h"
#include "skep/v1/inference.pb.h"

namespace skep::server {

inline constexpr int kMaxJsonDepth = 64;
// Keys of one object. They are kept in their order, so each new one is compared with all before it.
inline constexpr int kMaxJsonKeys = 1024;

// The object in either form. Keys of a Struct come out sorted (a protobuf map has no order), its
// whole numbers as integers. kInvalidField, naming `field`, for what is no object, is nested more
// deeply than kMaxJsonDepth, has an object of more than kMaxJsonKeys keys or holds a number that
// JSON cannot.
absl::StatusOr<nlohmann::ordered_json> ToJson(const v1::JsonObject& object, std::string_view field);

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_JSON_H_
