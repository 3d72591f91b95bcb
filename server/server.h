// The serving process's parts, put together: an engine that runs, gRPC in front of it, health.
#ifndef SKEP_SERVER_SERVER_H_
#define SKEP_SERVER_SERVER_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "server/api_keys.h"
#include "server/config.h"
#include "server/grpc/grpc_server.h"
#include "server/metrics/http_listener.h"
#include "server/metrics/metrics.h"

namespace skep::server {

inline constexpr std::string_view kVersion = "0.1.0";

// Thread-safe. Life: Start (probes answer: alive, not ready) -> Serve (ready) -> Drain ->
// destroyed.
class Server final {
 public:
  // Reads the files of TLS and API keys, and listens for metrics and probes, nothing else. Errors:
  // as MakeServerCredentials, ApiKeys::Parse and HttpListener::Start.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServeConfig& config);
  ~Server();

  // What the engine must be created with.
  engine::EngineObserver* observer() { return &metrics_; }

  // Runs the engine's self-test, starts gRPC and becomes ready.
  absl::Status Serve(std::unique_ptr<engine::Engine> engine, bool has_chat_template);

  // Brings grpc.health.v1 in line with the engine's health. Call it every second or so.
  void CheckHealth();

  // Becomes not ready, refuses new requests, lets running ones end until `deadline`, ends the rest,
  // and returns. Connections stay open until the server is destroyed or the process ends.
  void Drain(absl::Time deadline);
  // While Drain waits: ends what runs at once. Drain returns soon after.
  void StopNow();

  const engine::Engine& engine() const { return *engine_; }
  int grpc_port() const { return grpc_->port(); }
  int metrics_port() const { return http_->port(); }

 private:
  explicit Server(const ServeConfig& config);
  absl::Status ReadSecurityFiles();
  absl::Status Live() const;
  absl::Status Ready() const;

  const ServeConfig config_;
  const std::string served_model_name_;
  Metrics metrics_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::unique_ptr<ApiKeys> api_keys_;  // null: everybody may call
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<GrpcServer> grpc_;
  std::atomic<bool> serving_{false};  // engine_ and grpc_ are set from then on
  std::atomic<bool> draining_{false};
  absl::Mutex health_mutex_;            // makes "draining" final: no later CheckHealth says SERVING
  std::unique_ptr<HttpListener> http_;  // last: its threads use all of the above
};

}  // namespace skep::server

#endif  // SKEP_SERVER_SERVER_H_
