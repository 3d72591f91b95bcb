// What other threads ask of the engine's loop.
#ifndef SKEP_ENGINE_INBOX_H_
#define SKEP_ENGINE_INBOX_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/clock.h"
#include "engine/error.h"
#include "engine/live_request.h"
#include "scheduler/types.h"

namespace skep::engine {

// A request was accepted; its prompt is not tokenised yet.
struct RequestArrived {
  std::shared_ptr<LiveRequest> request;
};
struct RequestTokenized {
  RequestId id = 0;
  TokenizedPrompt prompt;
};
struct CancelRequest {
  RequestId id = 0;
};
// A stop string was found in a sequence's text, after so many tokens.
struct StopSequence {
  RequestId id = 0;
  uint32_t index = 0;
  int64_t tokens = 0;
};
// The reader has caught up.
struct ResumeRequest {
  RequestId id = 0;
};
// All requests end now, with kDraining.
struct EndAll {};

using Command = std::variant<RequestArrived, RequestTokenized, CancelRequest, StopSequence,
                             ResumeRequest, EndAll>;

// Thread-safe; one thread takes. It outlives the engine where a stream does.
class Inbox final {
 public:
  // Dropped once closed.
  void Post(Command command);
  // Posts nothing; the loop wakes and sees that it is over.
  void Close();
  bool closed() const;

  // Replaces `commands` by those that have come.
  void Take(std::vector<Command>& commands);
  // Returns when there are some, it is closed, or `deadline` has passed on `clock`.
  void WaitUntil(Clock& clock, absl::Time deadline);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Command> commands_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_INBOX_H_
