#include "server/commands/client.h"

#include <grpcpp/grpcpp.h>

#include <variant>

#include "server/grpc/status.h"
#include "skep/v1/inference.grpc.pb.h"

namespace skep::server {
namespace {

void SetPrompt(const engine::GenerationRequest& request, v1::GenerateRequest& out) {
  if (const auto* tokens = std::get_if<engine::TokenPrompt>(&request.prompt)) {
    out.mutable_token_ids()->mutable_ids()->Add(tokens->ids.begin(), tokens->ids.end());
  } else if (const auto* chat = std::get_if<engine::ChatPrompt>(&request.prompt)) {
    for (const auto& message : chat->messages) {
      v1::ChatMessage& to = *out.mutable_chat()->add_messages();
      to.set_role(message.value("role", ""));
      to.set_content(message.value("content", ""));
    }
  } else {
    out.mutable_text()->set_raw(std::get<engine::TextPrompt>(request.prompt).text);
  }
}

v1::GenerateRequest ToMessage(const engine::GenerationRequest& request) {
  v1::GenerateRequest out;
  SetPrompt(request, out);
  v1::SamplingOptions& sampling = *out.mutable_sampling();
  if (request.temperature.has_value()) sampling.set_temperature(*request.temperature);
  if (request.top_k.has_value()) sampling.set_top_k(*request.top_k);
  if (request.top_p.has_value()) sampling.set_top_p(*request.top_p);
  if (request.min_p.has_value()) sampling.set_min_p(*request.min_p);
  if (request.repetition_penalty.has_value()) {
    sampling.set_repetition_penalty(*request.repetition_penalty);
  }
  if (request.seed.has_value()) sampling.set_seed(*request.seed);
  v1::StoppingOptions& stopping = *out.mutable_stopping();
  if (request.max_tokens.has_value()) stopping.set_max_tokens(*request.max_tokens);
  stopping.set_ignore_eos(request.ignore_eos);
  for (const std::string& stop : request.stop_strings) stopping.add_stop_strings(stop);
  out.set_bypass_prefix_cache(request.bypass_prefix_cache);
  return out;
}

}  // namespace

struct Client::Channel {
  std::unique_ptr<v1::Inference::Stub> stub;
};

Client::Client(const std::string& target) : channel_(std::make_unique<Channel>()) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  channel_->stub = v1::Inference::NewStub(
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
}

Client::~Client() = default;

absl::StatusOr<RemoteModel> Client::GetModel() const {
  grpc::ClientContext context;
  v1::GetModelInfoResponse response;
  const grpc::Status status = channel_->stub->GetModelInfo(&context, {}, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return RemoteModel{
      .name = response.model(), .device = response.device(), .vocab_size = response.vocab_size()};
}

absl::StatusOr<engine::Usage> Client::Stream(
    const engine::GenerationRequest& request,
    const std::function<void(int64_t tokens, std::string_view text)>& on_delta) const {
  grpc::ClientContext context;
  const auto reader = channel_->stub->GenerateStream(&context, ToMessage(request));
  v1::GenerateResponse response;
  engine::Usage usage;
  while (reader->Read(&response)) {
    for (const v1::SequenceOutput& output : response.outputs()) {
      on_delta(output.num_tokens(), output.text());
    }
    if (response.has_usage()) {
      usage = {.prompt_tokens = response.usage().prompt_tokens(),
               .cached_tokens = response.usage().cached_tokens(),
               .generated_tokens = response.usage().generated_tokens()};
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  return usage;
}

}  // namespace skep::server
