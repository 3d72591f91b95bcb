// The reactor of Embed.
#ifndef SKEP_SERVER_GRPC_EMBED_REACTOR_H_
#define SKEP_SERVER_GRPC_EMBED_REACTOR_H_

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "engine/response.h"
#include "server/grpc/call.h"
#include "server/grpc/convert.h"
#include "server/grpc/stream_reactor.h"
#include "skep/v1/inference.pb.h"

namespace skep::server {

class EmbedReactor final : public StreamReactor<grpc::ServerUnaryReactor, EmbedReactor> {
 public:
  EmbedReactor(std::unique_ptr<Call> call,
               absl::StatusOr<std::unique_ptr<engine::ResponseStream>> stream,
               v1::EmbedResponse* response)
      : call_(std::move(call)), response_(response) {
    response_->set_request_id(call_->request_id());
    if (stream.ok()) {
      Start(*std::move(stream));
    } else {
      Finish(call_->Finish(stream.status()));
    }
  }

  void OnDone() override { delete this; }

 private:
  friend class StreamReactor<grpc::ServerUnaryReactor, EmbedReactor>;

  void Add(const engine::ResponseEvent& event) {
    if (const auto* embeddings = std::get_if<engine::Embeddings>(&event)) {
      FillEmbeddings(*embeddings, *response_);
    }
  }
  bool Full() const { return false; }
  bool HasMessage() const { return false; }
  void StartMessage() {}
  void End(const engine::RequestDone& done) {
    if (done.status.ok()) FillUsage(done.usage, *response_->mutable_usage());
    Finish(call_->Finish(done.status));
  }

  std::unique_ptr<Call> call_;
  v1::EmbedResponse* response_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_EMBED_REACTOR_H_
