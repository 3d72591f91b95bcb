#include "engine/validate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/field_checker.h"
#include "engine/prompt_checks.h"
#include "engine/request.h"
#include "engine/tokenizer/unicode.h"
#include "models/runner.h"
#include "scheduler/sampling_params.h"
#include "scheduler/types.h"

namespace skep::engine {
namespace {

constexpr float kMaxLogitBias = 100.0f;

// All comparisons are false for NaN.
bool InClosed(float x, float low, float high) { return low <= x && x <= high; }
bool InHalfOpen(float x, float low, float high) { return low < x && x <= high; }

// The request's value if set; else the model's if it is a possible one; else Skep's.
template <typename T, typename Good>
T Choose(FieldChecker& check, absl::string_view field, absl::string_view allowed,
         const std::optional<T>& asked, const std::optional<T>& model_default, T fallback,
         Good good) {
  if (asked.has_value()) {
    check.Require(good(*asked), field, *asked, allowed);
    return *asked;
  }
  return model_default.has_value() && good(*model_default) ? *model_default : fallback;
}

void CheckDistribution(const GenerationRequest& request, const ModelInfo& model,
                       FieldChecker& check, SamplingParams& params) {
  const SamplingDefaults& defaults = model.sampling_defaults;
  const auto share = [](float x) { return InHalfOpen(x, 0.0f, 1.0f); };
  const auto penalty = [](float x) { return InClosed(x, -2.0f, 2.0f); };
  params.temperature =
      Choose(check, "temperature", "in [0, 100]", request.temperature, defaults.temperature, 1.0f,
             [](float x) { return InClosed(x, 0.0f, 100.0f); });
  params.top_k = Choose(check, "top_k", "0 (off) or more", request.top_k, defaults.top_k, 0,
                        [](int32_t k) { return k >= 0; });
  if (params.top_k >= model.vocab_size) params.top_k = 0;
  params.top_p = Choose(check, "top_p", "in (0, 1]", request.top_p, defaults.top_p, 1.0f, share);
  params.min_p = Choose(check, "min_p", "in [0, 1]", request.min_p, defaults.min_p, 0.0f,
                        [](float x) { return InClosed(x, 0.0f, 1.0f); });
  params.typical_p =
      Choose(check, "typical_p", "in (0, 1]", request.typical_p, defaults.typical_p, 1.0f, share);
  params.repetition_penalty =
      Choose(check, "repetition_penalty", "above 0 and finite", request.repetition_penalty,
             defaults.repetition_penalty, 1.0f,
             [](float x) { return InHalfOpen(x, 0.0f, std::numeric_limits<float>::max()); });
  params.presence_penalty =
      Choose(check, "presence_penalty", "in [-2, 2]", request.presence_penalty, {}, 0.0f, penalty);
  params.frequency_penalty = Choose(check, "frequency_penalty", "in [-2, 2]",
                                    request.frequency_penalty, {}, 0.0f, penalty);
}

void CheckLogitBias(const GenerationRequest& request, const EngineOptions& options,
                    FieldChecker& check, SamplingParams& params) {
  const auto& bias = request.logit_bias;
  check.Limit("logit_bias", static_cast<int64_t>(bias.size()), options.max_logit_bias);
  if (!check.ok()) return;
  for (size_t i = 0; i < bias.size(); ++i) {
    check.Id("logit_bias", i, bias[i].first);
    check.Require(InClosed(bias[i].second, -kMaxLogitBias, kMaxLogitBias),
                  absl::StrCat("logit_bias[", i, "]"), bias[i].second, "in [-100, 100]");
  }
  params.logit_bias = bias;
  std::sort(params.logit_bias.begin(), params.logit_bias.end());
  for (size_t i = 1; i < params.logit_bias.size(); ++i) {
    const TokenId id = params.logit_bias[i].first;
    check.Require(id != params.logit_bias[i - 1].first, "logit_bias", id, "each id at most once");
  }
}

std::vector<TokenId> Without(const std::vector<TokenId>& ids, const std::vector<TokenId>& others) {
  std::vector<TokenId> left;
  std::set_difference(ids.begin(), ids.end(), others.begin(), others.end(),
                      std::back_inserter(left));
  return left;
}

// Some token must be left to choose from, also while ending is not allowed.
void CheckChoice(FieldChecker& check, const ModelInfo& model, const SamplingParams& params) {
  if (params.allowed_token_ids.empty()) {
    check.Require(static_cast<int64_t>(params.bad_token_ids.size()) < model.vocab_size,
                  "bad_token_ids", params.bad_token_ids.size(),
                  "fewer ids than the vocabulary has");
    return;
  }
  std::vector<TokenId> left = Without(params.allowed_token_ids, params.bad_token_ids);
  check.Require(!left.empty(), "allowed_token_ids", params.allowed_token_ids.size(),
                "ids of which bad_token_ids leaves at least one");
  if (params.min_tokens == 0) return;
  left = Without(Without(left, params.eos_token_ids), params.stop_token_ids);
  check.Require(!left.empty(), "min_tokens", params.min_tokens,
                "0 where all allowed_token_ids end the sequence");
}

void CheckEnding(const GenerationRequest& request, const ValidationContext& context,
                 FieldChecker& check, SamplingParams& params) {
  const int64_t length = context.model.context_length;
  const int32_t longest =
      static_cast<int32_t>(std::min<int64_t>(length, std::numeric_limits<int32_t>::max()));
  params.max_tokens = request.max_tokens.value_or(longest);
  check.Require(params.max_tokens >= 1, "max_tokens", params.max_tokens, "1 or more");
  if (request.max_tokens.has_value() && check.ok() && params.max_tokens >= length) {
    check.Fail(Reason::kPromptTooLong, "max_tokens", absl::StrCat(params.max_tokens),
               absl::StrCat("below the model's context of ", length, " tokens"));
  }
  params.min_tokens = request.min_tokens;
  check.Require(params.min_tokens >= 0, "min_tokens", params.min_tokens, "0 or more");
  check.Require(params.min_tokens <= params.max_tokens, "min_tokens", params.min_tokens,
                absl::StrCat("at most max_tokens (", params.max_tokens, ")"));
  params.ignore_eos = request.ignore_eos;
  params.eos_token_ids = context.eos_token_ids;
  params.stop_token_ids = check.Ids("stop_token_ids", request.stop_token_ids);
}

void CheckStopStrings(const GenerationRequest& request, const EngineOptions& options,
                      FieldChecker& check) {
  check.Limit("stop_strings", static_cast<int64_t>(request.stop_strings.size()),
              options.max_stop_strings);
  for (size_t i = 0; i < request.stop_strings.size() && check.ok(); ++i) {
    const std::string& stop = request.stop_strings[i];
    const std::string field = absl::StrCat("stop_strings[", i, "]");
    check.Require(!stop.empty(), field, "the empty string", "at least one byte long");
    check.Limit(field, static_cast<int64_t>(stop.size()), options.max_stop_string_bytes);
    // The text is UTF-8, so anything else would never be found.
    check.Require(tokenizer::IsValidUtf8(stop), field, "a string", "UTF-8");
  }
}

void CheckCounts(const GenerationRequest& request, const EngineOptions& options,
                 FieldChecker& check, SamplingParams& params) {
  params.n = request.n;
  check.Require(params.n >= 1, "n", params.n, "1 or more");
  check.Limit("n", params.n, std::min(options.max_n, options.max_sequences));
  params.logprobs = request.logprobs.value_or(-1);
  check.Require(!request.logprobs.has_value() || params.logprobs >= 0, "logprobs", params.logprobs,
                "0 or more");
  check.Limit("logprobs", params.logprobs, options.max_logprobs);
  params.prompt_logprobs = request.prompt_logprobs.value_or(-1);
  check.Require(!request.prompt_logprobs.has_value() || params.prompt_logprobs >= 0,
                "prompt_logprobs", params.prompt_logprobs, "0 or more");
  check.Limit("prompt_logprobs", params.prompt_logprobs, options.max_logprobs);
}

// Tokens of a sequence, prompt and output, that the cache has blocks for when `n` sequences that
// share their prompt run and nobody else does (see BlocksForRequest in scheduler/admission.cc).
int64_t LongestSequence(const CacheLayout& cache, int64_t prompt_length, int32_t n) {
  const int64_t size = cache.block_size;
  int64_t longest = std::numeric_limits<int64_t>::max();
  for (const CacheGroupSpec& group : cache.groups) {
    const int64_t shared = prompt_length / size * (n - 1);
    int64_t blocks = (group.num_blocks + shared) / n;
    if (group.kind == StateKind::kSlidingWindow) {
      const int64_t reach = (group.window + size - 2) / size + 1;
      if (reach <= group.num_blocks / n) continue;  // however long it gets
      blocks = std::min(blocks, reach);
    }
    // The last token is sampled, never computed.
    longest = std::min(longest, blocks * size + 1);
  }
  return longest;
}

}  // namespace

std::vector<TokenId> JoinEosTokenIds(const ModelInfo& model,
                                     const std::vector<TokenId>& end_of_generation_ids) {
  std::vector<TokenId> joined = model.eos_token_ids;
  joined.insert(joined.end(), end_of_generation_ids.begin(), end_of_generation_ids.end());
  std::erase_if(joined, [&](TokenId id) { return id < 0 || id >= model.vocab_size; });
  std::sort(joined.begin(), joined.end());
  joined.erase(std::unique(joined.begin(), joined.end()), joined.end());
  return joined;
}

absl::StatusOr<SamplingParams> Validate(const GenerationRequest& request,
                                        const ValidationContext& context, absl::Time now) {
  if (request.deadline <= now) {
    return MakeError(Reason::kDeadlineExceeded, "the deadline had passed on arrival");
  }
  if (!context.model.generates) {
    return MakeError(Reason::kDoesNotGenerate,
                     absl::StrCat("model '", context.model.name,
                                  "' is an encoder: it gives embeddings, and does not generate"),
                     {.metadata = {{"model", context.model.name}}});
  }
  FieldChecker check(context.model.vocab_size);
  SamplingParams params;
  CheckRequestId(request.request_id, check);
  CheckPrompt(request.prompt, "prompt", context, check);
  check.Require(request.truncate_prompt_tokens >= 0, "truncate_prompt_tokens",
                request.truncate_prompt_tokens, "0 (off) or more");
  CheckDistribution(request, context.model, check, params);
  CheckLogitBias(request, context.options, check, params);
  params.allowed_token_ids = check.Ids("allowed_token_ids", request.allowed_token_ids);
  params.bad_token_ids = check.Ids("bad_token_ids", request.bad_token_ids);
  CheckEnding(request, context, check, params);
  CheckStopStrings(request, context.options, check);
  CheckCounts(request, context.options, check, params);
  if (check.ok()) CheckChoice(check, context.model, params);
  if (!check.ok()) return std::move(check).status();

  std::random_device random;
  params.seed = request.seed.value_or((static_cast<uint64_t>(random()) << 32) | random());
  return params;
}

absl::Status FitToContext(const GenerationRequest& request, const ValidationContext& context,
                          std::vector<TokenId>& prompt, SamplingParams& sampling) {
  const ModelInfo& model = context.model;
  const int64_t keep = request.truncate_prompt_tokens;
  if (keep > 0 && std::ssize(prompt) > keep) prompt.erase(prompt.begin(), prompt.end() - keep);
  FieldChecker check(model.vocab_size);
  CheckTokens(prompt, "prompt", check);
  if (check.ok() && std::ssize(prompt) > LongestStep(context)) {
    return TooLongForAStep("prompt", std::ssize(prompt), context);
  }
  const int64_t length = std::ssize(prompt);
  const int64_t left = model.context_length - length;
  const int64_t wanted = request.max_tokens.value_or(1);
  if (check.ok() && left < wanted) {
    return MakeError(Reason::kPromptTooLong,
                     absl::StrCat("the prompt's ", length, " tokens and max_tokens of ", wanted,
                                  " exceed the model's context of ", model.context_length),
                     {.field = "prompt",
                      .metadata = {{"prompt_tokens", absl::StrCat(length)},
                                   {"max_tokens", absl::StrCat(wanted)},
                                   {"context_length", absl::StrCat(model.context_length)}}});
  }
  if (!request.max_tokens.has_value()) {
    // What the context leaves, or a cache that is smaller than the context. A prompt that does not
    // fit at all is the scheduler's to refuse.
    const int64_t room = LongestSequence(model.cache, length, sampling.n) - length;
    sampling.max_tokens = static_cast<int32_t>(
        std::clamp<int64_t>(std::min(left, room), 1, std::numeric_limits<int32_t>::max()));
  }
  check.Require(
      sampling.min_tokens <= sampling.max_tokens, "min_tokens", sampling.min_tokens,
      absl::StrCat("at most the ", sampling.max_tokens, " that the context and the cache leave"));
  return std::move(check).status();
}

}  // namespace skep::engine
