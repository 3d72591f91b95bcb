// Errors on the wire: canonical code and google.rpc details, from the engine's reason table alone.
#ifndef SKEP_SERVER_GRPC_STATUS_H_
#define SKEP_SERVER_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string_view>

#include "absl/status/status.h"

namespace skep::server {

inline constexpr std::string_view kErrorDomain = "skep";

// `request_id` is repeated in RequestInfo unless it is empty. Never UNKNOWN; the message and the
// details stay small enough for the trailers of any HTTP/2 peer (about 1 KiB).
grpc::Status ToGrpcStatus(const absl::Status& status, std::string_view request_id);

// What a client reads back: the code, and a message that ends with the reason and the field.
absl::Status FromGrpcStatus(const grpc::Status& status);

// "OK", "INVALID_ARGUMENT" ...
std::string_view CodeName(grpc::StatusCode code);

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_STATUS_H_
