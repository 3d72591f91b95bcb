#include "server/grpc/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "server/grpc/inference_service.h"

namespace skep::server {
namespace {

// How long the peers have to take leave of a connection without calls.
constexpr absl::Duration kGoodbye = absl::Milliseconds(500);

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(duration), std::numeric_limits<int>::max()));
}

// Global switches of the library, which must be set before the first builder exists.
void InitLibrary() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    // Links the description of the library's health service, for reflection to find it.
    grpc::health::v1::HealthCheckRequest::descriptor();
  });
}

void Configure(const GrpcOptions& options, grpc::ServerBuilder& builder) {
  const int max_message = static_cast<int>(
      std::min<int64_t>(options.max_message_bytes, std::numeric_limits<int>::max()));
  builder.SetMaxReceiveMessageSize(max_message);
  grpc::ResourceQuota quota("skep");
  quota.Resize(static_cast<size_t>(options.memory_bytes));
  builder.SetResourceQuota(quota);

  // Two servers on one port would each get some of the requests: an error is better.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  // Finds peers that vanished without a word; lets clients do the same.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.keepalive_time));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             Milliseconds(options.keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  // Makes clients look for new replicas now and then.
  if (options.max_connection_age > absl::ZeroDuration()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               Milliseconds(options.max_connection_age));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               Milliseconds(options.max_connection_age_grace));
  }
}

}  // namespace

struct GrpcServer::State {
  State(const ServiceOptions& options, engine::Engine* engine, Metrics* metrics)
      : service(options, engine, metrics) {}

  InferenceService service;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

GrpcServer::GrpcServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

GrpcServer::~GrpcServer() {
  // Watches of the health service stay open for ever: this deadline ends them.
  state_->server->Shutdown(absl::ToChronoTime(absl::Now() + kGoodbye));
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const GrpcOptions& options, const std::shared_ptr<grpc::ServerCredentials>& credentials,
    const ServiceOptions& service, engine::Engine* engine, Metrics* metrics) {
  InitLibrary();
  auto state = std::make_unique<State>(service, engine, metrics);
  grpc::ServerBuilder builder;
  Configure(options, builder);
  builder.AddListeningPort(options.address, credentials, &state->port);
  builder.RegisterService(&state->service);
  state->server = builder.BuildAndStart();
  if (state->server == nullptr || state->port == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on '", options.address,
        "' for gRPC: the address must be HOST:PORT, the port free",
        options.tls.enabled() ? ", and the TLS certificate and key strong enough" : ""));
  }
  auto out = std::unique_ptr<GrpcServer>(new GrpcServer(std::move(state)));
  out->SetServing(false);
  return out;
}

int GrpcServer::port() const { return state_->port; }

void GrpcServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = state_->server->GetHealthCheckService();
  health->SetServingStatus("", serving);
  health->SetServingStatus(v1::Inference::service_full_name(), serving);
}

bool GrpcServer::WaitForCalls(absl::Time deadline) {
  return state_->service.calls().WaitForNone(deadline);
}

}  // namespace skep::server
