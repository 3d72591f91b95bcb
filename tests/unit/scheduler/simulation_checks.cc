// What every plan and every event of a simulation must satisfy.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "simulation.h"

namespace skep {
namespace {

int64_t PromptLength(const RequestModel& request) {
  return static_cast<int64_t>(request.request.prompt.size());
}

int64_t Generated(const RequestModel& request, const SequenceModel& sequence) {
  return static_cast<int64_t>(sequence.tokens.size()) - PromptLength(request);
}

bool Contains(const std::vector<TokenId>& ids, TokenId token) {
  return std::find(ids.begin(), ids.end(), token) != ids.end();
}

bool IsPool(const RequestModel& request) { return request.request.kind == RequestKind::kPool; }

}  // namespace

void Simulation::Fail(const std::string& what) {
  if (error_.empty()) error_ = what;
}

void Simulation::Check(bool good, const char* what) {
  if (!good) Fail(what);
}

RequestModel* Simulation::Owner(SequenceId id) {
  const auto found = owners_.find(id);
  return found == owners_.end() ? nullptr : &requests_[found->second];
}

SequenceModel* Simulation::Find(SequenceId id) {
  RequestModel* request = Owner(id);
  return request == nullptr ? nullptr : &request->sequences[id - request->sequences[0].id];
}

void Simulation::CheckPlan() {
  Check(scheduler_->step_in_flight() == !plan_.empty(), "in flight or not");
  planned_.clear();
  size_t num_samples = 0;
  for (const PlanRow& row : plan_.rows) {
    if (!error_.empty()) return;
    CheckRow(row);
    Check(row.first_sample == static_cast<int32_t>(num_samples), "samples out of order");
    num_samples += row.num_samples;
    digest_ = MixHash(digest_, MixHash(row.sequence.id, MixHash(row.first_token, row.count)));
    for (BlockId block : row.block_tables[0]) digest_ = MixHash(digest_, block);
  }
  Check(num_samples == plan_.samples.size(), "samples without a row");
  const auto pooled = [](const PlanRow& row) { return row.pool >= 0; };
  Check(std::count_if(plan_.rows.begin(), plan_.rows.end(), pooled) == std::ssize(plan_.pools),
        "pools without a row");
  if (!error_.empty()) return;
  stats_ = scheduler_->GetStats();
  if (const absl::Status good = scheduler_->CheckInvariants(); !good.ok()) Fail(good.ToString());
  CheckBudgets();
  CheckNotIdle();
  CheckOrder();
}

void Simulation::CheckRow(const PlanRow& row) {
  RequestModel* request = Owner(row.sequence.id);
  SequenceModel* sequence = Find(row.sequence.id);
  if (request == nullptr || sequence->done) return Fail("a row of a sequence that is not alive");
  const int64_t end = row.first_token + row.count;
  const int64_t length = static_cast<int64_t>(sequence->tokens.size());
  Check(planned_.emplace(row.sequence.id, end).second, "two rows of one sequence");
  Check(row.first_token >= 0 && row.count >= 1 && end <= length, "a row beyond its sequence");
  Check(std::equal(row.sequence.tokens.begin(), row.sequence.tokens.end(), sequence->tokens.begin(),
                   sequence->tokens.end()),
        "a row with other tokens");
  Check(row.sequence.prompt_length == PromptLength(*request), "a row with another prompt");
  Check(!request->paused(), "a row of a paused request");
  Check(!sequence->paused || (sequence == request->leader() && end <= PromptLength(*request)),
        "a row of a paused sequence");
  const auto computed = computed_.find(row.sequence.id);
  const bool fresh = !request->running;  // at its first row since it was admitted
  if (computed != computed_.end()) {
    Check(row.first_token == computed->second, "a row that leaves a gap or repeats");
  } else if (fresh) {
    Check(row.first_token % options_.layout.block_size == 0, "half a block was cached");
    Check(row.first_token == 0 || (options_.prefix_cache && !options_.whole_prompts &&
                                   !request->request.bypass_prefix_cache),
          "a prefix hit where there is no prefix cache");
    shared_rows_ += row.first_token > 0 ? 1 : 0;
  }
  request->running = true;
  Check(!options_.whole_prompts || row.first_token >= PromptLength(*request) ||
            (row.first_token == 0 && end >= PromptLength(*request)),
        "a prompt in pieces where it must be whole");
  const int64_t due = request->prompt_logprobs;
  const bool report = request->request.sampling.prompt_logprobs >= 0 &&
                      due - 1 < std::min(end, PromptLength(*request) - 1);
  Check(row.prompt_logprobs_from == (report ? due - 1 : -1), "prompt logprobs from elsewhere");
  Check(!report || row.first_token <= due - 1, "a prompt logprob was skipped");
  CheckSamples(row, *request);
  CheckPool(row, *request);
}

void Simulation::CheckPool(const PlanRow& row, const RequestModel& request) {
  const Pooling pooling = request.request.pooling;
  const bool all = pooling != Pooling::kLast;
  const bool ends = row.first_token + row.count == PromptLength(request);
  Check((row.pool >= 0) == (IsPool(request) && (all || ends)), "pooled or not");
  if (row.pool < 0) return;
  Check(row.pool < static_cast<int32_t>(plan_.pools.size()), "a pool that is not there");
  if (!error_.empty()) return;
  const PoolView& pool = plan_.pools[row.pool];
  Check(pool.pooling == pooling, "another pooling");
  if (!all || row.first_token == 0) {
    Check(pool.before.empty(), "folded before its first token");
    return;
  }
  const auto done = row.sequence.tokens.first(row.first_token);
  Check(pool.before.size() == 1 && pool.before[0] == ExpectedPooled(pooling, done),
        "what was folded before is lost");
}

void Simulation::CheckSamples(const PlanRow& row, const RequestModel& request) {
  const int64_t length = static_cast<int64_t>(row.sequence.tokens.size());
  std::vector<SequenceId> expected;
  if (row.first_token + row.count == length && !IsPool(request)) {
    for (const SequenceModel& sequence : request.sequences) {
      const bool shares = length == PromptLength(request) || sequence.id == row.sequence.id;
      if (!sequence.done && shares) expected.push_back(sequence.id);
    }
  }
  std::vector<SequenceId> actual;
  for (int32_t i = row.first_sample; i < row.first_sample + row.num_samples; ++i) {
    actual.push_back(plan_.samples[i].id);
  }
  Check(actual == expected, "other samples than the row's");
}

void Simulation::CheckBudgets() {
  int32_t tokens = 0;
  int32_t decodes = 0;
  bool chunks = false;
  for (const PlanRow& row : plan_.rows) {
    const RequestModel& request = *Owner(row.sequence.id);
    const bool decode = request.running_before && !request.preempted_now && row.count == 1;
    Check(!decode || row.num_samples == 0 || !chunks, "a decode after a prefill");
    chunks = chunks || row.count > 1;
    decodes += decode ? 1 : 0;
    tokens += row.count;
  }
  Check(tokens == plan_.num_tokens && tokens <= options_.max_batch_tokens, "the token budget");
  const double seconds = costs_.fixed_seconds + decodes * costs_.seconds_per_decode_row +
                         (tokens - decodes) * costs_.seconds_per_prefill_token;
  Check(options_.max_step_seconds == 0 || costs_.seconds_per_prefill_token == 0 ||
            options_.whole_prompts || tokens - decodes <= options_.layout.block_size ||
            seconds <= options_.max_step_seconds + 1e-9,
        "the time budget");
  int32_t sequences = 0;
  int32_t running = 0;
  int32_t alive = 0;
  for (const auto& [id, request] : requests_) {
    alive += request.done ? 0 : 1;
    running += request.running ? 1 : 0;
    sequences += request.running ? request.live() : 0;
  }
  Check(sequences <= options_.max_sequences && sequences == stats_.sequences, "max_sequences");
  Check(running == stats_.running && alive - running == stats_.waiting, "who runs and who waits");
}

// Blocks that a request can need at most, however it runs.
int64_t Simulation::WorstBlocks(const RequestModel& request) const {
  const int64_t tokens = std::min(PromptLength(request) + request.request.sampling.max_tokens,
                                  options_.context_length);
  return request.live() * ((tokens + options_.layout.block_size - 1) / options_.layout.block_size);
}

void Simulation::CheckNotIdle() {
  const bool room = plan_.num_tokens < options_.max_batch_tokens && options_.max_step_seconds == 0;
  int64_t available = 1 << 20;  // in the group that has least, above the watermark
  for (int group = 0; group < stats_.num_groups; ++group) {
    const SchedulerStats::Blocks& blocks = stats_.blocks[group];
    const int64_t spare = static_cast<int64_t>(std::ceil(options_.watermark * blocks.total));
    available = std::min<int64_t>(available, blocks.free + blocks.cached - spare);
  }
  bool any_waits = false;
  bool all_could_start = true;
  for (const auto& [id, request] : requests_) {
    if (request.done || request.paused()) continue;
    Check(!plan_.empty(), "idle with work");
    if (request.running) {
      const bool planned = std::any_of(
          request.sequences.begin(), request.sequences.end(),
          [&](const SequenceModel& sequence) { return planned_.contains(sequence.id); });
      Check(planned || !room || available < 2 || options_.whole_prompts,
            "a running request was left out");
    } else {
      any_waits = true;
      all_could_start = all_could_start && WorstBlocks(request) <= available &&
                        stats_.sequences + request.live() <= options_.max_sequences &&
                        request.preemptions < options_.max_preemptions && !options_.whole_prompts;
    }
  }
  Check(!any_waits || !all_could_start || !room, "a waiting request was left out");
}

void Simulation::CheckOrder() {
  const auto rank = [this](const RequestModel& r) {
    return std::make_tuple(r.preemptions < options_.max_preemptions, r.rank_time, r.number);
  };
  for (const auto& [id, behind] : requests_) {
    if (!behind.running || (behind.running_before && !behind.preempted_now)) continue;
    for (const auto& [other, ahead] : requests_) {
      // Sheltered requests may wait for one another.
      if (ahead.done || ahead.running || ahead.paused() || !std::get<0>(rank(ahead))) continue;
      Check(rank(behind) < rank(ahead), "a request was overtaken");
    }
  }
  // Whoever runs gets on, or one ahead of it does: nobody waits for those behind.
  if (options_.whole_prompts) return;  // but for a prompt that the step cannot take
  const RequestModel* first = nullptr;
  for (const auto& [id, request] : requests_) {
    if (!request.running || request.paused()) continue;
    if (first == nullptr || rank(request) < rank(*first)) first = &request;
  }
  if (first == nullptr) return;
  Check(std::any_of(first->sequences.begin(), first->sequences.end(),
                    [&](const SequenceModel& s) { return planned_.contains(s.id); }),
        "the first request stands still");
}

void Simulation::CheckEvents(bool planning, bool aborting) {
  for (const SchedulerEvent& event : events_) {
    if (!error_.empty()) return;
    CheckEvent(event, planning, aborting);
    digest_ = MixHash(digest_, MixHash(static_cast<uint64_t>(event.kind), event.sequence));
    digest_ = MixHash(digest_, MixHash(event.count, static_cast<uint64_t>(event.reason)));
  }
  if (aborting) return;
  if (!planning) {
    for (const auto& [id, end] : planned_) {
      const RequestModel& request = *Owner(id);
      if (request.running && !Find(id)->done) computed_[id] = end;
    }
  }
  for (const auto& [id, request] : requests_) {
    const bool ends = request.cancelled != FinishReason::kNone || request.request.deadline <= now_;
    for (const SequenceModel& sequence : request.sequences) {
      const bool must_end =
          ends || sequence.asked != FinishReason::kNone || sequence.expected != FinishReason::kNone;
      Check(sequence.done || !must_end, "a sequence outlives its end");
    }
  }
}

void Simulation::CheckEvent(const SchedulerEvent& event, bool planning, bool aborting) {
  using Kind = SchedulerEvent::Kind;
  const auto found = requests_.find(event.request);
  if (found == requests_.end() || found->second.done) return Fail("an event of nobody");
  RequestModel& request = found->second;
  if (event.kind == Kind::kPreempted) {
    Check(request.running, "preempted without running");
    request.running = false;
    request.preempted_now = true;
    ++request.recomputations;
    if (!aborting && !request.paused()) {
      Check(++request.preemptions <= options_.max_preemptions, "preempted too often");
    }
    for (const SequenceModel& sequence : request.sequences) computed_.erase(sequence.id);
    return;
  }
  SequenceModel* sequence = Find(event.sequence);
  if (sequence == nullptr || Owner(event.sequence) != &request) return Fail("a strange sequence");
  Check(event.sequence == request.sequences[event.index].id, "a wrong index");
  Check(!aborting, "an aborted step has published something");
  switch (event.kind) {
    case Kind::kStarted:
      Check(planning && !request.started, "started twice");
      Check(event.cached_tokens < PromptLength(request), "nothing left to compute");
      request.started = true;
      break;
    case Kind::kToken:
      Check(!planning, "a token without a step");
      CheckToken(event, request, *sequence);
      break;
    case Kind::kPromptLogprob:
      Check(!planning && event.position == request.prompt_logprobs++, "prompt logprobs in order");
      break;
    case Kind::kPooled:
      Check(!planning, "pooled without a step");
      CheckPooled(event, request);
      break;
    case Kind::kSequenceFinished:
      CheckFinished(event, request, *sequence, planning);
      break;
    case Kind::kRequestDone:
      Check(request.live() == 0, "done with live sequences");
      request.done = true;
      request.running = false;
      break;
    case Kind::kPreempted:
      break;
  }
}

void Simulation::CheckToken(const SchedulerEvent& event, RequestModel& request,
                            SequenceModel& sequence) {
  const SamplingParams& sampling = request.request.sampling;
  Check(!sequence.done && sequence.asked == FinishReason::kNone &&
            request.cancelled == FinishReason::kNone,
        "a token after the end");
  Check(event.token == ExpectedToken(sampling, event.index, sequence.tokens), "another token");
  Check(event.position == static_cast<int64_t>(sequence.tokens.size()), "a token out of place");
  Check(event.result >= 0 && plan_.samples[event.result].id == event.sequence, "another's result");
  Check(sampling.prompt_logprobs < 0 || request.prompt_logprobs == PromptLength(request),
        "a token before the prompt's logprobs");
  const bool may_stop = Generated(request, sequence) >= sampling.min_tokens;
  sequence.tokens.push_back(event.token);
  const int64_t generated = Generated(request, sequence);
  Check(event.count == generated, "a wrong count");
  if (may_stop && ((!sampling.ignore_eos && Contains(sampling.eos_token_ids, event.token)) ||
                   Contains(sampling.stop_token_ids, event.token))) {
    sequence.expected = FinishReason::kStop;
  } else if (generated == sampling.max_tokens ||
             static_cast<int64_t>(sequence.tokens.size()) == options_.context_length) {
    sequence.expected = FinishReason::kLength;
  }
}

void Simulation::CheckPooled(const SchedulerEvent& event, RequestModel& request) {
  Check(IsPool(request) && !request.pooled && request.cancelled == FinishReason::kNone,
        "pooled without need");
  request.pooled = true;
  ++num_pooled_;
  const bool there =
      event.result >= 0 && event.result < static_cast<int32_t>(result_.pooled.size());
  Check(there &&
            result_.pooled[event.result].values ==
                std::vector<float>{ExpectedPooled(request.request.pooling, request.request.prompt)},
        "another embedding");
}

void Simulation::CheckFinished(const SchedulerEvent& event, RequestModel& request,
                               SequenceModel& sequence, bool planning) {
  Check(!sequence.done, "finished twice");
  sequence.done = true;
  computed_.erase(sequence.id);
  int64_t count = Generated(request, sequence);
  if (sequence.asked != FinishReason::kNone) {
    count = sequence.asked_count;
    Check(event.reason == sequence.asked, "not the reason that was asked for");
  } else if (sequence.expected != FinishReason::kNone) {
    Check(event.reason == sequence.expected, "a wrong reason");
  } else if (event.reason == FinishReason::kStop) {
    Check(request.pooled && !planning, "stopped for nothing");
  } else if (event.reason == FinishReason::kError) {
    Check(request.tolerates_error, "failed for nothing");
  } else if (event.reason == FinishReason::kDeadline) {
    Check(request.request.deadline <= now_, "expired too early");
  } else {
    Check(event.reason == request.cancelled && event.reason != FinishReason::kNone,
          "cancelled for nothing");
  }
  Check(event.count == count, "a wrong count at the end");
}

void Simulation::CheckEnd() {
  Check(!scheduler_->HasWork(), "work left");
  stats_ = scheduler_->GetStats();
  Check(stats_.running == 0 && stats_.waiting == 0 && stats_.sequences == 0, "somebody left");
  for (int group = 0; group < stats_.num_groups; ++group) {
    const SchedulerStats::Blocks& blocks = stats_.blocks[group];
    Check(blocks.free + blocks.cached == blocks.total, "blocks left");
  }
  int64_t done = 0;
  for (int64_t count : stats_.requests_done) done += count;
  Check(done == static_cast<int64_t>(requests_.size()), "requests that ended other than once");
}

}  // namespace skep
