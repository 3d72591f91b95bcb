#include "server/grpc/status.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/error.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/grpc/wire_fields.h"
#include "server/view.h"

namespace skep::server {
namespace {

constexpr size_t kMaxMessageBytes = 400;
constexpr size_t kMaxValueBytes = 120;
constexpr size_t kMaxMetadataEntries = 6;

// At most `limit` bytes of `text`, cut between two UTF-8 characters.
std::string Shorten(std::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  size_t end = limit - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(View(text.substr(0, end)), "...");
}

google::rpc::ErrorInfo MakeErrorInfo(engine::Reason reason, const engine::ErrorDetails& details) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(engine::ReasonName(reason)));
  info.set_domain(std::string(kErrorDomain));
  const size_t entries = std::min(details.metadata.size(), kMaxMetadataEntries);
  for (size_t i = 0; i < entries; ++i) {
    const auto& [key, value] = details.metadata[i];
    (*info.mutable_metadata())[Shorten(key, kMaxValueBytes)] = Shorten(value, kMaxValueBytes);
  }
  return info;
}

void AddRetryInfo(absl::Duration delay, google::rpc::Status& out) {
  delay = std::clamp(delay, absl::ZeroDuration(), absl::Hours(1));
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(delay));
  retry.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(delay % absl::Seconds(1))));
  out.add_details()->PackFrom(retry);
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status, std::string_view request_id) {
  if (status.ok()) return grpc::Status::OK;
  const engine::Reason reason = engine::ReasonOf(status);
  const engine::ErrorDetails details = engine::DetailsOf(status);
  const absl::StatusCode code = engine::CanonicalCode(reason);
  const std::string message = Shorten(StdView(status.message()), kMaxMessageBytes);

  google::rpc::Status out;
  out.set_code(static_cast<int>(code));
  out.set_message(message);
  out.add_details()->PackFrom(MakeErrorInfo(reason, details));
  if (code == absl::StatusCode::kInvalidArgument && !details.field.empty()) {
    google::rpc::BadRequest bad;
    auto* violation = bad.add_field_violations();
    violation->set_field(Shorten(WireField(details.field), kMaxValueBytes));
    violation->set_description(Shorten(message, 2 * kMaxValueBytes));
    out.add_details()->PackFrom(bad);
  }
  if (code == absl::StatusCode::kFailedPrecondition) {
    google::rpc::PreconditionFailure failure;
    auto* violation = failure.add_violations();
    violation->set_type(std::string(engine::ReasonName(reason)));
    violation->set_subject(Shorten(WireField(details.field), kMaxValueBytes));
    violation->set_description(Shorten(message, 2 * kMaxValueBytes));
    out.add_details()->PackFrom(failure);
  }
  if (engine::IsRetryable(reason)) {
    AddRetryInfo(details.retry_after.value_or(absl::Seconds(1)), out);
  }
  if (!request_id.empty()) {
    google::rpc::RequestInfo info;
    info.set_request_id(Shorten(request_id, kMaxValueBytes));
    out.add_details()->PackFrom(info);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(code), message, out.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  std::string message =
      absl::StrCat(View(CodeName(status.error_code())), ": ", status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& detail : details.details()) {
      google::rpc::ErrorInfo info;
      if (detail.UnpackTo(&info)) absl::StrAppend(&message, " [", info.reason(), "]");
    }
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), message);
}

std::string_view CodeName(grpc::StatusCode code) {
  static constexpr std::string_view kNames[] = {"OK",
                                                "CANCELLED",
                                                "UNKNOWN",
                                                "INVALID_ARGUMENT",
                                                "DEADLINE_EXCEEDED",
                                                "NOT_FOUND",
                                                "ALREADY_EXISTS",
                                                "PERMISSION_DENIED",
                                                "RESOURCE_EXHAUSTED",
                                                "FAILED_PRECONDITION",
                                                "ABORTED",
                                                "OUT_OF_RANGE",
                                                "UNIMPLEMENTED",
                                                "INTERNAL",
                                                "UNAVAILABLE",
                                                "DATA_LOSS",
                                                "UNAUTHENTICATED"};
  const int index = static_cast<int>(code);
  return index >= 0 && index < 17 ? kNames[index] : "UNKNOWN";
}

}  // namespace skep::server
