#include "engine/output_processor.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/embedding_call.h"
#include "engine/engine.h"
#include "engine/inbox.h"
#include "engine/live_request.h"
#include "engine/request_output.h"
#include "engine/response.h"

namespace skep::engine {
namespace {

// From one stage to the next; zero if the request did not come so far.
absl::Duration Between(absl::Time from, absl::Time to) {
  if (from == absl::InfinitePast() || to == absl::InfinitePast()) return absl::ZeroDuration();
  return to - from;
}

EngineObserver::Finished Summary(const LiveRequest& live, const RequestTimes& times,
                                 const Usage& usage, FinishReason reason) {
  const bool started = times.started != absl::InfinitePast();
  return {.reason = reason,
          .prompt_tokens = usage.prompt_tokens,
          .generated_tokens = usage.generated_tokens,
          .embedding = live.call != nullptr,
          .queued = Between(live.arrival, started ? times.started : times.done),
          .prefill = Between(times.started, times.first_token),
          .decode = Between(times.first_token, times.last_token),
          .total = Between(live.arrival, times.done)};
}

}  // namespace

OutputProcessor::OutputProcessor(int threads, Parts parts) : parts_(parts) {
  for (int i = 0; i < std::max(threads, 1); ++i) {
    lanes_.push_back(std::make_unique<Lane>());
    Lane& lane = *lanes_.back();
    lane.thread = std::thread([this, &lane] { Run(lane); });
  }
}

OutputProcessor::~OutputProcessor() { Stop(); }

void OutputProcessor::Stop() {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    {
      std::lock_guard<std::mutex> lock(lane->mutex);
      lane->stopped = true;
    }
    lane->changed.notify_one();
    if (lane->thread.joinable()) lane->thread.join();
  }
}

void OutputProcessor::Dispatch(std::vector<OutputMessage>& messages) {
  for (OutputMessage& message : messages) {
    Lane& lane = *lanes_[message.request->id % lanes_.size()];
    lane.next.push_back(std::move(message));
  }
  messages.clear();
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    if (lane->next.empty()) continue;
    {
      std::lock_guard<std::mutex> lock(lane->mutex);
      lane->queue.insert(lane->queue.end(), std::make_move_iterator(lane->next.begin()),
                         std::make_move_iterator(lane->next.end()));
    }
    lane->changed.notify_one();
    lane->next.clear();
  }
}

void OutputProcessor::Run(Lane& lane) {
  std::vector<OutputMessage> batch;
  std::unique_lock<std::mutex> lock(lane.mutex);
  while (true) {
    lane.changed.wait(
        lock, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return lane.stopped || !lane.queue.empty(); });
    if (lane.queue.empty()) return;
    batch.swap(lane.queue);
    lock.unlock();
    for (OutputMessage& message : batch) Handle(message);
    batch.clear();
    lock.lock();
  }
}

void OutputProcessor::Handle(OutputMessage& message) {
  LiveRequest& live = *message.request;
  if (live.output == nullptr) {
    live.output = std::make_unique<RequestOutput>(live, parts_.tokenizer, parts_.format);
  }
  RequestOutput::Outcome outcome = live.output->Handle(message);
  if (outcome.tokens > 0 && !live.internal) parts_.stats.AddGenerated(outcome.tokens);
  if (outcome.stop.has_value()) {
    parts_.inbox.Post(StopSequence{live.id, outcome.stop->index, outcome.stop->tokens});
  }
  if (outcome.done.has_value()) Complete(live, message, *std::move(outcome.done));
}

// Whoever reads RequestDone finds the request in all counters.
void OutputProcessor::Complete(LiveRequest& live, const OutputMessage& message, RequestDone done) {
  if (!live.internal) Observe(live, message, done);
  if (live.call != nullptr) return CompleteInput(live, std::move(done));
  live.stream->Push(std::move(done));
  parts_.gate.Leave();
}

void OutputProcessor::Observe(const LiveRequest& live, const OutputMessage& message,
                              const RequestDone& done) {
  if (message.rejected) return parts_.observer.OnRejected(done.status);
  FinishReason reason = live.output->last_reason();
  if (reason == FinishReason::kNone) reason = message.reason;
  parts_.observer.OnFinished(Summary(live, message.times, done.usage, reason));
}

// The call passed the gate once, for all its inputs.
void OutputProcessor::CompleteInput(LiveRequest& live, RequestDone done) {
  EmbeddingCall& call = *live.call;
  const EmbeddingCall::Outcome outcome =
      call.Add(live.input, std::move(done), live.output->TakeEmbedding());
  for (size_t i = 0; outcome.failed && i < call.num_inputs(); ++i) {
    if (i != live.input) parts_.inbox.Post(CancelRequest{call.first_request() + i});
  }
  if (outcome.ended) parts_.gate.Leave();
}

}  // namespace skep::engine
