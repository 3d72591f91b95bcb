#include "server/commands/client.h"

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/api_keys.h"
#include "server/grpc/status.h"
#include "server/options.h"
#include "server/read_file.h"
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
      if (message.contains("reasoning_content")) {
        to.set_reasoning(message["reasoning_content"].get<std::string>());
      }
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

engine::OutputDelta ToDelta(const v1::SequenceOutput& output) {
  engine::OutputDelta delta{
      .index = output.index(), .text = output.text(), .reasoning = output.reasoning()};
  for (const v1::ToolCallDelta& call : output.tool_calls()) {
    delta.tool_calls.push_back({.index = call.index(),
                                .id = call.id(),
                                .name = call.name(),
                                .arguments = call.arguments(),
                                .discarded = call.discarded()});
  }
  return delta;
}

// "" when there is none. What is no key would abort inside gRPC.
absl::StatusOr<std::string> ReadApiKey(const TargetOptions& options) {
  std::string source = "SKEP_API_KEY";
  std::string text;
  if (!options.api_key_file.empty()) {
    source = options.api_key_file;
    absl::StatusOr<std::string> file = ReadFile(source);
    if (!file.ok()) return file.status();
    text = *std::move(file);
  } else if (const char* variable = std::getenv("SKEP_API_KEY"); variable != nullptr) {
    text = variable;
  } else {
    return "";
  }
  absl::StripAsciiWhitespace(&text);
  if (absl::Status s = CheckApiKey(text); !s.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", s.message()));
  }
  return text;
}

}  // namespace

struct Client::Channel {
  void Authorize(grpc::ClientContext& context) const {
    if (!api_key.empty()) context.AddMetadata("authorization", "Bearer " + api_key);
  }

  std::unique_ptr<v1::Inference::Stub> stub;
  std::string api_key;
};

void AddTargetOptions(CLI::App& command, TargetOptions& options, const std::string& help) {
  CLI::Option* target =
      command.add_option("--target", options.address, help)->type_name("HOST:PORT");
  AddFile(command, "--tls-ca", options.tls_ca,
          "Reach the server over TLS; its certificate is signed by one of these (PEM)")
      ->needs(target);
  AddFile(command, "--api-key-file", options.api_key_file,
          "File that holds the API key for the server; default: the variable SKEP_API_KEY")
      ->needs(target);
}

absl::StatusOr<std::unique_ptr<Client>> Client::Create(const TargetOptions& options) {
  absl::StatusOr<std::string> key = ReadApiKey(options);
  if (!key.ok()) return key.status();
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!options.tls_ca.empty()) {
    absl::StatusOr<std::string> ca = ReadFile(options.tls_ca);
    if (!ca.ok()) return ca.status();
    if (ca->empty()) {  // gRPC would take the system's CAs instead
      return absl::InvalidArgumentError(absl::StrCat("'", options.tls_ca, "': the file is empty"));
    }
    credentials = grpc::SslCredentials({.pem_root_certs = *std::move(ca)});
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  auto client = std::unique_ptr<Client>(new Client);
  client->channel_->api_key = *std::move(key);
  client->channel_->stub =
      v1::Inference::NewStub(grpc::CreateCustomChannel(options.address, credentials, arguments));
  return client;
}

Client::Client() : channel_(std::make_unique<Channel>()) {}
Client::~Client() = default;

absl::StatusOr<RemoteModel> Client::GetModel() const {
  grpc::ClientContext context;
  channel_->Authorize(context);
  v1::GetModelInfoResponse response;
  const grpc::Status status = channel_->stub->GetModelInfo(&context, {}, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return RemoteModel{
      .name = response.model(), .device = response.device(), .vocab_size = response.vocab_size()};
}

absl::StatusOr<engine::Usage> Client::Stream(
    const engine::GenerationRequest& request,
    const std::function<void(int64_t tokens, const engine::OutputDelta& delta)>& on_delta) const {
  grpc::ClientContext context;
  channel_->Authorize(context);
  const auto reader = channel_->stub->GenerateStream(&context, ToMessage(request));
  v1::GenerateResponse response;
  engine::Usage usage;
  while (reader->Read(&response)) {
    for (const v1::SequenceOutput& output : response.outputs()) {
      on_delta(output.num_tokens(), ToDelta(output));
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
