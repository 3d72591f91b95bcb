#include "server/grpc/status.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "engine/error.h"

namespace skep::server {
namespace {

using engine::Reason;
using ::testing::HasSubstr;

std::vector<Reason> AllReasons() {
  std::vector<Reason> out;
  for (int i = 0; i <= static_cast<int>(Reason::kInternal); ++i) {
    out.push_back(static_cast<Reason>(i));
  }
  return out;
}

google::rpc::Status Parse(const grpc::Status& status) {
  google::rpc::Status out;
  EXPECT_TRUE(out.ParseFromString(status.error_details()));
  return out;
}

template <typename Detail>
std::optional<Detail> Find(const google::rpc::Status& status) {
  Detail detail;
  for (const auto& any : status.details()) {
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

TEST(StatusTest, EveryReasonCarriesItsCodeAndDetails) {
  for (const Reason reason : AllReasons()) {
    const std::string name(engine::ReasonName(reason));
    SCOPED_TRACE(name);
    const grpc::Status status =
        ToGrpcStatus(engine::MakeError(reason, "what is wrong",
                                       {.field = "temperature", .metadata = {{"value", "-1"}}}),
                     "request-7");
    EXPECT_EQ(static_cast<int>(status.error_code()),
              static_cast<int>(engine::CanonicalCode(reason)));
    EXPECT_NE(status.error_code(), grpc::StatusCode::UNKNOWN);
    EXPECT_EQ(status.error_message(), "what is wrong");

    const google::rpc::Status details = Parse(status);
    EXPECT_EQ(details.code(), static_cast<int>(status.error_code()));
    EXPECT_EQ(details.message(), "what is wrong");
    std::set<std::string> types;
    for (const auto& detail : details.details()) {
      EXPECT_TRUE(types.insert(detail.type_url()).second) << detail.type_url();
    }
    const auto info = Find<google::rpc::ErrorInfo>(details);
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->reason(), name);
    EXPECT_EQ(info->domain(), kErrorDomain);
    EXPECT_EQ(info->metadata().at("value"), "-1");
    const auto request = Find<google::rpc::RequestInfo>(details);
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->request_id(), "request-7");

    const bool invalid = status.error_code() == grpc::StatusCode::INVALID_ARGUMENT;
    const auto bad = Find<google::rpc::BadRequest>(details);
    ASSERT_EQ(bad.has_value(), invalid);
    if (invalid) {
      ASSERT_EQ(bad->field_violations_size(), 1);
      EXPECT_EQ(bad->field_violations(0).field(), "sampling.temperature");
      EXPECT_EQ(bad->field_violations(0).description(), "what is wrong");
    }
    const auto retry = Find<google::rpc::RetryInfo>(details);
    EXPECT_EQ(retry.has_value(), engine::IsRetryable(reason));
    const auto precondition = Find<google::rpc::PreconditionFailure>(details);
    EXPECT_EQ(precondition.has_value(),
              status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  }
}

TEST(StatusTest, RetryDelayIsTheEngines) {
  const auto retry = Find<google::rpc::RetryInfo>(Parse(ToGrpcStatus(
      engine::MakeError(Reason::kQueueFull, "full", {.retry_after = absl::Milliseconds(2500)}),
      "")));
  ASSERT_TRUE(retry.has_value());
  EXPECT_EQ(retry->retry_delay().seconds(), 2);
  EXPECT_EQ(retry->retry_delay().nanos(), 500'000'000);
}

TEST(StatusTest, StatusesOfOthersAreInternal) {
  const grpc::Status status = ToGrpcStatus(absl::UnknownError("surprise"), "");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
}

TEST(StatusTest, DetailsStaySmall) {
  engine::ErrorDetails details = {.field = std::string(10'000, 'f')};
  for (int i = 0; i < 100; ++i) {
    details.metadata.emplace_back("key" + std::to_string(i), std::string(10'000, 'v'));
  }
  std::string message;
  for (int i = 0; i < 5000; ++i) message += "\xE2\x82\xAC";
  const grpc::Status status =
      ToGrpcStatus(engine::MakeError(Reason::kInvalidField, message, details), "id");
  // gRPC's limit on all headers and trailers is 8 KiB.
  EXPECT_LT(status.error_details().size() + status.error_message().size(), 4096u);
  EXPECT_EQ(Parse(status).message(), status.error_message());  // still UTF-8
}

TEST(StatusTest, ClientsReadCodeAndReason) {
  const grpc::Status status =
      ToGrpcStatus(engine::MakeError(Reason::kDraining, "shutting down"), "");
  const absl::Status back = FromGrpcStatus(status);
  EXPECT_EQ(back.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(back.message()), "UNAVAILABLE: shutting down [DRAINING]");
}

}  // namespace
}  // namespace skep::server
