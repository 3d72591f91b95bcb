// skep.v1.Inference over the engine.
#ifndef SKEP_SERVER_GRPC_INFERENCE_SERVICE_H_
#define SKEP_SERVER_GRPC_INFERENCE_SERVICE_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "engine/worker_pool.h"
#include "server/api_keys.h"
#include "server/grpc/call.h"
#include "server/metrics/metrics.h"
#include "skep/v1/inference.grpc.pb.h"

namespace skep::server {

struct ServiceOptions {
  std::string version;
  std::string served_model_name;
  std::string instance_id;
  bool has_chat_template = false;
  int64_t max_message_bytes = 16 << 20;
  engine::EngineOptions engine;       // shown to clients as limits
  const ApiKeys* api_keys = nullptr;  // outlives the service; null: everybody may call
};

// Thread-safe. Handlers run on gRPC's threads and never wait: generating and embedding are driven
// by the stream's callbacks; Tokenize and Detokenize, whose time grows with the text, run on a
// worker.
class InferenceService final : public v1::Inference::CallbackService {
 public:
  // `engine` and `metrics` outlive the service.
  InferenceService(const ServiceOptions& options, engine::Engine* engine, Metrics* metrics);

  grpc::ServerUnaryReactor* Generate(grpc::CallbackServerContext* context,
                                     const v1::GenerateRequest* request,
                                     v1::GenerateResponse* response) override;
  grpc::ServerWriteReactor<v1::GenerateResponse>* GenerateStream(
      grpc::CallbackServerContext* context, const v1::GenerateRequest* request) override;
  grpc::ServerUnaryReactor* Embed(grpc::CallbackServerContext* context,
                                  const v1::EmbedRequest* request,
                                  v1::EmbedResponse* response) override;
  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const v1::TokenizeRequest* request,
                                     v1::TokenizeResponse* response) override;
  grpc::ServerUnaryReactor* Detokenize(grpc::CallbackServerContext* context,
                                       const v1::DetokenizeRequest* request,
                                       v1::DetokenizeResponse* response) override;
  grpc::ServerUnaryReactor* GetModelInfo(grpc::CallbackServerContext* context,
                                         const v1::GetModelInfoRequest* request,
                                         v1::GetModelInfoResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;

  // The calls in progress.
  CallTracker& calls() { return calls_; }

 private:
  absl::Status CheckModel(std::string_view name) const;
  // Hands a GenerateRequest or an EmbedRequest to the engine.
  template <typename Message>
  absl::StatusOr<std::unique_ptr<engine::ResponseStream>> Submit(const Message& message,
                                                                 Call& call);
  absl::Status TokenizeNow(const v1::TokenizeRequest& request,
                           v1::TokenizeResponse& response) const;
  absl::Status DetokenizeNow(const v1::DetokenizeRequest& request,
                             v1::DetokenizeResponse& response) const;
  // Runs `work`, which cannot fail, at once.
  template <typename Work>
  grpc::ServerUnaryReactor* RunNow(grpc::CallbackServerContext* context, std::string_view method,
                                   Work work);
  // Runs `work` on the worker, or refuses with kQueueFull.
  template <typename Work>
  grpc::ServerUnaryReactor* RunOnWorker(grpc::CallbackServerContext* context,
                                        std::string_view method, Work work);

  const ServiceOptions options_;
  const absl::Time start_time_;
  engine::Engine* const engine_;
  Metrics* const metrics_;
  CallTracker calls_;
  std::atomic<int> waiting_work_{0};
  engine::WorkerPool worker_{1};  // last: its tasks use the members above
};

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_INFERENCE_SERVICE_H_
