#include "server/grpc/call.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "engine/error.h"
#include "server/grpc/status.h"

namespace skep::server {

void CallTracker::Begin() {
  absl::MutexLock lock(&mutex_);
  ++active_;
}

void CallTracker::End() {
  absl::MutexLock lock(&mutex_);
  --active_;
}

bool CallTracker::WaitForNone(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return active_ == 0; };
  return mutex_.AwaitWithDeadline(absl::Condition(&none), deadline);
}

Call::Call(grpc::CallbackServerContext* context, std::string_view method, Metrics* metrics,
           CallTracker* tracker)
    : context_(context), method_(method), metrics_(metrics), tracker_(tracker) {
  tracker_->Begin();
}

Call::~Call() { tracker_->End(); }

grpc::Status Call::Finish(const absl::Status& status) {
  const grpc::Status out = ToGrpcStatus(status, request_id_);
  metrics_->CountCall(method_, CodeName(out.error_code()));
  if (!status.ok()) {
    const engine::Reason reason = engine::ReasonOf(status);
    if (engine::IsRetryable(reason)) {
      const absl::Duration delay = engine::DetailsOf(status).retry_after.value_or(absl::Seconds(1));
      const int64_t milliseconds = std::max<int64_t>(0, absl::ToInt64Milliseconds(delay));
      context_->AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(milliseconds));
    }
  }
  return out;
}

absl::Time Call::deadline() const {
  const std::chrono::system_clock::time_point deadline = context_->deadline();
  // gRPC's "none" is the largest time point, give or take a rounding.
  if (deadline >= std::chrono::system_clock::time_point::max() - std::chrono::hours(24)) {
    return absl::InfiniteFuture();
  }
  return absl::FromChrono(deadline);
}

}  // namespace skep::server
