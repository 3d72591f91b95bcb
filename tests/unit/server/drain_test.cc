// Health and shutting down.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/server/server_fixture.h"

namespace skep::server {
namespace {

using ::testing::HasSubstr;

class DrainTest : public ServerTest {
 protected:
  // grpc.health.v1.Health/Check, whose messages are one string and one enum: 1 is SERVING, 2 is
  // NOT_SERVING, 0 an error.
  int Health(const std::string& service) {
    std::string request;
    if (!service.empty()) {
      request = absl::StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service);
    }
    grpc::Slice slice(request);
    const grpc::ByteBuffer message(&slice, 1);
    grpc::ByteBuffer answer;
    grpc::ClientContext context;
    grpc::GenericStub stub(Connect());
    grpc::CompletionQueue queue;
    const auto call =
        stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", message, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    std::vector<grpc::Slice> slices;
    if (!status.ok() || !answer.Dump(&slices).ok()) return 0;
    std::string bytes;
    for (const grpc::Slice& part : slices) {
      bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
    return bytes.size() == 2 ? bytes[1] : 0;
  }
};

TEST_F(DrainTest, HealthIsServingAfterTheSelfTest) {
  EXPECT_EQ(Health(""), 1);
  EXPECT_EQ(Health("skep.v1.Inference"), 1);
  EXPECT_EQ(Health("no.such.Service"), 0);
}

TEST_F(DrainTest, AcceptedStreamsFinishAndNewOnesAreRefused) {
  control_->delay_microseconds = 2000;
  grpc::ClientContext context;
  const auto reader = stub_->GenerateStream(&context, TokenRequest({2, 3}, 150));
  v1::GenerateResponse message;
  ASSERT_TRUE(reader->Read(&message));  // accepted

  std::thread drain([&] { server_->Drain(absl::Now() + absl::Seconds(30)); });
  EXPECT_TRUE(Eventually([&] { return Health("") == 2; }));
  EXPECT_EQ(Health("skep.v1.Inference"), 2);

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
  ASSERT_TRUE(Eventually([&] { return Health("") == 2; }));
  server_->StopNow();
  drain.join();  // hangs if it did not
  while (reader->Read(&message)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
}

}  // namespace
}  // namespace skep::server
