// The reactors of Generate and GenerateStream.
#ifndef SKEP_SERVER_GRPC_GENERATE_REACTORS_H_
#define SKEP_SERVER_GRPC_GENERATE_REACTORS_H_

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

using StatusOrStream = absl::StatusOr<std::unique_ptr<engine::ResponseStream>>;

// Adds the event, unless it is RequestDone.
inline void AddEvent(const ResponseBuilder& builder, const engine::ResponseEvent& event,
                     v1::GenerateResponse& out) {
  if (const auto* prompt = std::get_if<engine::PromptProcessed>(&event)) {
    builder.Add(*prompt, out);
  } else if (const auto* delta = std::get_if<engine::OutputDelta>(&event)) {
    builder.Add(*delta, out);
  }
}

class GenerateReactor final : public StreamReactor<grpc::ServerUnaryReactor, GenerateReactor> {
 public:
  GenerateReactor(std::unique_ptr<Call> call, ResponseBuilder builder, StatusOrStream stream,
                  v1::GenerateResponse* response)
      : call_(std::move(call)), builder_(builder), response_(response) {
    response_->set_request_id(call_->request_id());
    if (stream.ok()) {
      Start(*std::move(stream));
    } else {
      Finish(call_->Finish(stream.status()));
    }
  }

  void OnDone() override { delete this; }

 private:
  friend class StreamReactor<grpc::ServerUnaryReactor, GenerateReactor>;

  void Add(const engine::ResponseEvent& event) { AddEvent(builder_, event, *response_); }
  bool Full() const { return false; }
  bool HasMessage() const { return false; }
  void StartMessage() {}
  void End(const engine::RequestDone& done) {
    if (done.status.ok()) builder_.Add(done.usage, *response_);
    Finish(call_->Finish(done.status));
  }

  std::unique_ptr<Call> call_;
  ResponseBuilder builder_;
  v1::GenerateResponse* response_;
};

class GenerateStreamReactor final
    : public StreamReactor<grpc::ServerWriteReactor<v1::GenerateResponse>, GenerateStreamReactor> {
 public:
  GenerateStreamReactor(std::unique_ptr<Call> call, ResponseBuilder builder, StatusOrStream stream)
      : call_(std::move(call)), builder_(builder) {
    message_.set_request_id(call_->request_id());
    if (stream.ok()) {
      Start(*std::move(stream));
    } else {
      Finish(call_->Finish(stream.status()));
    }
  }

  void OnWriteDone(bool ok) override {
    message_.Clear();
    WriteEnded(ok);
  }
  void OnDone() override { delete this; }

 private:
  friend class StreamReactor<grpc::ServerWriteReactor<v1::GenerateResponse>, GenerateStreamReactor>;
  // One message holds what is ready, up to so many tokens: a client far behind catches up in few
  // messages, none of them large.
  static constexpr int kMaxTokensInMessage = 4096;

  void Add(const engine::ResponseEvent& event) {
    AddEvent(builder_, event, message_);
    if (const auto* delta = std::get_if<engine::OutputDelta>(&event)) {
      tokens_ += static_cast<int>(delta->token_ids.size());
    }
    pending_ = true;
  }
  bool Full() const { return tokens_ >= kMaxTokensInMessage; }
  bool HasMessage() const { return pending_; }
  void StartMessage() {
    pending_ = false;
    tokens_ = 0;
    StartWrite(&message_);
  }
  void End(const engine::RequestDone& done) {
    const grpc::Status status = call_->Finish(done.status);
    if (!done.status.ok() || broken()) {
      Finish(status);
      return;
    }
    builder_.Add(done.usage, message_);
    StartWriteAndFinish(&message_, grpc::WriteOptions(), status);
  }

  std::unique_ptr<Call> call_;
  ResponseBuilder builder_;
  v1::GenerateResponse message_;
  bool pending_ = false;
  int tokens_ = 0;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_GENERATE_REACTORS_H_
