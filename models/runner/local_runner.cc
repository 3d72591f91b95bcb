#include "models/runner/local_runner.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace skep::models {
namespace {

// Logits of this many bytes are held at once; prompts that want them all are done in parts.
constexpr int64_t kLogitsBytes = int64_t{48} << 20;

// Hidden states of this many tokens are read at once.
constexpr int32_t kHiddenRows = 32;

int64_t LogitsRows(const LoadedModel& loaded) {
  const int64_t fit = kLogitsBytes / (loaded.info.vocab_size * static_cast<int64_t>(sizeof(float)));
  return std::clamp<int64_t>(fit, std::min<int64_t>(16, loaded.max_sequences),
                             loaded.max_batch_tokens);
}

}  // namespace

LocalRunner::LocalRunner(LoadedModel loaded)
    : loaded_(std::move(loaded)),
      batch_(loaded_.info.cache, loaded_.max_batch_tokens, loaded_.max_sequences,
             loaded_.info.context_length, loaded_.prefix),
      max_logits_rows_(LogitsRows(loaded_)) {
  logits_ = loaded_.ops->MakeBuffer(max_logits_rows_, loaded_.info.vocab_size);
  workers_.reserve(loaded_.ops->threads());
  for (int i = 0; i < loaded_.ops->threads(); ++i) workers_.emplace_back(loaded_.info.vocab_size);
  hidden_ = loaded_.ops->MakeBuffer(kHiddenRows, loaded_.info.hidden_size);
  uses_.reserve(loaded_.max_batch_tokens);
  row_ids_.reserve(std::max<int64_t>(max_logits_rows_, kHiddenRows));
}

absl::Status LocalRunner::CheckPool(const PlanRow& row, const Plan& plan) const {
  if (row.pool < 0) return absl::OkStatus();
  if (row.pool >= static_cast<int32_t>(plan.pools.size())) {
    return absl::InternalError(absl::StrCat("plan ", plan.step, ": a row goes into pool ", row.pool,
                                            " of ", plan.pools.size()));
  }
  const PoolView& pool = plan.pools[row.pool];
  const bool first = row.first_token == 0 || pool.pooling == Pooling::kLast;
  const int64_t expected = first ? 0 : loaded_.info.hidden_size;
  if (static_cast<int64_t>(pool.before.size()) == expected) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("plan ", plan.step, ": a row at ", row.first_token,
                                          " of a pooled prompt goes on from ", pool.before.size(),
                                          " values instead of ", expected));
}

absl::Status LocalRunner::CheckPlan(const Plan& plan) const {
  int64_t tokens = 0;
  for (const PlanRow& row : plan.rows) {
    tokens += row.count;
    if (row.count < 1 || row.first_token < 0 ||
        row.first_token + row.count > static_cast<int64_t>(row.sequence.tokens.size()) ||
        row.first_token + row.count > loaded_.info.context_length) {
      return absl::InternalError(
          absl::StrCat("plan ", plan.step, ": row of ", row.count, " tokens at ", row.first_token));
    }
    if (absl::Status status = CheckPool(row, plan); !status.ok()) return status;
    const int64_t prompt = row.sequence.prompt_length;
    if (loaded_.info.whole_prompts && row.first_token < prompt &&
        (row.first_token > 0 || row.count < prompt)) {
      return absl::InternalError(
          absl::StrCat("plan ", plan.step, ": row of ", row.count, " tokens at ", row.first_token,
                       " of a prompt of ", prompt, ", which this model has to read in one step"));
    }
    for (int32_t i = 0; i < row.count; ++i) {
      const TokenId id = row.sequence.tokens[row.first_token + i];
      if (id < 0 || id >= loaded_.info.vocab_size) {
        return absl::InternalError(absl::StrCat("plan ", plan.step, ": token id ", id,
                                                " is not below ", loaded_.info.vocab_size));
      }
    }
  }
  if (tokens > loaded_.max_batch_tokens ||
      static_cast<int64_t>(plan.rows.size()) > loaded_.max_batch_tokens) {
    return absl::InternalError(absl::StrCat("plan ", plan.step, ": ", tokens,
                                            " tokens, the most is ", loaded_.max_batch_tokens));
  }
  return absl::OkStatus();
}

absl::StatusOr<ModelRunner::Handle> LocalRunner::Submit(const Plan& plan) {
  if (const absl::Status status = CheckPlan(plan); !status.ok()) return status;
  submitted_ = &plan;
  return plan.step;
}

absl::Status LocalRunner::Wait(Handle handle, StepResult& result) {
  if (submitted_ == nullptr || submitted_->step != handle) {
    return absl::InternalError(absl::StrCat("no step ", handle, " is in flight"));
  }
  const Plan& plan = *submitted_;
  submitted_ = nullptr;
  try {
    const c10::InferenceMode inference;
    Run(plan, result);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("step ", handle, ": ", error.what()));
  }
  return absl::OkStatus();
}

void LocalRunner::Run(const Plan& plan, StepResult& result) {
  result.step = plan.step;
  result.samples.resize(plan.samples.size());
  result.pooled.resize(plan.pools.size());
  result.prompt_logprobs.clear();
  for (const BlockCopy& copy : plan.copies) loaded_.state->Copy(*loaded_.ops, copy);
  if (!plan.rows.empty()) {
    const absl::Cleanup end_step = [&] { loaded_.model->EndStep(); };
    loaded_.model->Forward(batch_.Build(plan));
    RunLogits(plan, result);
    RunPools(plan, result);
  }
  for (const BlockCopy& copy : plan.snapshots) loaded_.state->Copy(*loaded_.ops, copy);
}

void LocalRunner::RunLogits(const Plan& plan, StepResult& result) {
  CollectLogitsUses(plan, result);
  for (size_t first = 0; first < uses_.size(); first += max_logits_rows_) {
    const size_t count = std::min<size_t>(max_logits_rows_, uses_.size() - first);
    row_ids_.clear();
    for (size_t i = 0; i < count; ++i) row_ids_.push_back(uses_[first + i].token_index);
    loaded_.model->Logits(row_ids_, logits_);
    UseAllLogits(plan, first, count, result);
  }
}

void LocalRunner::RunPools(const Plan& plan, StepResult& result) {
  int32_t start = 0;
  for (const PlanRow& row : plan.rows) {
    const int32_t first = std::exchange(start, start + row.count);
    if (row.pool < 0) continue;
    const PoolView& pool = plan.pools[row.pool];
    PoolResult& pooled = result.pooled[row.pool];
    pooled.values.assign(pool.before.begin(), pool.before.end());
    if (pool.pooling == Pooling::kMean) {
      AddHidden(first, row.count, pooled.values);
    } else if (pool.pooling == Pooling::kLast) {
      pooled.values.clear();
      AddHidden(first + row.count - 1, 1, pooled.values);
    } else if (row.first_token == 0) {
      AddHidden(first, 1, pooled.values);
    }
    const bool finite = std::all_of(pooled.values.begin(), pooled.values.end(),
                                    [](float value) { return std::isfinite(value); });
    pooled.status = finite ? SampleStatus::kOk : SampleStatus::kInvalidLogits;
  }
}

void LocalRunner::AddHidden(int32_t first, int32_t count, std::vector<float>& sum) {
  const int64_t size = loaded_.info.hidden_size;
  for (int32_t done = 0; done < count; done += kHiddenRows) {
    row_ids_.resize(std::min(count - done, kHiddenRows));
    std::iota(row_ids_.begin(), row_ids_.end(), first + done);
    loaded_.model->Hidden(row_ids_, hidden_);
    const float* hidden = hidden_.data_ptr<float>();
    for (size_t row = 0; row < row_ids_.size(); ++row, hidden += size) {
      if (sum.empty()) {
        sum.assign(hidden, hidden + size);
        continue;
      }
      for (int64_t i = 0; i < size; ++i) sum[i] += hidden[i];
    }
  }
}

void LocalRunner::CollectLogitsUses(const Plan& plan, StepResult& result) {
  uses_.clear();
  int32_t start = 0;
  for (const PlanRow& row : plan.rows) {
    const int64_t last = row.first_token + row.count - 1;
    // The last prompt position predicts the first generated token, which is no prompt token.
    const int64_t end = std::min(last, row.sequence.prompt_length - 2);
    const int64_t from = row.prompt_logprobs_from < 0
                             ? end + 1
                             : std::max(row.prompt_logprobs_from, row.first_token);
    const auto token_index = [&](int64_t position) {
      return start + static_cast<int32_t>(position - row.first_token);
    };
    for (int64_t p = from; p <= end; ++p) {
      if (p == last && row.num_samples > 0) break;  // below, with the samples
      AddLogitsUse({token_index(p), 0, 0, &row, p}, result);
    }
    if (row.num_samples > 0) {
      const bool prompt = last >= from && last <= end;
      AddLogitsUse(
          {token_index(last), row.first_sample, row.num_samples, prompt ? &row : nullptr, last},
          result);
    }
    start += row.count;
  }
}

void LocalRunner::AddLogitsUse(LogitsUse use, StepResult& result) {
  if (use.prompt != nullptr) {
    use.prompt_logprob = result.prompt_logprobs.size();
    result.prompt_logprobs.emplace_back();
  }
  uses_.push_back(use);
}

void LocalRunner::UseAllLogits(const Plan& plan, size_t first, size_t count, StepResult& result) {
  const auto vocab = static_cast<size_t>(loaded_.info.vocab_size);
  float* logits = logits_.data_ptr<float>();
  loaded_.ops->ForEach(static_cast<int64_t>(count), [&](int64_t i, int thread) {
    Worker& worker = workers_[thread];
    try {
      worker.UseLogits(plan, uses_[first + i], {logits + i * vocab, vocab}, result);
    } catch (...) {  // of memory, at most: it is thrown again where somebody listens
      worker.failure = std::current_exception();
    }
  });
  for (Worker& worker : workers_) {
    if (worker.failure) std::rethrow_exception(std::exchange(worker.failure, nullptr));
  }
}

void LocalRunner::Worker::UseLogits(const Plan& plan, const LogitsUse& use, std::span<float> logits,
                                    StepResult& result) {
  if (use.prompt != nullptr) {
    const SequenceView& sequence = use.prompt->sequence;
    PromptLogprob& prediction = result.prompt_logprobs[use.prompt_logprob];
    prediction.sequence = sequence.id;
    prediction.position = use.position + 1;
    sampler.Logprobs(logits, sequence.tokens[prediction.position],
                     sequence.sampling->prompt_logprobs, prediction.chosen, prediction.top);
  }
  // Sampling changes the logits, so all samples but the last work on a copy.
  for (int32_t i = 0; i < use.num_samples; ++i) {
    const int32_t sample = use.first_sample + i;
    std::span<float> own = logits;
    if (i + 1 < use.num_samples) {
      scratch.assign(logits.begin(), logits.end());
      own = scratch;
    }
    sampler.Sample(plan.samples[sample], own, result.samples[sample]);
  }
}

}  // namespace skep::models
