// The bounded queue between the engine and one reader.
#ifndef SKEP_ENGINE_STREAM_H_
#define SKEP_ENGINE_STREAM_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/response.h"

namespace skep::engine {

// What a reader tells the engine.
enum class StreamSignal {
  kCancel,  // asked for it, or went away
  kResume,  // has caught up: the paused sequences may run again
};

// Shared by the engine, which writes, and the reader's handle (StreamReader). Thread-safe, with one
// writer of events and one reader.
//
// It holds at most one event for each sequence, and one of each other kind: while the reader is
// slow, deltas of a sequence melt into one. Unread tokens are counted from the moment they were
// sampled; beyond the limit the engine is told to pause the request.
class Stream final {
 public:
  // `signal` is called without locks, from any thread; it must not block.
  Stream(int32_t max_unread_tokens, std::function<void(StreamSignal)> signal);

  // --- The engine's side.

  // Counts a sampled token, on its way to the reader. True if the request must pause now.
  bool TokenSampled();
  // Takes back tokens that the reader will never see.
  void TokensDropped(int64_t count);
  // Whether the request should be paused; what Resume signals say may be out of date.
  bool paused() const;
  // Grows whenever the reader takes something.
  uint64_t reads() const;

  // After RequestDone, and once the reader has gone, events are dropped.
  void Push(ResponseEvent event);

  // --- The reader's side: see ResponseStream.

  bool Next(ResponseEvent& event, std::function<void()> on_ready);
  ResponseEvent Wait();
  void Cancel();
  // The reader goes. Afterwards no callback of it runs, unless this is called from within it.
  void Detach();

 private:
  void Store(ResponseEvent event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Take(ResponseEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Readable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Forgets `count` unread tokens; true if the request may go on.
  bool Consume(int64_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t max_unread_tokens_;
  const std::function<void(StreamSignal)> signal_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<PromptProcessed> prompt_ ABSL_GUARDED_BY(mutex_);
  std::vector<OutputDelta> deltas_ ABSL_GUARDED_BY(mutex_);  // at most one for each index
  std::optional<Embeddings> embeddings_ ABSL_GUARDED_BY(mutex_);
  std::optional<RequestDone> done_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;        // RequestDone was pushed
  bool read_to_end_ ABSL_GUARDED_BY(mutex_) = false;  // ... and taken
  bool detached_ ABSL_GUARDED_BY(mutex_) = false;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t unread_tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t reads_ ABSL_GUARDED_BY(mutex_) = 0;
  std::function<void()> on_ready_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::thread::id> calling_ ABSL_GUARDED_BY(mutex_);  // who runs on_ready now
};

// The handle that a front end holds.
class StreamReader final : public ResponseStream {
 public:
  explicit StreamReader(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~StreamReader() override { stream_->Detach(); }

  bool Next(ResponseEvent& event, std::function<void()> on_ready) override {
    return stream_->Next(event, std::move(on_ready));
  }
  ResponseEvent Wait() override { return stream_->Wait(); }
  void Cancel() override { stream_->Cancel(); }

 private:
  const std::shared_ptr<Stream> stream_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_STREAM_H_
