#include "server/server.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "server/grpc/credentials.h"
#include "server/grpc/inference_service.h"
#include "server/logging.h"
#include "server/read_file.h"

namespace skep::server {
namespace {

// For the last messages of calls that have ended, to leave.
constexpr absl::Duration kFlush = absl::Seconds(5);

ServiceOptions MakeServiceOptions(const ServeConfig& config, const std::string& name,
                                  bool has_chat_template) {
  absl::BitGen bits;
  ServiceOptions out;
  out.version = std::string(kVersion);
  out.served_model_name = name;
  out.instance_id = absl::StrFormat("%016x", absl::Uniform<uint64_t>(bits));
  out.has_chat_template = has_chat_template;
  out.max_message_bytes = config.grpc.max_message_bytes;
  out.engine = config.engine;
  out.engine.max_sequences = config.model.max_sequences;
  out.engine.max_batch_tokens = config.model.max_batch_tokens;
  return out;
}

}  // namespace

Server::Server(const ServeConfig& config)
    : config_(config),
      served_model_name_(config.served_model_name.empty() ? DefaultServedName(config.model.path)
                                                          : config.served_model_name),
      metrics_({.model_name = served_model_name_,
                .version = std::string(kVersion),
                .vllm_aliases = config.vllm_metrics}) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServeConfig& config) {
  auto server = std::unique_ptr<Server>(new Server(config));
  if (absl::Status s = server->ReadSecurityFiles(); !s.ok()) return s;
  Server* self = server.get();
  absl::StatusOr<std::unique_ptr<HttpListener>> http = HttpListener::Start(
      config.metrics_address, {.metrics = [self] { return self->metrics_.Serialize(); },
                               .live = [self] { return self->Live(); },
                               .ready = [self] { return self->Ready(); }});
  if (!http.ok()) return http.status();
  server->http_ = *std::move(http);
  return server;
}

absl::Status Server::ReadSecurityFiles() {
  auto credentials = MakeServerCredentials(config_.grpc.tls);
  if (!credentials.ok()) return credentials.status();
  credentials_ = *std::move(credentials);
  if (!config_.grpc.tls.enabled() && !IsLoopback(config_.grpc.address)) {
    Log(LogLevel::kWarn, "gRPC without TLS: prompts, answers and API keys travel unencrypted",
        {{"grpc_address", config_.grpc.address}});
  }
  if (config_.grpc.api_keys.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> text = ReadFile(config_.grpc.api_keys);
  if (!text.ok()) return text.status();
  absl::StatusOr<ApiKeys> keys = ApiKeys::Parse(*text, config_.grpc.api_keys);
  if (!keys.ok()) return keys.status();
  api_keys_ = std::make_unique<ApiKeys>(*std::move(keys));
  return absl::OkStatus();
}

Server::~Server() {
  http_.reset();
  grpc_.reset();  // cancels what still runs
  metrics_.ShowEngine(nullptr);
}

absl::Status Server::Serve(std::unique_ptr<engine::Engine> engine, bool has_chat_template) {
  if (absl::Status s = engine->SelfTest(); !s.ok()) {
    return absl::Status(s.code(), absl::StrCat("self-test: ", s.message()));
  }
  engine_ = std::move(engine);
  metrics_.ShowEngine(engine_.get());
  ServiceOptions service = MakeServiceOptions(config_, served_model_name_, has_chat_template);
  service.api_keys = api_keys_.get();
  absl::StatusOr<std::unique_ptr<GrpcServer>> grpc =
      GrpcServer::Start(config_.grpc, credentials_, service, engine_.get(), &metrics_);
  if (!grpc.ok()) return grpc.status();
  grpc_ = *std::move(grpc);
  serving_ = true;
  CheckHealth();
  return absl::OkStatus();
}

absl::Status Server::Live() const {
  if (!serving_ || draining_) return absl::OkStatus();
  return engine_->Healthy();
}

absl::Status Server::Ready() const {
  if (draining_) return absl::UnavailableError("draining");
  if (!serving_) return absl::UnavailableError("loading");
  return engine_->Healthy();
}

void Server::CheckHealth() {
  absl::MutexLock lock(&health_mutex_);
  if (!serving_ || draining_) return;
  const absl::Status health = engine_->Healthy();
  if (!health.ok()) Log(LogLevel::kError, "not serving", {{"reason", health.message()}});
  grpc_->SetServing(health.ok());
}

void Server::Drain(absl::Time deadline) {
  {
    absl::MutexLock lock(&health_mutex_);
    draining_ = true;
    if (!serving_) return;
    grpc_->SetServing(false);
  }
  engine_->Drain(deadline);
  grpc_->WaitForCalls(absl::Now() + kFlush);
}

void Server::StopNow() {
  if (serving_) engine_->Drain(absl::Now());
}

}  // namespace skep::server
