// What every call of every gRPC service does at its end: count itself, and turn the engine's error
// into gRPC's. Calls in progress are counted, so that shutting down can wait for the last byte.
#ifndef SKEP_SERVER_GRPC_CALL_H_
#define SKEP_SERVER_GRPC_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/metrics/metrics.h"

namespace skep::server {

// Thread-safe.
class CallTracker final {
 public:
  void Begin();
  void End();
  // True when no call was in progress before `deadline`.
  bool WaitForNone(absl::Time deadline);

 private:
  absl::Mutex mutex_;
  int64_t active_ ABSL_GUARDED_BY(mutex_) = 0;
};

// One call from the handler to the reactor's OnDone.
class Call final {
 public:
  // `metrics` and `tracker` outlive the call; `method` is a literal.
  Call(grpc::CallbackServerContext* context, std::string_view method, Metrics* metrics,
       CallTracker* tracker);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Counts the call and gives the status to finish it with. Call it once. An error the client may
  // retry carries gRPC's own pushback too.
  grpc::Status Finish(const absl::Status& status);

  grpc::CallbackServerContext& context() { return *context_; }
  // The client's deadline, or the infinite future.
  absl::Time deadline() const;

  void set_request_id(std::string id) { request_id_ = std::move(id); }
  const std::string& request_id() const { return request_id_; }

 private:
  grpc::CallbackServerContext* context_;
  std::string_view method_;
  Metrics* metrics_;
  CallTracker* tracker_;
  std::string request_id_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_CALL_H_
