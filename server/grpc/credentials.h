// TLS of the gRPC listener, and the API key of a call.
#ifndef SKEP_SERVER_GRPC_CREDENTIALS_H_
#define SKEP_SERVER_GRPC_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/api_keys.h"
#include "server/config.h"

namespace skep::server {

// Reads the files of `options`; without any, connections are not encrypted. With a client CA, a
// client must show a certificate that it signed. NOT_FOUND or INVALID_ARGUMENT name the file that
// cannot be read, holds nothing, holds no PEM, or does not fit the others.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& options);

// The tenant of a call with the metadata "authorization: Bearer KEY", or kUnauthenticated. Without
// `keys`, who calls is not asked: "".
absl::StatusOr<std::string> Authenticate(const ApiKeys* keys,
                                         const grpc::ServerContextBase& context);

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_CREDENTIALS_H_
