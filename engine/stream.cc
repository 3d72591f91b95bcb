#include "engine/stream.h"

#include <cstdint>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>

#include "engine/error.h"
#include "engine/response.h"

namespace skep::engine {
void Append(OutputDelta& whole, OutputDelta more) {
  whole.text += more.text;
  whole.reasoning += more.reasoning;
  AppendToolCalls(whole.tool_calls, std::move(more.tool_calls));
  whole.token_ids.insert(whole.token_ids.end(), more.token_ids.begin(), more.token_ids.end());
  whole.logprobs.insert(whole.logprobs.end(), std::make_move_iterator(more.logprobs.begin()),
                        std::make_move_iterator(more.logprobs.end()));
  if (more.finish.reason != FinishReason::kNone) whole.finish = std::move(more.finish);
}

Stream::Stream(int32_t max_unread_tokens, std::function<void(StreamSignal)> signal)
    : max_unread_tokens_(max_unread_tokens), signal_(std::move(signal)) {}

bool Stream::TokenSampled() {
  std::lock_guard<std::mutex> lock(mutex_);
  ++unread_tokens_;
  if (paused_ || detached_ || unread_tokens_ <= max_unread_tokens_) return false;
  paused_ = true;
  return true;
}

void Stream::TokensDropped(int64_t count) {
  bool resumed = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    resumed = Consume(count);
  }
  if (resumed) signal_(StreamSignal::kResume);
}

bool Stream::paused() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return paused_;
}

uint64_t Stream::reads() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return reads_;
}

void Stream::Push(ResponseEvent event) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (ended_ || detached_) return;
  Store(std::move(event));
  changed_.notify_all();
  if (on_ready_ == nullptr) return;
  const std::function<void()> on_ready = std::exchange(on_ready_, nullptr);
  calling_ = std::this_thread::get_id();
  lock.unlock();
  on_ready();
  lock.lock();
  calling_.reset();
  changed_.notify_all();
}

void Stream::Store(ResponseEvent event) {
  if (auto* prompt = std::get_if<PromptProcessed>(&event)) {
    prompt_ = std::move(*prompt);
  } else if (auto* delta = std::get_if<OutputDelta>(&event)) {
    for (OutputDelta& unread : deltas_) {
      if (unread.index == delta->index) return Append(unread, std::move(*delta));
    }
    deltas_.push_back(std::move(*delta));
  } else if (auto* embeddings = std::get_if<Embeddings>(&event)) {
    embeddings_ = std::move(*embeddings);
  } else {
    done_ = std::get<RequestDone>(std::move(event));
    ended_ = true;
  }
}

bool Stream::Take(ResponseEvent& event) {
  if (prompt_.has_value()) {
    event = *std::move(prompt_);
    prompt_.reset();
  } else if (!deltas_.empty()) {
    event = std::move(deltas_.front());
    deltas_.erase(deltas_.begin());
  } else if (embeddings_.has_value()) {
    event = *std::move(embeddings_);
    embeddings_.reset();
  } else if (done_.has_value()) {
    event = *std::move(done_);
    done_.reset();
    read_to_end_ = true;
  } else {
    return false;
  }
  ++reads_;
  return true;
}

bool Stream::Readable() const {
  return prompt_.has_value() || !deltas_.empty() || embeddings_.has_value() || done_.has_value();
}

bool Stream::Consume(int64_t count) {
  unread_tokens_ -= count;
  if (!paused_ || unread_tokens_ > max_unread_tokens_ / 2) return false;
  paused_ = false;
  return true;
}

bool Stream::Next(ResponseEvent& event, std::function<void()> on_ready) {
  bool resumed = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!Take(event)) {
      if (!read_to_end_) on_ready_ = std::move(on_ready);
      return false;
    }
    if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      resumed = Consume(static_cast<int64_t>(delta->token_ids.size()));
    }
  }
  if (resumed) signal_(StreamSignal::kResume);
  return true;
}

ResponseEvent Stream::Wait() {
  ResponseEvent event;
  while (!Next(event, nullptr)) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (read_to_end_) {
      return RequestDone{.status = MakeError(Reason::kInternal, "the stream was read to its end")};
    }
    changed_.wait(lock, [this] { return Readable() || read_to_end_; });
  }
  return event;
}

void Stream::Cancel() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_) return;
  }
  signal_(StreamSignal::kCancel);
}

void Stream::Detach() {
  std::unique_lock<std::mutex> lock(mutex_);
  detached_ = true;
  on_ready_ = nullptr;
  changed_.wait(
      lock, [this] { return !calling_.has_value() || *calling_ == std::this_thread::get_id(); });
  prompt_.reset();
  deltas_.clear();
  embeddings_.reset();
  done_.reset();
  const bool ended = ended_;
  lock.unlock();
  if (!ended) signal_(StreamSignal::kCancel);
}

}  // namespace skep::engine
