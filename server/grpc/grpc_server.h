// The gRPC listener: skep.v1.Inference, grpc.health.v1 and reflection on one port.
#ifndef SKEP_SERVER_GRPC_GRPC_SERVER_H_
#define SKEP_SERVER_GRPC_GRPC_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config.h"

namespace grpc {
class ServerCredentials;
}

namespace skep::engine {
class Engine;
}

namespace skep::server {

class Metrics;
struct ServiceOptions;

// Thread-safe.
class GrpcServer final {
 public:
  // Starts listening on `options.address`, "HOST:PORT" (port 0: a free one); health says
  // NOT_SERVING. `engine` and `metrics` outlive the server. UNAVAILABLE when it cannot listen.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const GrpcOptions& options, const std::shared_ptr<grpc::ServerCredentials>& credentials,
      const ServiceOptions& service, engine::Engine* engine, Metrics* metrics);
  ~GrpcServer();

  int port() const;

  // What grpc.health.v1 says of "" and of "skep.v1.Inference".
  void SetServing(bool serving);

  // Waits until no call is in progress, at most until `deadline`. False when some still are.
  //
  // The server goes on listening: where the process ends next, let the kernel close the
  // connections. gRPC's own shutdown ends calls that are just arriving with CANCELLED, which
  // clients do not retry; a closed connection is UNAVAILABLE.
  bool WaitForCalls(absl::Time deadline);

 private:
  struct State;
  explicit GrpcServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_GRPC_SERVER_H_
