// The threads between the loop and the streams.
#ifndef SKEP_ENGINE_OUTPUT_PROCESSOR_H_
#define SKEP_ENGINE_OUTPUT_PROCESSOR_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/answer_format.h"
#include "engine/engine.h"
#include "engine/gate.h"
#include "engine/inbox.h"
#include "engine/request_output.h"
#include "engine/stats_board.h"
#include "engine/tokenizer/tokenizer.h"

namespace skep::engine {

// Each request belongs to one thread, so its events keep their order. What waits here is bounded,
// because unread tokens are counted from the moment the loop has sampled them.
class OutputProcessor final {
 public:
  struct Parts {  // all must outlive it
    const Tokenizer& tokenizer;
    const AnswerFormat& format;
    StatsBoard& stats;
    EngineObserver& observer;
    Gate& gate;    // left when a request is done
    Inbox& inbox;  // told of stop strings
  };

  OutputProcessor(int threads, Parts parts);
  ~OutputProcessor();

  // Hands over messages, from the loop's thread; leaves `messages` empty.
  void Dispatch(std::vector<OutputMessage>& messages);

  // Handles what has been dispatched and ends the threads. Idempotent.
  void Stop();

 private:
  struct Lane {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<OutputMessage> queue ABSL_GUARDED_BY(mutex);
    bool stopped ABSL_GUARDED_BY(mutex) = false;
    std::vector<OutputMessage> next;  // the loop's: what it will add to `queue`
    std::thread thread;
  };

  void Run(Lane& lane);
  void Handle(OutputMessage& message);
  void Complete(LiveRequest& live, const OutputMessage& message, RequestDone done);
  void Observe(const LiveRequest& live, const OutputMessage& message, const RequestDone& done);
  void CompleteInput(LiveRequest& live, RequestDone done);

  const Parts parts_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_OUTPUT_PROCESSOR_H_
