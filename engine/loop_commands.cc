// The half of the loop that listens: commands of other threads, and alarms.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/error.h"
#include "engine/inbox.h"
#include "engine/live_request.h"
#include "engine/loop.h"
#include "scheduler/request.h"
#include "scheduler/types.h"

namespace skep::engine {
namespace {

constexpr char kDraining[] = "the server is shutting down";

absl::Status DrainingError() { return MakeError(Reason::kDraining, kDraining); }

absl::Status DeadlineError() {
  return MakeError(Reason::kDeadlineExceeded, "the request's deadline passed");
}

// The scheduler's refusals in the engine's words.
absl::Status Translate(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
      return MakeError(Reason::kNeverFits, status.message());
    case absl::StatusCode::kResourceExhausted:
      return MakeError(Reason::kQueueFull, status.message());
    case absl::StatusCode::kInvalidArgument:
      return MakeError(Reason::kInvalidField, status.message());
    default:
      return MakeError(Reason::kInternal, status.message());
  }
}

}  // namespace

void Loop::TakeCommands() {
  parts_.inbox.Take(commands_);
  for (Command& command : commands_) {
    std::visit([this](auto& which) { Apply(which); }, command);
  }
  commands_.clear();
}

void Loop::Apply(RequestArrived& command) {
  const RequestId id = command.request->id;
  const auto it = requests_.emplace(id, Tracked{.live = std::move(command.request)}).first;
  ++tokenizing_;
  if (ended_all_) return EndUnsubmitted(it, FinishReason::kCancelled, DrainingError(), false);
  SetAlarm(it->second, it->second.live->deadline);
}

void Loop::Apply(RequestTokenized& command) {
  const auto it = requests_.find(command.id);
  if (it == requests_.end()) return;  // ended meanwhile
  absl::Status status = std::move(command.prompt.status);
  if (status.ok()) status = Submit(it->second, std::move(command.prompt));
  if (!status.ok()) EndUnsubmitted(it, FinishReason::kError, std::move(status), true);
}

absl::Status Loop::Submit(Tracked& tracked, TokenizedPrompt prompt) {
  LiveRequest& live = *tracked.live;
  live.ticket.Resize(static_cast<int64_t>(prompt.ids.size() * sizeof(TokenId)));
  live.prompt = std::move(prompt.ids);
  live.truncated = prompt.truncated;
  live.answer_context = std::move(prompt.answer_context);
  live.sampling = std::move(prompt.sampling);
  live.request.prompt = TokenPrompt{};  // its text is needed no more
  const bool pools = live.call != nullptr;
  const absl::StatusOr<SequenceId> first =
      parts_.scheduler.Submit({.id = live.id,
                               .prompt = live.prompt,
                               .sampling = live.sampling,
                               .kind = pools ? RequestKind::kPool : RequestKind::kGenerate,
                               .pooling = pools ? live.call->params().pooling : Pooling::kLast,
                               .priority = live.request.priority,
                               .arrival = Seconds(live.arrival),
                               .deadline = Seconds(live.deadline),
                               .cache_salt = live.request.tenant,
                               .bypass_prefix_cache = live.request.bypass_prefix_cache});
  if (!first.ok()) return Translate(first.status());
  tracked.submitted = true;
  tracked.first_sequence = *first;
  tracked.last_tokens.assign(live.sampling.n, absl::InfinitePast());
  --tokenizing_;
  SetAlarm(tracked, absl::InfiniteFuture());  // the scheduler watches the deadline now
  return absl::OkStatus();
}

void Loop::Apply(CancelRequest& command) {
  const auto it = requests_.find(command.id);
  if (it == requests_.end()) return;
  End(it, FinishReason::kCancelled, MakeError(Reason::kCancelled, "the client cancelled"));
}

void Loop::Apply(StopSequence& command) {
  const auto it = requests_.find(command.id);
  if (it == requests_.end()) return;
  parts_.scheduler.FinishSequence(it->second.first_sequence + command.index, FinishReason::kStop,
                                  command.tokens);
}

void Loop::Apply(ResumeRequest& command) {
  const auto it = requests_.find(command.id);
  if (it == requests_.end() || !it->second.submitted) return;
  Tracked& tracked = it->second;
  if (tracked.live->stream->paused()) return;  // again: the signal was on its way too long
  for (int32_t i = 0; i < tracked.live->sampling.n; ++i) {
    parts_.scheduler.Resume(tracked.first_sequence + i);
  }
  SetAlarm(tracked, absl::InfiniteFuture());
}

void Loop::Apply(EndAll&) {
  ended_all_ = true;
  EndEverything(Reason::kDraining, kDraining);
}

void Loop::End(Map::iterator it, FinishReason reason, absl::Status status) {
  Tracked& tracked = it->second;
  if (!tracked.submitted) return EndUnsubmitted(it, reason, std::move(status), false);
  if (!tracked.ended.ok()) return;
  tracked.ended = std::move(status);
  parts_.scheduler.Cancel(it->first, reason);
}

void Loop::EndUnsubmitted(Map::iterator it, FinishReason reason, absl::Status status,
                          bool rejected) {
  Tracked& tracked = it->second;
  tracked.live->abandoned = true;
  tracked.live->ticket.Release();
  tracked.times.done = now_;
  OutputMessage& message = AddMessage(OutputMessage::Kind::kDone, tracked);
  message.reason = reason;
  message.ended = std::move(status);
  message.times = tracked.times;
  message.rejected = rejected;
  SetAlarm(tracked, absl::InfiniteFuture());
  --tokenizing_;
  requests_.erase(it);
}

void Loop::EndEverything(Reason reason, absl::string_view message) {
  std::vector<RequestId> ids;
  ids.reserve(requests_.size());
  for (const auto& [id, tracked] : requests_) ids.push_back(id);
  for (const RequestId id : ids) {
    End(requests_.find(id), FinishReason::kCancelled, MakeError(reason, message));
  }
}

void Loop::RingAlarms() {
  while (!alarms_.empty() && alarms_.begin()->first <= now_) {
    const auto it = requests_.find(alarms_.begin()->second);
    SetAlarm(it->second, absl::InfiniteFuture());
    if (it->second.submitted) {
      CheckReader(it);
    } else {
      EndUnsubmitted(it, FinishReason::kDeadline, DeadlineError(), false);
    }
  }
}

// A request has at most one alarm: the deadline before the scheduler knows it, the stalled reader's
// limit afterwards.
void Loop::SetAlarm(Tracked& tracked, absl::Time when) {
  if (tracked.alarm == when) return;
  if (tracked.alarm != absl::InfiniteFuture()) alarms_.erase({tracked.alarm, tracked.live->id});
  tracked.alarm = when;
  if (when != absl::InfiniteFuture()) alarms_.insert({when, tracked.live->id});
}

void Loop::PauseReader(Tracked& tracked) {
  for (int32_t i = 0; i < tracked.live->sampling.n; ++i) {
    parts_.scheduler.Pause(tracked.first_sequence + i);
  }
  tracked.reads_when_paused = tracked.live->stream->reads();
  SetAlarm(tracked, now_ + parts_.options.stalled_reader_limit);
}

void Loop::CheckReader(Map::iterator it) {
  Tracked& tracked = it->second;
  if (!tracked.live->stream->paused()) return;
  const uint64_t reads = tracked.live->stream->reads();
  if (reads != tracked.reads_when_paused) {  // slow, not stalled
    tracked.reads_when_paused = reads;
    return SetAlarm(tracked, now_ + parts_.options.stalled_reader_limit);
  }
  const std::string limit = absl::FormatDuration(parts_.options.stalled_reader_limit);
  End(it, FinishReason::kCancelled,
      MakeError(Reason::kStalledReader,
                absl::StrCat("the client has read nothing for ", limit, " while ",
                             parts_.options.max_unread_tokens, " tokens waited for it"),
                {.metadata = {{"limit", limit}}}));
}

}  // namespace skep::engine
