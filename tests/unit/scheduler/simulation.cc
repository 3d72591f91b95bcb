#include "simulation.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace skep {

Simulation::Simulation(uint64_t seed) : seed_(seed), random_(MixHash(seed, 1)) {
  DrawOptions();
  cache_ = std::make_unique<NaiveCache>(options_.layout);
  scheduler_ = *Scheduler::Create(options_);
}

bool Simulation::Chance(double probability) {
  return static_cast<double>(random_() >> 11) * 0x1p-53 < probability;
}

int64_t Simulation::Draw(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
}

void Simulation::DrawOptions() {
  // Under pressure many run with short prompts and long outputs, and blocks run out.
  pressure_ = Chance(0.5);
  const int32_t blocks = static_cast<int32_t>(pressure_ ? Draw(5, 12) : Draw(3, 24));
  const CacheGroupSpec full{StateKind::kFullAttention, 0, blocks, 0};
  const CacheGroupSpec latent{StateKind::kLatent, 0, blocks, 0};
  const auto window = [&] {
    return CacheGroupSpec{StateKind::kSlidingWindow, Draw(1, 12), static_cast<int32_t>(Draw(3, 24)),
                          0};
  };
  const std::vector<std::vector<CacheGroupSpec>> layouts = {
      {full}, {full}, {window()}, {full, window()}, {window(), full}, {window(), window(), latent}};
  options_.layout.block_size = static_cast<int32_t>(Draw(1, 5));
  options_.layout.groups = layouts[Draw(0, 5)];
  options_.context_length = Draw(6, 48);
  options_.max_sequences = static_cast<int32_t>(Draw(pressure_ ? 3 : 1, 6));
  options_.max_batch_tokens = options_.max_sequences + static_cast<int32_t>(Draw(0, 20));
  options_.max_waiting = static_cast<int32_t>(Draw(2, 20));
  options_.watermark = Chance(0.5) ? 0.0 : 0.1;
  options_.ageing_seconds = static_cast<double>(Draw(0, 2) * 10);
  options_.max_step_seconds = Chance(0.3) ? 0.5 : 0.0;
  options_.max_preemptions = static_cast<int32_t>(Draw(1, 3));
  options_.prefix_cache = Chance(0.85);
  options_.whole_prompts = Chance(0.25);
  options_.hash_key = random_();
  costs_ = {0.1, 0.05 * static_cast<double>(Draw(0, 2)), 0.02};
  to_submit_ = static_cast<int32_t>(Draw(2, pressure_ ? 20 : 12));
  fault_rate_ = Chance(0.4) ? 0.05 : 0.0;
  disturbance_rate_ = Chance(0.7) ? 0.1 : 0.0;
  for (int i = 0; i < 2; ++i) {
    std::vector<TokenId>& story = stories_.emplace_back();
    for (int j = 0; j < 40; ++j) story.push_back(static_cast<TokenId>(Draw(0, 3)));
  }
}

Request Simulation::DrawRequest() {
  Request request;
  request.id = requests_.size() + 1;
  const std::vector<TokenId>& story = stories_[Draw(0, 1)];
  const int64_t length =
      Draw(1, std::min<int64_t>(options_.context_length - 1, pressure_ ? 6 : 24));
  request.prompt.assign(story.begin(), story.begin() + length);
  if (Chance(0.5)) request.prompt[Draw(0, length - 1)] = 4;
  request.sampling.max_tokens = static_cast<int32_t>(Draw(1, pressure_ ? 30 : 16));
  request.sampling.min_tokens = static_cast<int32_t>(Draw(0, 3));
  request.sampling.ignore_eos = Chance(pressure_ ? 0.8 : 0.3);
  request.sampling.eos_token_ids = {0};
  if (Chance(0.3)) request.sampling.stop_token_ids = {5};
  request.sampling.seed = Chance(0.5) ? 7 : random_();
  if (Chance(0.3)) {
    request.sampling.n = static_cast<int32_t>(Draw(1, std::min(options_.max_sequences, 4)));
  }
  if (Chance(0.2)) request.sampling.prompt_logprobs = 0;
  request.priority = static_cast<int32_t>(Draw(-1, 1));
  request.arrival = now_;
  if (Chance(0.1)) request.deadline = now_ + static_cast<double>(Draw(0, 30));
  if (Chance(0.3)) request.cache_salt = "other tenant";
  request.bypass_prefix_cache = Chance(0.1);
  if (Chance(0.15)) {
    request.kind = RequestKind::kPool;
    request.pooling = static_cast<Pooling>(Draw(0, 2));
    request.sampling.n = 1;
    request.sampling.prompt_logprobs = -1;
  }
  return request;
}

void Simulation::SubmitSome() {
  while (to_submit_ > 0 && (requests_.empty() || Chance(pressure_ ? 0.7 : 0.3))) {
    --to_submit_;
    Request request = DrawRequest();
    const absl::StatusOr<SequenceId> first = scheduler_->Submit(request);
    if (!first.ok()) continue;
    RequestModel& model = requests_[request.id];
    model.rank_time = request.arrival + request.priority * options_.ageing_seconds;
    model.number = requests_.size();
    for (int32_t i = 0; i < request.sampling.n; ++i) {
      SequenceModel& sequence = model.sequences.emplace_back();
      sequence.id = *first + i;
      sequence.tokens = request.prompt;
      owners_[sequence.id] = request.id;
      salts_[sequence.id] = MixHash(std::hash<std::string>()(request.cache_salt), 1);
    }
    model.request = std::move(request);
  }
}

// Cancels, pauses, resumes and finds stop strings at any time, also while a step is in flight.
void Simulation::Disturb() {
  for (auto& [id, request] : requests_) {
    if (request.done) continue;
    for (SequenceModel& sequence : request.sequences) {
      if (sequence.done) continue;
      if (sequence.paused ? Chance(0.3) : request.pauses < 6 && Chance(0.5 * disturbance_rate_)) {
        sequence.paused = !sequence.paused;
        request.pauses += sequence.paused ? 1 : 0;
        Check(sequence.paused ? scheduler_->Pause(sequence.id) : scheduler_->Resume(sequence.id),
              "a live sequence cannot be paused or resumed");
      }
      const int64_t generated =
          static_cast<int64_t>(sequence.tokens.size() - request.request.prompt.size());
      if (generated > 0 && sequence.asked == FinishReason::kNone &&
          Chance(0.3 * disturbance_rate_)) {
        sequence.asked = FinishReason::kStop;
        sequence.asked_count = Draw(0, generated);
        Check(scheduler_->FinishSequence(sequence.id, FinishReason::kStop, sequence.asked_count),
              "a live sequence cannot be finished");
      }
    }
    if (request.cancelled == FinishReason::kNone && Chance(0.1 * disturbance_rate_)) {
      request.cancelled = FinishReason::kCancelled;
      Check(scheduler_->Cancel(id), "a live request cannot be cancelled");
    }
  }
}

std::string Simulation::Run() {
  int64_t bound = 1000;  // steps in which everybody is paused, among others
  while (error_.empty()) {
    SubmitSome();
    Disturb();
    Step();
    const bool all_done = std::all_of(requests_.begin(), requests_.end(),
                                      [](const auto& entry) { return entry.second.done; });
    if (to_submit_ == 0 && all_done) break;
    if (++steps_ < bound) continue;
    // Every step computes a token of somebody, and nobody is recomputed without bound.
    bound = 1000 + aborts_;
    for (const auto& [id, request] : requests_) {
      bound += static_cast<int64_t>(request.request.prompt.size() + 30) *
               static_cast<int64_t>(request.sequences.size()) * (1 + request.recomputations);
    }
    if (steps_ >= bound) Fail("no end in sight");
  }
  if (error_.empty()) CheckEnd();
  return error_.empty() ? "" : absl::StrCat("seed ", seed_, " step ", steps_, ": ", error_);
}

void Simulation::Step() {
  now_ += static_cast<double>(Draw(1, 10)) * 0.1;
  for (auto& [id, request] : requests_) {
    request.running_before = request.running;
    request.waited_unpaused = !request.done && !request.running && !request.paused();
    request.preempted_now = false;
  }
  events_.clear();
  scheduler_->Plan(now_, costs_, plan_, events_);
  CheckEvents(/*planning=*/true, /*aborting=*/false);
  if (error_.empty()) CheckPlan();
  if (!error_.empty() || plan_.empty()) return;
  num_copies_ += static_cast<int64_t>(plan_.copies.size());
  if (Chance(0.3)) {  // while the step runs
    SubmitSome();
    Disturb();
  }
  if (Chance(fault_rate_)) {
    cache_->RunBroken(plan_, random_);
    ++aborts_;
    events_.clear();
    scheduler_->Abort(events_);
    CheckEvents(/*planning=*/false, /*aborting=*/true);
  } else {
    RunAndCommit();
  }
}

void Simulation::RunAndCommit() {
  if (std::string error = cache_->Run(plan_, salts_, random_); !error.empty()) return Fail(error);
  FillResult();
  if (Chance(fault_rate_)) {  // a row fails alone; the others are committed
    const PlanRow& row = plan_.rows[Draw(0, static_cast<int64_t>(plan_.rows.size()) - 1)];
    cache_->SpoilRow(row);
    RequestModel& request = *Owner(row.sequence.id);
    request.tolerates_error = true;
    Check(scheduler_->FailSequence(row.sequence.id), "a planned sequence cannot fail");
    std::erase_if(result_.prompt_logprobs,
                  [&](const PromptLogprob& p) { return p.sequence == row.sequence.id; });
  }
  now_ += 0.1;
  events_.clear();
  const absl::Status status = scheduler_->Commit(result_, now_, events_);
  if (!status.ok()) return Fail(status.ToString());
  CheckEvents(/*planning=*/false, /*aborting=*/false);
  if (const absl::Status good = scheduler_->CheckInvariants(); !good.ok()) Fail(good.ToString());
}

void Simulation::FillResult() {
  result_.step = plan_.step;
  result_.samples.resize(plan_.samples.size());
  result_.prompt_logprobs.clear();
  for (size_t i = 0; i < plan_.samples.size(); ++i) {
    const SequenceView& view = plan_.samples[i];
    const bool broken = Chance(0.1 * fault_rate_);
    result_.samples[i].status = broken ? SampleStatus::kInvalidLogits : SampleStatus::kOk;
    if (broken) Owner(view.id)->tolerates_error = true;
    result_.samples[i].token = ExpectedToken(*view.sampling, view.index, view.tokens);
  }
  FillPooled();
  for (const PlanRow& row : plan_.rows) {
    if (row.prompt_logprobs_from < 0) continue;
    const int64_t end = std::min(row.first_token + row.count, row.sequence.prompt_length - 1);
    for (int64_t i = row.prompt_logprobs_from; i < end; ++i) {
      result_.prompt_logprobs.push_back({row.sequence.id, i + 1, {}, {}});
    }
  }
}

// Folds as the model runner does, row by row.
void Simulation::FillPooled() {
  result_.pooled.assign(plan_.pools.size(), PoolResult{});
  for (const PlanRow& row : plan_.rows) {
    if (row.pool < 0) continue;
    const PoolView& pool = plan_.pools[row.pool];
    PoolResult& result = result_.pooled[row.pool];
    if (Chance(0.1 * fault_rate_)) {
      result.status = SampleStatus::kInvalidLogits;
      Owner(row.sequence.id)->tolerates_error = true;
    }
    result.values.assign(pool.before.begin(), pool.before.end());
    for (int64_t i = row.first_token; i < row.first_token + row.count; ++i) {
      const float state = ExpectedState(row.sequence.tokens.first(i + 1));
      if (pool.pooling == Pooling::kLast || result.values.empty()) {
        result.values = {state};
      } else if (pool.pooling == Pooling::kMean) {
        result.values[0] += state;
      }
    }
  }
}

}  // namespace skep
