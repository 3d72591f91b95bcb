// API keys, over real connections. TLS is tests/e2e/test_tls.py's.
#include <gmock/gmock.h>
#include <grpc/health/v1/health.grpc.pb.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "server_fixture.h"

namespace skep::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kAnna[] = "key-of-anna-0123456789";
constexpr char kBob[] = "key-of-bob-0123456789";

class AuthenticationTest : public ServerTest {
 protected:
  using Values = std::vector<std::string>;  // of the metadata "authorization"

  void SetUp() override {
    file_ = std::filesystem::path(::testing::TempDir()) / "skep-authentication-test-keys";
    std::ofstream(file_) << "anna:" << kAnna << "\nbob:" << kBob << "\n";
    StartServer([this](ServeConfig& config) {
      config.grpc.api_keys = file_;
      config.model.max_sequences = 1;
      config.engine.max_waiting_per_tenant = 1;
    });
  }
  void TearDown() override { std::filesystem::remove(file_); }

  static Values Bearer(const char* key) { return {absl::StrCat("Bearer ", key)}; }

  static void Add(const Values& values, grpc::ClientContext& context) {
    for (const std::string& value : values) context.AddMetadata("authorization", value);
  }

  // Every method of skep.v1.Inference, called once.
  std::vector<grpc::Status> CallAll(const Values& values) {
    std::vector<grpc::Status> out;
    const auto call = [&](auto method, const auto& request, auto response) {
      grpc::ClientContext context;
      Add(values, context);
      out.push_back(((*stub_).*method)(&context, request, &response));
    };
    v1::TokenizeRequest text;
    text.mutable_text()->set_text("abc");
    v1::DetokenizeRequest ids;
    ids.add_token_ids(3);
    v1::EmbedRequest embed;
    embed.add_inputs()->mutable_token_ids()->add_ids(2);
    call(&v1::Inference::Stub::Generate, TokenRequest({2, 3}, 3), v1::GenerateResponse());
    call(&v1::Inference::Stub::Embed, embed, v1::EmbedResponse());
    call(&v1::Inference::Stub::Tokenize, text, v1::TokenizeResponse());
    call(&v1::Inference::Stub::Detokenize, ids, v1::DetokenizeResponse());
    call(&v1::Inference::Stub::GetModelInfo, v1::GetModelInfoRequest(), v1::GetModelInfoResponse());
    call(&v1::Inference::Stub::GetServerInfo, v1::GetServerInfoRequest(),
         v1::GetServerInfoResponse());
    grpc::ClientContext context;
    Add(values, context);
    const auto reader = stub_->GenerateStream(&context, TokenRequest({2, 3}, 3));
    v1::GenerateResponse message;
    while (reader->Read(&message)) {
    }
    out.push_back(reader->Finish());
    return out;
  }

  // Of one prompt of 100 tokens, how many the prefix cache had.
  uint32_t CachedTokens(const char* key) {
    grpc::ClientContext context;
    Add(Bearer(key), context);
    v1::GenerateResponse response;
    const std::vector<TokenId> prompt(100, 5);
    const grpc::Status status = stub_->Generate(&context, TokenRequest(prompt, 2), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.usage().cached_tokens();
  }

  std::filesystem::path file_;
};

TEST_F(AuthenticationTest, EveryMethodAnswersToAKnownKey) {
  for (const Values& values :
       {Bearer(kAnna), Bearer(kBob), Values{absl::StrCat("bearer ", kAnna)}}) {
    for (const grpc::Status& status : CallAll(values)) {
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
  }
}

TEST_F(AuthenticationTest, EveryMethodRefusesOtherCalls) {
  const std::vector<Values> refused = {{},
                                       {""},
                                       {"Bearer"},
                                       {"Bearer "},
                                       {kAnna},
                                       {absl::StrCat("Basic ", kAnna)},
                                       Bearer("key-of-anna-012345678"),
                                       Bearer("anna"),
                                       {Bearer(kAnna)[0], Bearer(kBob)[0]}};
  int calls = 0;
  for (const Values& values : refused) {
    SCOPED_TRACE(::testing::PrintToString(values));
    for (const grpc::Status& status : CallAll(values)) {
      ++calls;
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
      EXPECT_EQ(ReasonOf(status), "UNAUTHENTICATED");
      EXPECT_THAT(status.error_message(), Not(HasSubstr("anna")));
    }
  }
  const int methods = v1::GenerateRequest::descriptor()->file()->service(0)->method_count();
  EXPECT_EQ(calls, methods * static_cast<int>(refused.size())) << "CallAll lacks a method";
  EXPECT_TRUE(Idle());
}

TEST_F(AuthenticationTest, HealthNeedsNoKey) {
  const auto health = grpc::health::v1::Health::NewStub(Connect());
  grpc::health::v1::HealthCheckResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(health->Check(&context, {}, &response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST_F(AuthenticationTest, TenantsDoNotShareThePrefixCache) {
  EXPECT_EQ(CachedTokens(kAnna), 0u);
  EXPECT_GT(CachedTokens(kAnna), 0u);
  EXPECT_EQ(CachedTokens(kBob), 0u);
  EXPECT_GT(CachedTokens(kBob), 0u);
}

TEST_F(AuthenticationTest, ATenantWhoseQueueIsFullLeavesRoomForOthers) {
  control_->delay_microseconds = 5000;  // five seconds a stream, if it were not cancelled
  struct Running {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::GenerateResponse>> reader;
  };
  std::vector<std::unique_ptr<Running>> streams;
  const auto start = [&](const char* key) -> Running& {
    Running& out = *streams.emplace_back(std::make_unique<Running>());
    Add(Bearer(key), out.context);
    out.reader = stub_->GenerateStream(&out.context, TokenRequest({2, 3}, 1000));
    return out;
  };
  const auto waiting = [&](int64_t count) {
    return Eventually([&] { return server_->engine().Stats().waiting_requests == count; });
  };
  v1::GenerateResponse message;
  ASSERT_TRUE(start(kAnna).reader->Read(&message));  // runs: no other can
  start(kAnna);
  ASSERT_TRUE(waiting(1));
  const grpc::Status refused = start(kAnna).reader->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(refused), "QUEUE_FULL");
  start(kBob);
  EXPECT_TRUE(waiting(2));
  for (const auto& stream : streams) stream->context.TryCancel();
  EXPECT_TRUE(Eventually([&] { return Idle(); }));
}

}  // namespace
}  // namespace skep::server
