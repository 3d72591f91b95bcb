#include "tests/fakes/fake_runner.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/runner.h"
#include "scheduler/plan.h"
#include "scheduler/types.h"

namespace skep {
namespace {

bool Contains(const std::vector<TokenId>& ids, TokenId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 29);
}

uint64_t Hash(std::span<const TokenId> tokens) {
  uint64_t hash = 7;
  for (const TokenId token : tokens) hash = Mix(hash, static_cast<uint64_t>(token) + 1);
  return hash;
}

bool Ends(TokenId token, const SamplingParams& sampling) {
  return (!sampling.ignore_eos && Contains(sampling.eos_token_ids, token)) ||
         Contains(sampling.stop_token_ids, token);
}

bool Banned(TokenId token, int64_t generated, const SamplingParams& sampling) {
  if (Contains(sampling.bad_token_ids, token)) return true;
  if (!sampling.allowed_token_ids.empty() && !Contains(sampling.allowed_token_ids, token)) {
    return true;
  }
  return generated < sampling.min_tokens &&
         (Contains(sampling.eos_token_ids, token) || Contains(sampling.stop_token_ids, token));
}

TokenLogprob LogprobOf(std::span<const TokenId> tokens, TokenId token, int32_t rank) {
  return {.token = token, .logprob = FakeLogprob(tokens, token), .rank = rank};
}

std::vector<TokenLogprob> Top(std::span<const TokenId> tokens, int32_t count) {
  std::vector<TokenLogprob> top;
  for (int32_t i = 0; i < count; ++i) top.push_back(LogprobOf(tokens, i, i + 1));
  return top;
}

}  // namespace

TokenId FakeNextToken(std::span<const TokenId> tokens, int64_t prompt_length, uint32_t index,
                      const SamplingParams& sampling, int64_t vocab_size) {
  uint64_t hash = Hash(tokens);
  if (sampling.temperature > 0) hash = Mix(Mix(hash, sampling.seed), index);
  auto token = static_cast<TokenId>(hash % vocab_size);
  const int64_t generated = static_cast<int64_t>(tokens.size()) - prompt_length;
  for (int64_t tries = 0; tries < vocab_size && Banned(token, generated, sampling); ++tries) {
    token = static_cast<TokenId>((token + 1) % vocab_size);
  }
  return token;
}

float FakeLogprob(std::span<const TokenId> tokens, TokenId next) {
  return -static_cast<float>(Mix(Hash(tokens), next) % 1000) / 100.0f;
}

std::vector<float> FakeHidden(std::span<const TokenId> prompt, int64_t position,
                              const ModelInfo& model) {
  const uint64_t seen = Hash(model.whole_prompts ? prompt : prompt.first(position + 1));
  std::vector<float> hidden;
  for (int64_t i = 0; i < model.hidden_size; ++i) {
    const uint64_t value = Mix(Mix(seen, static_cast<uint64_t>(position)), i + 1) % 200;
    hidden.push_back(static_cast<float>(value) - 100.0f);
  }
  return hidden;
}

std::vector<float> FakePooled(std::span<const TokenId> prompt, Pooling pooling,
                              const ModelInfo& model) {
  const auto length = static_cast<int64_t>(prompt.size());
  if (pooling == Pooling::kLast) return FakeHidden(prompt, length - 1, model);
  std::vector<float> sum = FakeHidden(prompt, 0, model);
  for (int64_t p = 1; p < length && pooling == Pooling::kMean; ++p) {
    const std::vector<float> hidden = FakeHidden(prompt, p, model);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += hidden[i];
  }
  return sum;
}

std::vector<TokenId> FakeGeneration(std::vector<TokenId> prompt, uint32_t index,
                                    const SamplingParams& sampling, const ModelInfo& model) {
  const auto prompt_length = static_cast<int64_t>(prompt.size());
  std::vector<TokenId> generated;
  while (static_cast<int32_t>(generated.size()) < sampling.max_tokens &&
         static_cast<int64_t>(prompt.size()) < model.context_length) {
    generated.push_back(FakeNextToken(prompt, prompt_length, index, sampling, model.vocab_size));
    prompt.push_back(generated.back());
    if (Ends(generated.back(), sampling)) break;
  }
  return generated;
}

ModelInfo FakeModelInfo(int64_t vocab_size, int32_t num_blocks, int32_t block_size) {
  ModelInfo info;
  info.name = "fake";
  info.architecture = "fake";
  info.device = "none";
  info.vocab_size = vocab_size;
  info.context_length = 512;
  info.hidden_size = 6;
  info.cache.block_size = block_size;
  info.cache.groups = {{.kind = StateKind::kFullAttention, .num_blocks = num_blocks}};
  return info;
}

FakeRunner::FakeRunner(ModelInfo info, std::shared_ptr<FakeRunnerControl> control)
    : info_(std::move(info)), control_(std::move(control)) {
  for (const CacheGroupSpec& group : info_.cache.groups) {
    pools_.emplace_back(static_cast<size_t>(group.num_blocks) * info_.cache.block_size);
  }
}

absl::StatusOr<ModelRunner::Handle> FakeRunner::Submit(const Plan& plan) {
  if (in_flight_ != nullptr) return absl::FailedPreconditionError("a step is in flight");
  if (control_->before_step != nullptr) {
    if (absl::Status status = control_->before_step(plan); !status.ok()) return status;
  }
  in_flight_ = &plan;
  return next_handle_++;
}

absl::Status FakeRunner::Wait(Handle, StepResult& result) {
  const Plan& plan = *std::exchange(in_flight_, nullptr);
  if (const int64_t delay = control_->delay_microseconds; delay > 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(delay));
  }
  result.step = plan.step;
  result.samples.resize(plan.samples.size());
  result.pooled.resize(plan.pools.size());
  result.prompt_logprobs.clear();
  for (const BlockCopy& copy : plan.copies) Copy(copy);
  for (const PlanRow& row : plan.rows) {
    Write(row);
    const bool whole = Reads(row);
    for (int32_t i = row.first_sample; i < row.first_sample + row.num_samples; ++i) {
      result.samples[i] =
          whole ? Sample(plan.samples[i]) : SampleResult{.status = SampleStatus::kInvalidLogits};
    }
    if (row.pool >= 0) {
      result.pooled[row.pool] = whole ? PoolHidden(row, plan.pools[row.pool])
                                      : PoolResult{.status = SampleStatus::kInvalidLogits};
    }
    ReportPrompt(row, result);
    control_->tokens += row.count;
  }
  ++control_->steps;
  return absl::OkStatus();
}

FakeRunner::CacheRow* FakeRunner::RowAt(size_t group, const PlanRow& row, int64_t position) {
  const auto& table = row.block_tables[group];
  const auto place = static_cast<size_t>(position / info_.cache.block_size);
  if (place >= table.size()) return nullptr;
  const BlockId block = table[place];
  if (block < 0 || block >= info_.cache.groups[group].num_blocks) return nullptr;
  return &pools_[group][static_cast<size_t>(block) * info_.cache.block_size +
                        position % info_.cache.block_size];
}

void FakeRunner::Copy(const BlockCopy& copy) {
  const int32_t size = info_.cache.block_size;
  const auto source = pools_[copy.group].begin() + copy.source * size;
  std::copy(source, source + size, pools_[copy.group].begin() + copy.target * size);
}

void FakeRunner::Write(const PlanRow& row) {
  for (size_t group = 0; group < pools_.size(); ++group) {
    for (int64_t p = row.first_token; p < row.first_token + row.count; ++p) {
      CacheRow* const cached = RowAt(group, row, p);
      if (cached == nullptr) {
        ++control_->wrong_reads;
      } else {
        *cached = {row.sequence.tokens[p], p};
      }
    }
  }
}

bool FakeRunner::Reads(const PlanRow& row) {
  bool whole = true;
  if (info_.whole_prompts && row.first_token < row.sequence.prompt_length &&
      (row.first_token > 0 || row.count < row.sequence.prompt_length)) {
    ++control_->wrong_reads;
    whole = false;
  }
  for (size_t group = 0; group < pools_.size(); ++group) {
    const CacheGroupSpec& spec = info_.cache.groups[group];
    const bool window = spec.kind == StateKind::kSlidingWindow;
    const int64_t first =
        window ? std::max<int64_t>(row.first_token - spec.window + 1, 0) : int64_t{0};
    for (int64_t p = first; p < row.first_token + row.count; ++p) {
      const CacheRow* const cached = RowAt(group, row, p);
      if (cached != nullptr && cached->position == p && cached->token == row.sequence.tokens[p]) {
        continue;
      }
      ++control_->wrong_reads;
      whole = false;
    }
  }
  return whole;
}

SampleResult FakeRunner::Sample(const SequenceView& sequence) {
  if (control_->invalid_logits != nullptr && control_->invalid_logits(sequence)) {
    return {.status = SampleStatus::kInvalidLogits};
  }
  const SamplingParams& sampling = *sequence.sampling;
  SampleResult result{.token = FakeNextToken(sequence.tokens, sequence.prompt_length,
                                             sequence.index, sampling, info_.vocab_size)};
  if (sampling.logprobs >= 0) {
    result.chosen = LogprobOf(sequence.tokens, result.token, 1);
    result.top = Top(sequence.tokens, sampling.logprobs);
  }
  return result;
}

PoolResult FakeRunner::PoolHidden(const PlanRow& row, const PoolView& pool) const {
  if (control_->invalid_logits != nullptr && control_->invalid_logits(row.sequence)) {
    return {.status = SampleStatus::kInvalidLogits};
  }
  PoolResult result{.values = {pool.before.begin(), pool.before.end()}};
  for (int64_t p = row.first_token; p < row.first_token + row.count; ++p) {
    const std::vector<float> hidden = FakeHidden(row.sequence.tokens, p, info_);
    if (pool.pooling == Pooling::kLast || result.values.empty()) {
      result.values = hidden;
    } else if (pool.pooling == Pooling::kMean) {
      for (size_t i = 0; i < hidden.size(); ++i) result.values[i] += hidden[i];
    }
  }
  return result;
}

void FakeRunner::ReportPrompt(const PlanRow& row, StepResult& result) {
  if (row.prompt_logprobs_from < 0) return;
  const int64_t end = std::min(row.first_token + row.count, row.sequence.prompt_length - 1);
  for (int64_t p = row.prompt_logprobs_from; p < end; ++p) {
    const auto before = row.sequence.tokens.subspan(0, p + 1);
    result.prompt_logprobs.push_back({.sequence = row.sequence.id,
                                      .position = p + 1,
                                      .chosen = LogprobOf(before, row.sequence.tokens[p + 1], 1),
                                      .top = Top(before, row.sequence.sampling->prompt_logprobs)});
  }
}

}  // namespace skep
