// Drives one engine::ResponseStream from one gRPC reactor, without a thread of its own.
#ifndef SKEP_SERVER_GRPC_STREAM_REACTOR_H_
#define SKEP_SERVER_GRPC_STREAM_REACTOR_H_

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "engine/response.h"

namespace skep::server {

// Base is a grpc::Server*Reactor; Derived (the front end's message format) supplies
//
//   void Add(engine::ResponseEvent& event)        adds an event to its message
//   bool Full() const                             the message should be sent before more is added
//   bool HasMessage() const                       something was added that can be sent now
//   void StartMessage()                           starts the write; its end is told to WriteEnded()
//   void End(const engine::RequestDone& done)     sends what is left and finishes the call
//
// All of them are called by one thread at a time. Which one: whoever ended the last thing that was
// under way. Two things can be: the stream was asked to tell when it has an event, and a write was
// started. `under_way_` counts them, plus one for a thread that is inside Run(). Whoever takes it
// to zero runs next, so no event is taken from the stream while a write is pending: a reader that
// does not read fills the engine's bounded queue, and nothing else.
//
// The call ends exactly once, with RequestDone: cancelling and broken connections go the same way,
// by cancelling the stream.
template <typename Base, typename Derived>
class StreamReactor : public Base {
 public:
  void OnCancel() override {
    if (stream_ != nullptr) stream_->Cancel();
  }

 protected:
  // Called by the handler, before it returns the reactor to gRPC.
  void Start(std::unique_ptr<engine::ResponseStream> stream) {
    stream_ = std::move(stream);
    under_way_ = 1;
    Run();
  }

  void WriteEnded(bool ok) {
    if (!ok) {
      broken_ = true;
      stream_->Cancel();
    }
    Release();
  }

  // The peer is gone: nothing can be sent any more.
  bool broken() const { return broken_; }

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }

  void Release() {
    if (under_way_.fetch_sub(1) != 1) return;
    under_way_ = 1;
    Run();
  }

  // After End() this object may be gone at any moment.
  void Run() {
    while (true) {
      if (!done_.has_value()) TakeEvents();
      const bool message = !broken_ && derived().HasMessage();
      if (done_.has_value() && (!message || done_->status.ok())) {
        derived().End(*done_);
        return;
      }
      if (message) {
        ++under_way_;
        derived().StartMessage();
      }
      if (under_way_.fetch_sub(1) != 1) return;
      under_way_ = 1;
    }
  }

  void TakeEvents() {
    engine::ResponseEvent event;
    while (!derived().Full()) {
      ++under_way_;
      if (!stream_->Next(event, [this] { Release(); })) return;
      --under_way_;
      if (auto* done = std::get_if<engine::RequestDone>(&event)) {
        done_ = std::move(*done);
        return;
      }
      if (!broken_) derived().Add(event);
    }
  }

  std::unique_ptr<engine::ResponseStream> stream_;
  std::atomic<int> under_way_{0};
  std::optional<engine::RequestDone> done_;
  bool broken_ = false;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_STREAM_REACTOR_H_
