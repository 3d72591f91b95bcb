// Scheduler::Plan: decodes, then the prefill of those who run, then that of those who wait.
#include <algorithm>
#include <cmath>

#include "scheduler/admission.h"
#include "scheduler/policy.h"
#include "scheduler/scheduler_impl.h"

namespace skep {

void Scheduler::Impl::Plan(double now, const StepCosts& costs, skep::Plan& plan, Events& events) {
  plan.Clear();
  if (in_flight_) return;
  Sweep(now, events);
  ExpelPausedSheltered(events);
  PlanDecodes(events);
  if (PlanPrefills(costs, events)) PlanAdmissions(costs, events);
  EmitPlan(plan);
}

// Only one sheltered request runs at a time, so that nobody is left to take its blocks. One whose
// reader has stalled makes way for the next.
void Scheduler::Impl::ExpelPausedSheltered(Events& events) {
  if (running_.empty()) return;
  RequestState& first = *running_.front();  // sheltered requests rank first
  if (first.sheltered && first.paused()) Preempt(first, Eviction::kForBlocks, events);
}

void Scheduler::Impl::PlanDecodes(Events& events) {
  order_.assign(running_.begin(), running_.end());
  for (RequestState* request : order_) {
    if (!request->running || request->paused()) continue;
    for (Sequence& sequence : request->sequences) {
      if (request->Remaining(sequence) != 1 || !MakeRoom(sequence, 1, events)) continue;
      AddToStep(sequence, 1, /*decode=*/true);
    }
  }
}

// False if the step is full: nobody is admitted to what is left while one who runs could not use
// it.
bool Scheduler::Impl::PlanPrefills(const StepCosts& costs, Events& events) {
  order_.assign(running_.begin(), running_.end());
  for (RequestState* request : order_) {
    if (!request->running || request->paused()) continue;
    for (Sequence& sequence : request->sequences) {
      if (request->Remaining(sequence) <= 1 || sequence.planned > 0) continue;
      if (!PlanPrefill(sequence, costs, events)) return false;
    }
  }
  return true;
}

// How many of a sequence's next tokens can only be computed together.
int64_t Scheduler::Impl::SmallestPiece(const Sequence& sequence) const {
  if (!options_.whole_prompts) return 1;
  return std::max<int64_t>(sequence.request->prompt_length() - sequence.computed, 1);
}

// Tokens of prefill that the step can still take on for a sequence; 0 if it cannot take its
// smallest piece.
int32_t Scheduler::Impl::RoomInStep(const Sequence& sequence, const StepCosts& costs) const {
  const int64_t piece = SmallestPiece(sequence);
  // What cannot be cut into chunks may take longer than a step should.
  const int32_t min_tokens =
      piece > 1 && step_.prefill_tokens == 0 ? options_.max_batch_tokens : cache_.block_size();
  const int32_t room =
      PrefillRoom(options_, costs, step_.decode_rows, step_.prefill_tokens, min_tokens);
  return room < piece ? 0 : room;
}

// Plans the next chunk of a sequence. False if the step is full.
bool Scheduler::Impl::PlanPrefill(Sequence& sequence, const StepCosts& costs, Events& events) {
  RequestState& request = *sequence.request;
  const int32_t room = RoomInStep(sequence, costs);
  if (room == 0) return false;
  const int64_t count = std::min<int64_t>(request.Remaining(sequence), room);
  if (!MakeRoom(sequence, SmallestPiece(sequence), events)) return true;
  AddToStep(sequence, cache_.Fit(sequence.blocks, sequence.computed, count), /*decode=*/false);
  return true;
}

// Preempts others until the sequence can write `count` more tokens. False if that is not possible.
bool Scheduler::Impl::MakeRoom(Sequence& sequence, int64_t count, Events& events) {
  while (cache_.Fit(sequence.blocks, sequence.computed, count) < count) {
    RequestState* victim = ChooseVictim(running_, *sequence.request);
    if (victim == nullptr) return false;
    Preempt(*victim, Eviction::kForBlocks, events);
  }
  return true;
}

void Scheduler::Impl::AddToStep(Sequence& sequence, int64_t count, bool decode) {
  sequence.planned = static_cast<int32_t>(count);
  sequence.num_copies = cache_.Extend(sequence.blocks, sequence.computed, count, sequence.copies);
  if (decode) {
    step_.decodes.push_back(&sequence);
    ++step_.decode_rows;
  } else {
    step_.prefills.push_back(&sequence);
    step_.prefill_tokens += sequence.planned;
  }
}

void Scheduler::Impl::PlanAdmissions(const StepCosts& costs, Events& events) {
  while (RequestState* request = NextToAdmit()) {
    if (RoomInStep(*request->leader(), costs) == 0) return;
    if (!MakeRoomToAdmit(*request, events)) return;
    Admit(*request, events);
    if (!PlanPrefill(*request->leader(), costs, events)) return;
  }
}

// The first who waits, passing over those who could not use their turn: nobody else is admitted
// before it, so that a large request is not starved by small ones.
RequestState* Scheduler::Impl::NextToAdmit() {
  const bool shelter_taken = !running_.empty() && running_.front()->sheltered;
  for (RequestState* request : waiting_) {
    if (!request->paused() && !(request->sheltered && shelter_taken)) return request;
  }
  return nullptr;
}

// Finds the request's prefix and sees to it that it fits, if need be at the expense of requests
// whose readers have stalled.
bool Scheduler::Impl::MakeRoomToAdmit(RequestState& request, Events& events) {
  while (true) {
    if (NumRunningSequences() + request.num_live() <= options_.max_sequences) {
      BlocksPerGroup in_use;
      matched_ = MatchPrefix(request, in_use);
      if (FitsBesideRunning(request, in_use)) return true;
    }
    RequestState* paused = LastPaused(running_);
    if (paused == nullptr) return false;
    Preempt(*paused, Eviction::kForBlocks, events);
  }
}

int32_t Scheduler::Impl::MatchPrefix(RequestState& request, BlocksPerGroup& in_use) {
  const Sequence& leader = *request.leader();
  // The last token's logits or hidden state are needed, and those of the prompt's tokens that are
  // to be reported.
  int64_t limit = request.TargetLength(leader) - 1;
  if (request.request.sampling.prompt_logprobs >= 0 &&
      request.next_prompt_logprob < request.prompt_length() - 1) {
    limit = std::min(limit, request.next_prompt_logprob);
  }
  if (!leader.blocks.publishes || request.pools_all_tokens()) limit = 0;
  return cache_.Match(leader.tokens, limit, leader.blocks.salt, in_use);
}

// Whether all that the request knows of its tokens fits in the free blocks, above the watermark. If
// nobody runs, it may start with less.
bool Scheduler::Impl::FitsBesideRunning(RequestState& request, const BlocksPerGroup& in_use) const {
  if (running_.empty()) return true;
  size_t longest = 0;
  for (const Sequence& sequence : request.sequences) {
    if (!sequence.done) longest = std::max(longest, sequence.tokens.size());
  }
  const int64_t tokens = static_cast<int64_t>(longest);
  for (int group = 0; group < cache_.num_groups(); ++group) {
    const BlockPool& pool = cache_.pool(group);
    const int64_t needed = BlocksForRequest(cache_, group, tokens, request.prompt_length(),
                                            request.num_live(), options_.whole_prompts);
    const int64_t spare = static_cast<int64_t>(std::ceil(options_.watermark * pool.total()));
    if (std::max<int64_t>(needed - in_use[group], 0) + spare > pool.available()) return false;
  }
  return true;
}

void Scheduler::Impl::Admit(RequestState& request, Events& events) {
  Sequence& leader = *request.leader();
  cache_.Adopt(leader.blocks);
  leader.computed = static_cast<int64_t>(matched_) * cache_.block_size();
  waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &request));
  Enqueue(running_, request);
  request.running = true;
  if (request.started) {
    --num_preempted_waiting_;
    return;
  }
  request.started = true;
  stats_.prompt_tokens += request.prompt_length();
  if (leader.blocks.publishes && !request.pools_all_tokens()) {
    stats_.prefix_queries += request.prompt_length();
    stats_.prefix_hits += leader.computed;
  }
  SchedulerEvent event = MakeEvent(SchedulerEvent::Kind::kStarted, leader);
  event.cached_tokens = leader.computed;
  events.push_back(event);
}

void Scheduler::Impl::EmitPlan(skep::Plan& plan) {
  plan.step = ++step_number_;
  for (Sequence* sequence : step_.decodes) EmitRow(*sequence, plan);
  for (Sequence* sequence : step_.prefills) EmitRow(*sequence, plan);
  step_.decodes.clear();
  step_.prefills.clear();
  step_.decode_rows = 0;
  step_.prefill_tokens = 0;
  in_flight_ = !plan.rows.empty();
}

void Scheduler::Impl::EmitRow(Sequence& sequence, skep::Plan& plan) {
  const RequestState& request = *sequence.request;
  const auto view = [&request](const Sequence& s) {
    return SequenceView{s.id, s.index, s.tokens, request.prompt_length(),
                        &request.request.sampling};
  };
  PlanRow row;
  row.sequence = view(sequence);
  row.first_token = sequence.computed;
  row.count = sequence.planned;
  row.first_sample = static_cast<int32_t>(plan.samples.size());
  for (int group = 0; group < cache_.num_groups(); ++group) {
    row.block_tables[group] = sequence.blocks.tables[group];
  }
  const int64_t end = row.first_token + row.count;
  if (request.request.kind == RequestKind::kGenerate &&
      end == static_cast<int64_t>(sequence.tokens.size())) {
    for (Sequence& other : sequence.request->sequences) {
      if (other.done || (request.parted && &other != &sequence)) continue;
      plan.samples.push_back(view(other));
      samples_.push_back(&other);
      ++row.num_samples;
    }
  }
  if (request.request.kind == RequestKind::kPool &&
      (request.pools_all_tokens() || end == request.prompt_length())) {
    row.pool = static_cast<int32_t>(num_pools_++);
    plan.pools.push_back({request.request.pooling, sequence.pooled});
  }
  const int64_t wanted_end = std::min(end, request.prompt_length() - 1);
  if (request.request.sampling.prompt_logprobs >= 0 && request.next_prompt_logprob < wanted_end) {
    row.prompt_logprobs_from = std::max(request.next_prompt_logprob, row.first_token);
  }
  plan.copies.insert(plan.copies.end(), sequence.copies.begin(),
                     sequence.copies.begin() + sequence.num_copies);
  plan.rows.push_back(row);
  plan.num_tokens += row.count;
  rows_.push_back({&sequence, row.count, row.first_sample, row.num_samples, row.pool});
}

}  // namespace skep
