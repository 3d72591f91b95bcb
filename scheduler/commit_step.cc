// Scheduler::Commit and Abort: what a computed step means for its sequences.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "scheduler/scheduler_impl.h"

namespace skep {
namespace {

bool Contains(const std::vector<TokenId>& ids, TokenId token) {
  return std::find(ids.begin(), ids.end(), token) != ids.end();
}

// Why a sequence of `length` tokens that has just generated its `generated`-th, `token`, ends with
// it; kNone if it goes on.
FinishReason ReasonToEnd(const SamplingParams& sampling, TokenId token, int64_t generated,
                         int64_t length, int64_t max_length) {
  // The sampler does not offer these ids before min_tokens were generated.
  const bool may_stop = generated > sampling.min_tokens;
  const bool eos = !sampling.ignore_eos && Contains(sampling.eos_token_ids, token);
  if (may_stop && (eos || Contains(sampling.stop_token_ids, token))) return FinishReason::kStop;
  return length >= max_length ? FinishReason::kLength : FinishReason::kNone;
}

}  // namespace

absl::Status Scheduler::Impl::Commit(const StepResult& result, double now, Events& events) {
  if (!in_flight_) return absl::InternalError("no step is in flight");
  if (result.step != step_number_ || result.samples.size() != samples_.size() ||
      result.pooled.size() != num_pools_) {
    return absl::InternalError(
        absl::StrCat("the result is of step ", result.step, " with ", result.samples.size(),
                     " samples and ", result.pooled.size(), " pooled prompts; in flight is step ",
                     step_number_, " with ", samples_.size(), " and ", num_pools_));
  }
  for (size_t i = 0; i < result.prompt_logprobs.size(); ++i) {
    const PromptLogprob& logprob = result.prompt_logprobs[i];
    const Sequence* sequence = FindSequence(logprob.sequence);
    if (sequence == nullptr || sequence->failed) continue;
    SchedulerEvent event = MakeEvent(SchedulerEvent::Kind::kPromptLogprob, *sequence);
    event.position = logprob.position;
    event.result = static_cast<int32_t>(i);
    events.push_back(event);
  }
  for (const Row& row : rows_) CommitRow(row, result, events);
  EndStep();
  Sweep(now, events);
  return absl::OkStatus();
}

void Scheduler::Impl::CommitRow(const Row& row, const StepResult& result, Events& events) {
  Sequence& sequence = *row.sequence;
  RequestState& request = *sequence.request;
  if (sequence.failed || request.cancel != FinishReason::kNone) return;
  sequence.computed += row.count;
  stats_.computed_tokens += row.count;
  request.next_prompt_logprob = std::max(request.next_prompt_logprob,
                                         std::min(sequence.computed, request.prompt_length() - 1));
  cache_.Computed(sequence.blocks, sequence.tokens, sequence.computed);
  if (!request.parted && sequence.computed == request.prompt_length()) Part(request, sequence);
  for (int32_t i = row.first_sample; i < row.first_sample + row.num_samples; ++i) {
    AppendSample(*samples_[i], result.samples[i], i, events);
  }
  if (row.pool >= 0) FoldPool(row, result, events);
}

// The prompt is computed: from here on every sequence goes its own way.
void Scheduler::Impl::Part(RequestState& request, const Sequence& leader) {
  for (Sequence& sequence : request.sequences) {
    if (sequence.done || &sequence == &leader) continue;
    cache_.Fork(leader.blocks, sequence.blocks);
    sequence.computed = leader.computed;
  }
  request.parted = true;
}

// Keeps what a pooled prompt has come to; its last row ends the request.
void Scheduler::Impl::FoldPool(const Row& row, const StepResult& result, Events& events) {
  Sequence& sequence = *row.sequence;
  if (sequence.finish != FinishReason::kNone) return;
  const PoolResult& pooled = result.pooled[row.pool];
  if (pooled.status != SampleStatus::kOk) {
    sequence.finish = FinishReason::kError;
  } else if (sequence.computed < sequence.request->prompt_length()) {
    sequence.pooled = pooled.values;
  } else {
    SchedulerEvent event = MakeEvent(SchedulerEvent::Kind::kPooled, sequence);
    event.result = row.pool;
    events.push_back(event);
    sequence.finish = FinishReason::kStop;
  }
}

void Scheduler::Impl::AppendSample(Sequence& sequence, const SampleResult& sample, int32_t result,
                                   Events& events) {
  if (sequence.finish != FinishReason::kNone) return;
  const RequestState& request = *sequence.request;
  const int64_t length = static_cast<int64_t>(sequence.tokens.size()) + 1;
  const int64_t generated = length - request.prompt_length();
  if (sample.status != SampleStatus::kOk) {
    sequence.finish = FinishReason::kError;
    sequence.finish_at = generated - 1;
    return;
  }
  sequence.tokens.push_back(sample.token);
  ++stats_.generated_tokens;
  SchedulerEvent event = MakeEvent(SchedulerEvent::Kind::kToken, sequence);
  event.token = sample.token;
  event.position = length - 1;
  event.result = result;
  events.push_back(event);

  sequence.finish =
      ReasonToEnd(request.request.sampling, sample.token, generated, length, request.max_tokens);
  sequence.finish_at = generated;
  if (sequence.finish == FinishReason::kStop) sequence.stop_token = sample.token;
}

void Scheduler::Impl::Abort(Events& events) {
  if (!in_flight_) return;
  ++stats_.aborted_steps;
  order_.clear();
  for (const Row& row : rows_) {
    // Nobody knows whether its copies were made: it computes its blocks anew.
    RequestState* request = row.sequence->request;
    const bool known = !order_.empty() && order_.back() == request;
    if (row.sequence->num_copies > 0 && !known) order_.push_back(request);
  }
  EndStep();
  for (RequestState* request : order_) {
    if (request->running) Preempt(*request, Eviction::kAborted, events);
  }
}

void Scheduler::Impl::EndStep() {
  for (const Row& row : rows_) {
    row.sequence->planned = 0;
    row.sequence->num_copies = 0;
  }
  rows_.clear();
  samples_.clear();
  num_pools_ = 0;
  in_flight_ = false;
}

}  // namespace skep
