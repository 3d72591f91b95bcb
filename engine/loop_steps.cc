// The half of the loop that works: plan, run, commit, and pass on what came of it.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/error.h"
#include "engine/loop.h"
#include "engine/request_output.h"
#include "scheduler/event.h"
#include "scheduler/plan.h"
#include "scheduler/types.h"

namespace skep::engine {
namespace {

// When failures without a success in between add up to this, the device is to blame. A step of
// several rows all of which failed counts twice; one of a single row may be that request's fault.
constexpr int kMaxFailures = 4;

}  // namespace

Loop::Loop(Parts parts)
    : parts_(parts), epoch_(parts.clock.Now()), runner_(parts.runner), now_(epoch_) {}

void Loop::Run() {
  while (true) {
    const bool closed = parts_.inbox.closed();  // what was posted before is still taken
    now_ = parts_.clock.Now();
    TakeCommands();
    RingAlarms();
    if (closed) {
      EndAll all;
      Apply(all);
    }
    if (!Step()) {
      if (closed) return;
      Sleep();
    }
  }
}

bool Loop::Step() {
  if (parts_.scheduler.HasWork()) parts_.health.Working(now_);
  parts_.scheduler.Plan(Seconds(now_), costs_.costs(), plan_, events_);
  HandleEvents();
  Publish();
  if (plan_.empty()) {
    if (!parts_.scheduler.HasWork()) parts_.health.Idle();
    return false;
  }
  RunPlan();
  HandleEvents();
  Publish();
  return true;
}

void Loop::RunPlan() {
  const absl::Time start = now_;
  runner_.Run(plan_, result_, failed_);
  now_ = parts_.clock.Now();
  ++steps_;
  if (failed_.empty()) costs_.Add(plan_, now_ - start);
  parts_.observer.OnStep(plan_.num_tokens, now_ - start);
  parts_.health.Advanced(now_);

  const bool whole_step_failed = failed_.size() == plan_.rows.size();
  JudgeFailures(whole_step_failed);
  // Before the device is blamed it gets a second chance, with the same rows.
  if (whole_step_failed && failed_.size() > 1 && failures_in_a_row_ < kMaxFailures) {
    parts_.scheduler.Abort(events_);
    return;
  }
  for (const StepRunner::FailedRow& row : failed_) parts_.scheduler.FailSequence(row.sequence);
  const absl::Status status = parts_.scheduler.Commit(result_, Seconds(now_), events_);
  if (status.ok()) return;
  parts_.scheduler.Abort(events_);
  failed_.clear();
  EndEverything(Reason::kInternal, status.message());
}

void Loop::JudgeFailures(bool whole_step_failed) {
  if (!whole_step_failed) {
    failures_in_a_row_ = 0;
    return;
  }
  failures_in_a_row_ += failed_.size() > 1 ? 2 : 1;
  if (failures_in_a_row_ < kMaxFailures) return;
  const std::string why =
      absl::StrCat("the model runner fails: ", failed_.front().status.message());
  parts_.health.Broke(absl::InternalError(why));
  EndEverything(Reason::kInternal, why);
}

void Loop::HandleEvents() {
  for (const SchedulerEvent& event : events_) {
    const auto it = requests_.find(event.request);
    if (it == requests_.end()) continue;
    switch (event.kind) {
      case SchedulerEvent::Kind::kStarted:
        OnStarted(it->second, event);
        break;
      case SchedulerEvent::Kind::kToken:
        OnToken(it->second, event);
        break;
      case SchedulerEvent::Kind::kPromptLogprob:
        OnPromptLogprob(it->second, event);
        break;
      case SchedulerEvent::Kind::kPooled:
        OnPooled(it->second, event);
        break;
      case SchedulerEvent::Kind::kPreempted:
        break;
      case SchedulerEvent::Kind::kSequenceFinished:
        OnSequenceFinished(it->second, event);
        break;
      case SchedulerEvent::Kind::kRequestDone:
        OnRequestDone(it, event);
        break;
    }
  }
  events_.clear();
}

void Loop::OnStarted(Tracked& tracked, const SchedulerEvent& event) {
  LiveRequest& live = *tracked.live;
  live.ticket.Release();
  tracked.times.started = now_;
  AddMessage(OutputMessage::Kind::kStarted, tracked).cached_tokens = event.cached_tokens;
  if (live.internal) return;
  parts_.stats.AddPrompt(static_cast<int64_t>(live.prompt.size()), event.cached_tokens);
}

void Loop::OnToken(Tracked& tracked, const SchedulerEvent& event) {
  absl::Time& last = tracked.last_tokens[event.index];
  if (!tracked.live->internal) {
    if (tracked.times.first_token == absl::InfinitePast()) {
      parts_.observer.OnFirstToken(now_ - tracked.live->arrival);
    }
    if (last != absl::InfinitePast()) parts_.observer.OnInterTokenLatency(now_ - last);
  }
  if (tracked.times.first_token == absl::InfinitePast()) tracked.times.first_token = now_;
  tracked.times.last_token = last = now_;

  OutputMessage& message = AddMessage(OutputMessage::Kind::kToken, tracked);
  message.index = event.index;
  message.token = event.token;
  if (tracked.live->sampling.logprobs >= 0) {
    SampleResult& sample = result_.samples[event.result];
    message.logprobs = {.chosen = sample.chosen, .top = sample.top};
  }
  if (tracked.live->stream->TokenSampled()) PauseReader(tracked);
}

void Loop::OnPromptLogprob(Tracked& tracked, const SchedulerEvent& event) {
  const PromptLogprob& logprob = result_.prompt_logprobs[event.result];
  OutputMessage& message = AddMessage(OutputMessage::Kind::kPromptLogprob, tracked);
  message.position = event.position;
  message.logprobs = {.chosen = logprob.chosen, .top = logprob.top};
}

void Loop::OnPooled(Tracked& tracked, const SchedulerEvent& event) {
  tracked.times.first_token = tracked.times.last_token = now_;
  AddMessage(OutputMessage::Kind::kPooled, tracked).pooled =
      std::move(result_.pooled[event.result].values);
}

void Loop::OnSequenceFinished(Tracked& tracked, const SchedulerEvent& event) {
  // The scheduler watches the deadlines; whatever else cuts a request short came from here.
  if (event.reason == FinishReason::kDeadline && tracked.ended.ok()) {
    tracked.ended = MakeError(Reason::kDeadlineExceeded, "the request's deadline passed");
  }
  if (event.reason == FinishReason::kError && tracked.failure.ok()) {
    const auto row = std::find_if(failed_.begin(), failed_.end(), [&](const auto& failed) {
      return failed.sequence >= tracked.first_sequence &&
             failed.sequence < tracked.first_sequence + tracked.last_tokens.size();
    });
    tracked.failure =
        row != failed_.end()
            ? MakeError(Reason::kInternal,
                        absl::StrCat("the model failed on this request: ", row->status.message()))
            : MakeError(Reason::kInvalidLogits, "the model's output for this request was NaN");
  }
  // The end belongs to the token that brought it, so that its text is known to be the last.
  for (auto it = messages_.rbegin(); it != messages_.rend(); ++it) {
    if (it->request != tracked.live || it->index != event.index) continue;
    if (it->kind != OutputMessage::Kind::kToken) continue;
    it->reason = event.reason;
    it->stop_token = event.token;
    return;
  }
  OutputMessage& message = AddMessage(OutputMessage::Kind::kSequenceFinished, tracked);
  message.index = event.index;
  message.reason = event.reason;
  message.stop_token = event.token;
}

void Loop::OnRequestDone(Map::iterator it, const SchedulerEvent& event) {
  Tracked& tracked = it->second;
  tracked.live->ticket.Release();
  tracked.times.done = now_;
  OutputMessage& message = AddMessage(OutputMessage::Kind::kDone, tracked);
  message.reason = event.reason;
  message.ended = std::move(tracked.ended);
  message.failure = std::move(tracked.failure);
  message.times = tracked.times;
  SetAlarm(tracked, absl::InfiniteFuture());
  requests_.erase(it);
}

OutputMessage& Loop::AddMessage(OutputMessage::Kind kind, const Tracked& tracked) {
  return messages_.emplace_back(OutputMessage{.kind = kind, .request = tracked.live});
}

// Counters first: who reads a request's last event finds them up to date.
void Loop::Publish() {
  parts_.stats.Update(parts_.scheduler.GetStats(), tokenizing_, steps_);
  parts_.output.Dispatch(messages_);
}

void Loop::Sleep() {
  absl::Time wake = alarms_.empty() ? absl::InfiniteFuture() : alarms_.begin()->first;
  const double deadline = parts_.scheduler.NextDeadline();
  if (std::isfinite(deadline)) {
    // Rounded up: the scheduler compares doubles.
    wake = std::min(wake, epoch_ + absl::Seconds(deadline) + absl::Microseconds(1));
  }
  parts_.inbox.WaitUntil(parts_.clock, wake);
}

}  // namespace skep::engine
