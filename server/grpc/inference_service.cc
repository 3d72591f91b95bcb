#include "server/grpc/inference_service.h"

#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/chat_template/chat_template.h"
#include "engine/error.h"
#include "engine/request.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/grpc/convert.h"
#include "server/grpc/credentials.h"
#include "server/grpc/embed_reactor.h"
#include "server/grpc/generate_reactors.h"
#include "server/grpc/info.h"

namespace skep::server {
namespace {

using engine::Reason;

constexpr int kMaxWaitingWork = 64;

std::string NewRequestId() {
  thread_local absl::BitGen bits;
  return absl::StrFormat("%016x", absl::Uniform<uint64_t>(bits));
}

StatusOrStream Run(engine::Engine& engine, engine::GenerationRequest request) {
  return engine.Generate(std::move(request));
}
StatusOrStream Run(engine::Engine& engine, engine::EmbeddingRequest request) {
  return engine.Embed(std::move(request));
}

// A call that is answered by one function, here or on another thread.
class SimpleReactor final : public grpc::ServerUnaryReactor {
 public:
  explicit SimpleReactor(std::unique_ptr<Call> call) : call_(std::move(call)) {}
  void End(const absl::Status& status) { Finish(call_->Finish(status)); }
  void OnDone() override { delete this; }
  Call& call() { return *call_; }

 private:
  std::unique_ptr<Call> call_;
};

}  // namespace

InferenceService::InferenceService(const ServiceOptions& options, engine::Engine* engine,
                                   Metrics* metrics)
    : options_(options), start_time_(absl::Now()), engine_(engine), metrics_(metrics) {}

absl::Status InferenceService::CheckModel(std::string_view name) const {
  if (name.empty() || name == options_.served_model_name) return absl::OkStatus();
  return engine::MakeError(
      Reason::kUnknownModel,
      absl::StrCat("model: this server serves '", options_.served_model_name, "'"),
      {.field = "model", .metadata = {{"served_model", options_.served_model_name}}});
}

template <typename Message>
StatusOrStream InferenceService::Submit(const Message& message, Call& call) {
  call.set_request_id(message.request_id().empty() ? NewRequestId() : message.request_id());
  absl::StatusOr<std::string> tenant = Authenticate(options_.api_keys, call.context());
  auto request = [&]() -> decltype(ToRequest(message)) {
    if (!tenant.ok()) return tenant.status();
    if (absl::Status model = CheckModel(message.model()); !model.ok()) return model;
    return ToRequest(message);
  }();
  if (!request.ok()) {
    metrics_->OnRejected(request.status());
    return request.status();
  }
  request->request_id = call.request_id();
  request->deadline = call.deadline();
  request->tenant = *std::move(tenant);
  return Run(*engine_, *std::move(request));
}

grpc::ServerUnaryReactor* InferenceService::Generate(grpc::CallbackServerContext* context,
                                                     const v1::GenerateRequest* request,
                                                     v1::GenerateResponse* response) {
  auto call = std::make_unique<Call>(context, "Generate", metrics_, &calls_);
  StatusOrStream stream = Submit(*request, *call);
  const ResponseBuilder builder(ResponseView::From(request->response()), engine_->tokenizer());
  return new GenerateReactor(std::move(call), builder, std::move(stream), response);
}

grpc::ServerWriteReactor<v1::GenerateResponse>* InferenceService::GenerateStream(
    grpc::CallbackServerContext* context, const v1::GenerateRequest* request) {
  auto call = std::make_unique<Call>(context, "GenerateStream", metrics_, &calls_);
  StatusOrStream stream = Submit(*request, *call);
  const ResponseBuilder builder(ResponseView::From(request->response()), engine_->tokenizer());
  return new GenerateStreamReactor(std::move(call), builder, std::move(stream));
}

grpc::ServerUnaryReactor* InferenceService::Embed(grpc::CallbackServerContext* context,
                                                  const v1::EmbedRequest* request,
                                                  v1::EmbedResponse* response) {
  auto call = std::make_unique<Call>(context, "Embed", metrics_, &calls_);
  StatusOrStream stream = Submit(*request, *call);
  return new EmbedReactor(std::move(call), std::move(stream), response);
}

template <typename Work>
grpc::ServerUnaryReactor* InferenceService::RunNow(grpc::CallbackServerContext* context,
                                                   std::string_view method, Work work) {
  auto* reactor = new SimpleReactor(std::make_unique<Call>(context, method, metrics_, &calls_));
  const absl::StatusOr<std::string> tenant = Authenticate(options_.api_keys, *context);
  if (tenant.ok()) work();
  reactor->End(tenant.status());
  return reactor;
}

template <typename Work>
grpc::ServerUnaryReactor* InferenceService::RunOnWorker(grpc::CallbackServerContext* context,
                                                        std::string_view method, Work work) {
  auto* reactor = new SimpleReactor(std::make_unique<Call>(context, method, metrics_, &calls_));
  if (absl::StatusOr<std::string> tenant = Authenticate(options_.api_keys, *context);
      !tenant.ok()) {
    reactor->End(tenant.status());
    return reactor;
  }
  if (waiting_work_.fetch_add(1) >= kMaxWaitingWork) {
    --waiting_work_;
    reactor->End(engine::MakeError(
        Reason::kQueueFull, "too many texts wait to be tokenised",
        {.metadata = {{"limit", absl::StrCat(kMaxWaitingWork)}}, .retry_after = absl::Seconds(1)}));
    return reactor;
  }
  worker_.Post([this, reactor, work] {
    absl::Status status = engine::MakeError(Reason::kCancelled, "the client went away");
    if (!reactor->call().context().IsCancelled()) {
      try {
        status = work();
      } catch (const std::exception& error) {  // out of memory, or a fault of a library
        status = engine::MakeError(Reason::kInternal, error.what());
      }
    }
    --waiting_work_;
    reactor->End(status);
  });
  return reactor;
}

absl::Status InferenceService::TokenizeNow(const v1::TokenizeRequest& request,
                                           v1::TokenizeResponse& response) const {
  engine::EncodeOptions options;
  std::string text;
  std::vector<engine::TextSpan> literal_spans;
  if (request.has_text()) {
    absl::StatusOr<engine::TextPrompt> prompt = ToTextPrompt(request.text(), "text");
    if (!prompt.ok()) return prompt.status();
    options.add_special = prompt->add_special_tokens;
    options.parse_special = prompt->parse_special_tokens;
    text = std::move(prompt->text);
  } else if (request.has_chat()) {
    absl::StatusOr<engine::ChatPrompt> prompt = ToChatPrompt(request.chat(), "chat");
    if (!prompt.ok()) return prompt.status();
    absl::StatusOr<engine::RenderedChat> rendered = engine_->RenderChat(*prompt);
    if (!rendered.ok()) return rendered.status();
    // The template writes the special tokens itself.
    options.add_special = false;
    options.parse_special = true;
    text = std::move(rendered->text);
    literal_spans = std::move(rendered->literal_spans);
    if (!prompt->parse_special_tokens) options.literal_spans = literal_spans;
    response.set_rendered(text);
  } else {
    return engine::MakeError(Reason::kInvalidField, "prompt: one of text and chat is required",
                             {.field = "prompt"});
  }
  std::vector<TokenId> ids;
  if (absl::Status s = engine_->tokenizer().Encode(text, options, ids); !s.ok()) {
    return engine::MakeError(Reason::kInvalidField, absl::StrCat("text: ", s.message()),
                             {.field = "text"});
  }
  response.mutable_token_ids()->Add(ids.begin(), ids.end());
  if (request.pieces()) {
    for (const TokenId id : ids) response.add_pieces(engine_->tokenizer().TokenBytes(id));
  }
  return absl::OkStatus();
}

absl::Status InferenceService::DetokenizeNow(const v1::DetokenizeRequest& request,
                                             v1::DetokenizeResponse& response) const {
  absl::StatusOr<std::vector<TokenId>> ids = ToTokenIds(request.token_ids(), "token_ids");
  if (!ids.ok()) return ids.status();
  const int64_t vocab_size = engine_->model().vocab_size;
  for (size_t i = 0; i < ids->size(); ++i) {
    if ((*ids)[i] < vocab_size) continue;
    const std::string field = absl::StrCat("token_ids[", i, "]");
    return engine::MakeError(
        Reason::kInvalidField,
        absl::StrCat(field, ": ", (*ids)[i], " is not below the vocabulary's size, ", vocab_size),
        {.field = field,
         .metadata = {{"value", absl::StrCat((*ids)[i])}, {"limit", absl::StrCat(vocab_size)}}});
  }
  const bool skip = !request.has_skip_special_tokens() || request.skip_special_tokens();
  response.set_text(engine_->tokenizer().Decode(*ids, skip));
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* InferenceService::Tokenize(grpc::CallbackServerContext* context,
                                                     const v1::TokenizeRequest* request,
                                                     v1::TokenizeResponse* response) {
  return RunOnWorker(context, "Tokenize", [this, request, response] {
    absl::Status model = CheckModel(request->model());
    return model.ok() ? TokenizeNow(*request, *response) : model;
  });
}

grpc::ServerUnaryReactor* InferenceService::Detokenize(grpc::CallbackServerContext* context,
                                                       const v1::DetokenizeRequest* request,
                                                       v1::DetokenizeResponse* response) {
  return RunOnWorker(context, "Detokenize", [this, request, response] {
    absl::Status model = CheckModel(request->model());
    return model.ok() ? DetokenizeNow(*request, *response) : model;
  });
}

grpc::ServerUnaryReactor* InferenceService::GetModelInfo(grpc::CallbackServerContext* context,
                                                         const v1::GetModelInfoRequest*,
                                                         v1::GetModelInfoResponse* response) {
  return RunNow(context, "GetModelInfo", [this, response] {
    FillModelInfo(options_, engine_->model(), engine_->tokenizer(), engine_->output_format(),
                  *response);
  });
}

grpc::ServerUnaryReactor* InferenceService::GetServerInfo(grpc::CallbackServerContext* context,
                                                          const v1::GetServerInfoRequest*,
                                                          v1::GetServerInfoResponse* response) {
  return RunNow(context, "GetServerInfo", [this, response] {
    FillServerInfo(options_, start_time_, engine_->model(), engine_->Stats(), *response);
  });
}

}  // namespace skep::server
