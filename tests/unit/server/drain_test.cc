// Health and shutting down.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server_fixture.h"

namespace skep::server {
namespace {

using grpc::health::v1::HealthCheckResponse;

class DrainTest : public ServerTest {
 protected:
  HealthCheckResponse::ServingStatus Health(const std::string& service) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    grpc::ClientContext context;
    const grpc::Status status =
        grpc::health::v1::Health::NewStub(Connect())->Check(&context, request, &response);
    return status.ok() ? response.status() : HealthCheckResponse::UNKNOWN;
  }
};

TEST_F(DrainTest, HealthIsServingAfterTheSelfTest) {
  EXPECT_EQ(Health(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(Health("skep.v1.Inference"), HealthCheckResponse::SERVING);
  EXPECT_EQ(Health("no.such.Service"), HealthCheckResponse::UNKNOWN);
}

TEST_F(DrainTest, AcceptedStreamsFinishAndNewOnesAreRefused) {
  control_->delay_microseconds = 2000;
  grpc::ClientContext context;
  const auto reader = stub_->GenerateStream(&context, TokenRequest({2, 3}, 150));
  v1::GenerateResponse message;
  ASSERT_TRUE(reader->Read(&message));  // accepted

  std::thread drain([&] { server_->Drain(absl::Now() + absl::Seconds(30)); });
  EXPECT_TRUE(Eventually([&] { return Health("") == HealthCheckResponse::NOT_SERVING; }));
  EXPECT_EQ(Health("skep.v1.Inference"), HealthCheckResponse::NOT_SERVING);

  grpc::ClientContext late;
  v1::GenerateResponse response;
  const grpc::Status refused = stub_->Generate(&late, TokenRequest({2}, 5), &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(refused.error_message().empty(), false);
  EXPECT_EQ(late.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);

  uint32_t tokens = 0;
  do {
    for (const auto& output : message.outputs()) tokens += output.num_tokens();
  } while (reader->Read(&message));
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(tokens, 150u);
  drain.join();
}

TEST_F(DrainTest, TheLimitEndsWhatStillRuns) {
  control_->delay_microseconds = 10'000;
  grpc::ClientContext context;
  const auto reader = stub_->GenerateStream(&context, TokenRequest({2, 3}, 1000));
  v1::GenerateResponse message;
  ASSERT_TRUE(reader->Read(&message));
  server_->Drain(absl::Now() + absl::Milliseconds(100));
  while (reader->Read(&message)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(DrainTest, StopNowShortensTheLimit) {
  control_->delay_microseconds = 10'000;
  grpc::ClientContext context;
  const auto reader = stub_->GenerateStream(&context, TokenRequest({2, 3}, 1000));
  v1::GenerateResponse message;
  ASSERT_TRUE(reader->Read(&message));
  std::thread drain([&] { server_->Drain(absl::Now() + absl::Hours(1)); });
  ASSERT_TRUE(Eventually([&] { return Health("") == HealthCheckResponse::NOT_SERVING; }));
  server_->StopNow();
  drain.join();  // hangs if it did not
  while (reader->Read(&message)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
}

}  // namespace
}  // namespace skep::server
