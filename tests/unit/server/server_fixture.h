// A whole server on loopback ports over the fake runner, and a client of it.
#ifndef SKEP_TESTS_UNIT_SERVER_SERVER_FIXTURE_H_
#define SKEP_TESTS_UNIT_SERVER_SERVER_FIXTURE_H_

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/engine.h"
#include "server/server.h"
#include "skep/v1/inference.grpc.pb.h"
#include "tests/fakes/fake_runner.h"
#include "tests/fakes/fake_tokenizer.h"

namespace skep::server {

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { StartServer({}); }

  // `change` may set any option but the addresses.
  void StartServer(const std::function<void(ServeConfig&)>& change) {
    config_ = ServeConfig();
    config_.model.path = "fake.gguf";
    config_.model.max_sequences = 16;
    config_.model.max_batch_tokens = 64;
    config_.grpc.address = "127.0.0.1:0";
    config_.metrics_address = "127.0.0.1:0";
    if (change) change(config_);
    server_.reset();
    control_ = std::make_shared<FakeRunnerControl>();
    auto server = Server::Start(config_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ASSERT_TRUE(server_->Serve(MakeEngine(), /*has_chat_template=*/false).ok());
    stub_ = v1::Inference::NewStub(Connect());
  }

  std::unique_ptr<engine::Engine> MakeEngine() {
    ModelInfo model = FakeModelInfo(engine::FakeVocabSize(), /*num_blocks=*/512);
    model.eos_token_ids = {engine::kFakeEos};
    model.context_length = 1024;
    model_ = model;
    engine::EngineOptions options = config_.engine;
    options.max_sequences = config_.model.max_sequences;
    options.max_batch_tokens = config_.model.max_batch_tokens;
    options.max_step_seconds = 0;
    auto engine = engine::Engine::Create(options, std::make_unique<FakeRunner>(model, control_),
                                         engine::MakeFakeTokenizer(), nullptr, server_->observer());
    EXPECT_TRUE(engine.ok()) << engine.status();
    return *std::move(engine);
  }

  std::shared_ptr<grpc::Channel> Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->grpc_port()),
                                     grpc::InsecureChannelCredentials(), arguments);
  }

  static v1::GenerateRequest TokenRequest(const std::vector<TokenId>& ids, int max_tokens) {
    v1::GenerateRequest request;
    for (TokenId id : ids) request.mutable_token_ids()->add_ids(static_cast<uint32_t>(id));
    request.mutable_sampling()->set_temperature(0);
    request.mutable_stopping()->set_max_tokens(max_tokens);
    request.mutable_stopping()->set_ignore_eos(true);
    request.mutable_response()->set_token_ids(true);
    return request;
  }

  // What the fake model says, by itself.
  std::vector<TokenId> Expected(const std::vector<TokenId>& prompt, int max_tokens) const {
    SamplingParams sampling;
    sampling.temperature = 0;
    sampling.max_tokens = max_tokens;
    sampling.ignore_eos = true;
    return FakeGeneration(prompt, /*index=*/0, sampling, model_);
  }

  // Of the ErrorInfo among the details; "" without one.
  static std::string ReasonOf(const grpc::Status& status) {
    google::rpc::Status details;
    details.ParseFromString(status.error_details());
    google::rpc::ErrorInfo info;
    for (const auto& detail : details.details()) {
      if (detail.UnpackTo(&info)) return info.reason();
    }
    return "";
  }

  // All blocks are free or cached, and nothing runs.
  bool Idle() const {
    const engine::EngineStats stats = server_->engine().Stats();
    return stats.running_requests == 0 && stats.waiting_requests == 0 &&
           stats.blocks_free + stats.blocks_cached == stats.blocks_total;
  }

  static bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 10'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }

  ServeConfig config_;
  ModelInfo model_;
  std::shared_ptr<FakeRunnerControl> control_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::Inference::Stub> stub_;
};

}  // namespace skep::server

#endif  // SKEP_TESTS_UNIT_SERVER_SERVER_FIXTURE_H_
