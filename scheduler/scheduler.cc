#include "scheduler/scheduler.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/admission.h"
#include "scheduler/policy.h"
#include "scheduler/scheduler_impl.h"

namespace skep {

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Create(SchedulerOptions options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  return std::unique_ptr<Scheduler>(new Scheduler(std::make_unique<Impl>(std::move(options))));
}

Scheduler::Scheduler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Scheduler::~Scheduler() = default;

absl::StatusOr<SequenceId> Scheduler::Submit(Request request) {
  return impl_->Submit(std::move(request));
}
bool Scheduler::Cancel(RequestId id, FinishReason reason) { return impl_->Cancel(id, reason); }
bool Scheduler::FinishSequence(SequenceId id, FinishReason reason, int64_t num_generated) {
  return impl_->FinishSequence(id, reason, num_generated);
}
bool Scheduler::FailSequence(SequenceId id) { return impl_->FailSequence(id); }
bool Scheduler::Pause(SequenceId id) { return impl_->SetPaused(id, true); }
bool Scheduler::Resume(SequenceId id) { return impl_->SetPaused(id, false); }
void Scheduler::Plan(double now, const StepCosts& costs, skep::Plan& plan,
                     std::vector<SchedulerEvent>& events) {
  impl_->Plan(now, costs, plan, events);
}
absl::Status Scheduler::Commit(const StepResult& result, double now,
                               std::vector<SchedulerEvent>& events) {
  return impl_->Commit(result, now, events);
}
void Scheduler::Abort(std::vector<SchedulerEvent>& events) { impl_->Abort(events); }
bool Scheduler::step_in_flight() const { return impl_->step_in_flight(); }
bool Scheduler::HasWork() const { return impl_->HasWork(); }
double Scheduler::NextDeadline() const { return impl_->NextDeadline(); }
SchedulerStats Scheduler::GetStats() const { return impl_->GetStats(); }
absl::Status Scheduler::CheckInvariants() const { return impl_->CheckInvariants(); }

Scheduler::Impl::Impl(SchedulerOptions options)
    : options_(std::move(options)),
      cache_(options_.layout, options_.prefix_cache && !options_.whole_prompts, options_.hash_key) {
  stats_.num_groups = cache_.num_groups();
  const size_t sequences = options_.max_sequences;
  running_.reserve(sequences);
  order_.reserve(sequences);
  step_.decodes.reserve(sequences);
  step_.prefills.reserve(sequences);
  rows_.reserve(sequences);
  samples_.reserve(sequences);
}

absl::StatusOr<SequenceId> Scheduler::Impl::Submit(Request request) {
  if (absl::Status status = CheckRequest(request, options_); !status.ok()) return status;
  if (absl::Status status = CheckFits(request, options_, cache_); !status.ok()) return status;
  if (requests_.contains(request.id)) {
    return absl::AlreadyExistsError(absl::StrCat("request ", request.id, " is alive"));
  }
  const int64_t queued = static_cast<int64_t>(waiting_.size()) - num_preempted_waiting_;
  if (queued >= options_.max_waiting) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the queue is full: ", queued, " requests wait, ", options_.max_waiting, " may"));
  }
  auto state = std::make_unique<RequestState>();
  state->request = std::move(request);
  const Request& wanted = state->request;
  state->number = num_submitted_++;
  state->rank_time = RankTime(wanted.arrival, wanted.priority, options_.ageing_seconds);
  state->max_tokens = MaxSequenceTokens(wanted, options_);
  state->parted = wanted.sampling.n == 1;
  state->sequences.resize(wanted.sampling.n);
  const SequenceId first = next_sequence_;
  for (Sequence& sequence : state->sequences) {
    sequence.index = static_cast<uint32_t>(next_sequence_ - first);
    sequence.id = next_sequence_++;
    sequence.request = state.get();
    sequence.tokens.reserve(state->max_tokens);
    sequence.tokens.assign(wanted.prompt.begin(), wanted.prompt.end());
    cache_.Prepare(sequence.blocks, state->max_tokens, wanted.cache_salt,
                   /*cached=*/!wanted.bypass_prefix_cache);
    sequences_[sequence.id] = &sequence;
  }
  Enqueue(waiting_, *state);
  requests_[wanted.id] = std::move(state);
  return first;
}

bool Scheduler::Impl::Cancel(RequestId id, FinishReason reason) {
  const auto found = requests_.find(id);
  if (found == requests_.end() || reason == FinishReason::kNone) return false;
  if (found->second->cancel == FinishReason::kNone) found->second->cancel = reason;
  return true;
}

bool Scheduler::Impl::FinishSequence(SequenceId id, FinishReason reason, int64_t num_generated) {
  Sequence* sequence = FindSequence(id);
  if (sequence == nullptr || reason == FinishReason::kNone) return false;
  if (sequence->finish != FinishReason::kNone) return true;
  sequence->finish = reason;
  sequence->finish_at = num_generated;
  return true;
}

bool Scheduler::Impl::FailSequence(SequenceId id) {
  Sequence* sequence = FindSequence(id);
  if (sequence == nullptr) return false;
  sequence->failed = true;
  if (!sequence->request->parted)
    return Cancel(sequence->request->request.id, FinishReason::kError);
  return FinishSequence(id, FinishReason::kError, std::numeric_limits<int64_t>::max());
}

bool Scheduler::Impl::SetPaused(SequenceId id, bool paused) {
  Sequence* sequence = FindSequence(id);
  if (sequence == nullptr) return false;
  sequence->paused = paused;
  return true;
}

// Ends what was cancelled, has expired or is to finish. No step may be in flight.
void Scheduler::Impl::Sweep(double now, Events& events) {
  for (std::vector<RequestState*>* list : {&running_, &waiting_}) {
    for (RequestState* request : *list) SweepRequest(*request, now, events);
    size_t kept = 0;
    for (RequestState* request : *list) {
      if (request->num_live() > 0) {
        (*list)[kept++] = request;
        continue;
      }
      if (list == &waiting_ && request->started) --num_preempted_waiting_;
      for (const Sequence& sequence : request->sequences) sequences_.erase(sequence.id);
      requests_.erase(request->request.id);
    }
    list->resize(kept);
  }
}

void Scheduler::Impl::SweepRequest(RequestState& request, double now, Events& events) {
  FinishReason reason = request.cancel;
  if (reason == FinishReason::kNone && request.request.deadline <= now) {
    reason = FinishReason::kDeadline;
  }
  for (Sequence& sequence : request.sequences) {
    if (sequence.done) continue;
    // A sequence that has met its own end is not cancelled any more.
    if (sequence.finish != FinishReason::kNone) {
      EndSequence(sequence, sequence.finish, sequence.finish_at, events);
    } else if (reason != FinishReason::kNone) {
      EndSequence(sequence, reason, std::numeric_limits<int64_t>::max(), events);
    }
  }
}

void Scheduler::Impl::EndSequence(Sequence& sequence, FinishReason reason, int64_t num_generated,
                                  Events& events) {
  RequestState& request = *sequence.request;
  const int64_t generated = static_cast<int64_t>(sequence.tokens.size()) - request.prompt_length();
  num_generated = std::clamp<int64_t>(num_generated, 0, generated);
  sequence.tokens.resize(request.prompt_length() + num_generated);
  sequence.done = true;
  // The prompt that the leader has computed so far passes to the next one.
  Sequence* heir = request.parted ? nullptr : request.leader();
  if (heir != nullptr && sequence.computed > 0) {
    std::swap(heir->blocks, sequence.blocks);
    heir->computed = sequence.computed;
  }
  ReleaseSequence(sequence);
  if (!request.parted && request.num_live() == 1) request.parted = true;

  SchedulerEvent event = MakeEvent(SchedulerEvent::Kind::kSequenceFinished, sequence);
  event.reason = reason;
  event.token = sequence.stop_token;
  events.push_back(event);
  ++stats_.finished[static_cast<int>(reason)];
  if (request.num_live() > 0) return;
  event.kind = SchedulerEvent::Kind::kRequestDone;
  events.push_back(event);
  ++stats_.requests_done[static_cast<int>(reason)];
}

// The one function through which a sequence gives up its blocks. Idempotent.
void Scheduler::Impl::ReleaseSequence(Sequence& sequence) {
  cache_.Release(sequence.blocks);
  sequence.computed = 0;
  sequence.num_copies = 0;
  sequence.planned = 0;
  sequence.pooled.clear();
}

void Scheduler::Impl::Preempt(RequestState& request, Eviction why, Events& events) {
  for (Sequence& sequence : request.sequences) {
    if (sequence.planned > 0) {  // takes its row out of the step that is being planned
      auto& decodes = step_.decodes;
      const auto decode = std::find(decodes.begin(), decodes.end(), &sequence);
      if (decode != decodes.end()) {
        decodes.erase(decode);
        --step_.decode_rows;
      } else {
        std::erase(step_.prefills, &sequence);
        step_.prefill_tokens -= sequence.planned;
      }
    }
    ReleaseSequence(sequence);
  }
  request.parted = request.num_live() == 1;
  request.running = false;
  running_.erase(std::find(running_.begin(), running_.end(), &request));
  if (why == Eviction::kForBlocks && request.paused()) {
    ++stats_.paused_preemptions;
  } else if (why == Eviction::kForBlocks) {
    ++stats_.preemptions;
    request.sheltered = ++request.preemptions >= options_.max_preemptions;
  }
  Enqueue(waiting_, request);
  ++num_preempted_waiting_;
  SchedulerEvent event;
  event.kind = SchedulerEvent::Kind::kPreempted;
  event.request = request.request.id;
  events.push_back(event);
}

void Scheduler::Impl::Enqueue(std::vector<RequestState*>& list, RequestState& request) {
  const auto place = std::upper_bound(
      list.begin(), list.end(), &request,
      [](const RequestState* a, const RequestState* b) { return RanksBefore(*a, *b); });
  list.insert(place, &request);
}

Sequence* Scheduler::Impl::FindSequence(SequenceId id) {
  const auto found = sequences_.find(id);
  return found == sequences_.end() || found->second->done ? nullptr : found->second;
}

int32_t Scheduler::Impl::NumRunningSequences() const {
  int32_t live = 0;
  for (const RequestState* request : running_) live += request->num_live();
  return live;
}

bool Scheduler::Impl::HasWork() const {
  for (const std::vector<RequestState*>* list : {&running_, &waiting_}) {
    for (const RequestState* request : *list) {
      if (!request->paused() || request->cancel != FinishReason::kNone) return true;
      for (const Sequence& sequence : request->sequences) {
        if (!sequence.done && sequence.finish != FinishReason::kNone) return true;
      }
    }
  }
  return false;
}

double Scheduler::Impl::NextDeadline() const {
  double next = std::numeric_limits<double>::infinity();
  for (const auto& [id, request] : requests_) next = std::min(next, request->request.deadline);
  return next;
}

SchedulerStats Scheduler::Impl::GetStats() const {
  SchedulerStats stats = stats_;
  stats.running = static_cast<int32_t>(running_.size());
  stats.waiting = static_cast<int32_t>(waiting_.size());
  stats.sequences = NumRunningSequences();
  for (int group = 0; group < cache_.num_groups(); ++group) {
    const BlockPool& pool = cache_.pool(group);
    stats.blocks[group] = {pool.total(), pool.num_free(), pool.num_cached()};
  }
  return stats;
}

absl::Status Scheduler::Impl::CheckInvariants() const {
  for (const Row& row : rows_) {
    const int64_t first = row.sequence->computed;
    for (int group = 0; group < cache_.num_groups(); ++group) {
      for (int64_t i = first / cache_.block_size(); i * cache_.block_size() < first + row.count;
           ++i) {
        const BlockId block = row.sequence->blocks.tables[group][i];
        const BlockPool& pool = cache_.pool(group);
        if (pool.references(block) == 1 && pool.tag(block) == BlockPool::kNoTag) continue;
        return absl::InternalError(absl::StrCat(
            "sequence ", row.sequence->id, " writes a shared block of group ", group, ": ", block));
      }
    }
  }
  for (int group = 0; group < cache_.num_groups(); ++group) {
    const BlockPool& pool = cache_.pool(group);
    std::vector<int32_t> owners(pool.total(), 0);
    for (const auto& [id, request] : requests_) {
      for (const Sequence& sequence : request->sequences) {
        for (BlockId block : sequence.blocks.tables[group]) {
          if (block != kNoBlock) ++owners[block];
        }
      }
    }
    int32_t used = 0;
    for (BlockId block = 0; block < pool.total(); ++block) {
      if (owners[block] != pool.references(block)) {
        return absl::InternalError(absl::StrCat("group ", group, " block ", block, ": ",
                                                pool.references(block), " references, ",
                                                owners[block], " owners"));
      }
      used += owners[block] > 0 ? 1 : 0;
    }
    if (used + pool.num_free() + pool.num_cached() != pool.total()) {
      return absl::InternalError(absl::StrCat("group ", group, ": ", used, " used + ",
                                              pool.num_free(), " free + ", pool.num_cached(),
                                              " cached, of ", pool.total()));
    }
  }
  return absl::OkStatus();
}

}  // namespace skep
