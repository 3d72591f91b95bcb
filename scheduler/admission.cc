#include "scheduler/admission.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace skep {
namespace {

absl::Status CheckGroup(const CacheGroupSpec& group, int index) {
  const auto named = [index](auto... parts) {
    return absl::InvalidArgumentError(absl::StrCat("cache group ", index, ": ", parts...));
  };
  if (group.kind == StateKind::kRecurrent) {
    return absl::UnimplementedError(
        absl::StrCat("cache group ", index, ": recurrent state is not scheduled yet"));
  }
  if (group.num_blocks < 1) {
    return named("num_blocks is ", group.num_blocks, ", must be at least 1");
  }
  if (group.kind == StateKind::kSlidingWindow && group.window < 1) {
    return named("window is ", group.window, ", must be at least 1");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOptions(const SchedulerOptions& options) {
  const CacheLayout& layout = options.layout;
  if (layout.block_size < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("block_size is ", layout.block_size, ", must be at least 1"));
  }
  if (layout.groups.empty() || layout.groups.size() > kMaxCacheGroups) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the layout has ", layout.groups.size(), " cache groups, must be 1 to ", kMaxCacheGroups));
  }
  for (size_t i = 0; i < layout.groups.size(); ++i) {
    if (absl::Status status = CheckGroup(layout.groups[i], static_cast<int>(i)); !status.ok()) {
      return status;
    }
  }
  if (options.context_length < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("context_length is ", options.context_length, ", must be at least 2"));
  }
  if (options.max_sequences < 1 || options.max_batch_tokens < options.max_sequences) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_sequences is ", options.max_sequences, ", must be 1 to max_batch_tokens (",
        options.max_batch_tokens, "), so that every sequence can decode in one step"));
  }
  if (options.max_waiting < 1 || options.max_preemptions < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_waiting is ", options.max_waiting, ", must be at least 1; max_preemptions is ",
        options.max_preemptions, ", must be at least 1"));
  }
  if (!(options.watermark >= 0 && options.watermark < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("watermark is ", options.watermark, ", must be in [0, 1)"));
  }
  if (!(options.ageing_seconds >= 0 && std::isfinite(options.ageing_seconds)) ||
      !(options.max_step_seconds >= 0 && std::isfinite(options.max_step_seconds))) {
    return absl::InvalidArgumentError(
        absl::StrCat("ageing_seconds is ", options.ageing_seconds, " and max_step_seconds ",
                     options.max_step_seconds, "; both must be finite and not negative"));
  }
  return absl::OkStatus();
}

absl::Status CheckRequest(const Request& request, const SchedulerOptions& options) {
  const auto invalid = [](auto... parts) {
    return absl::InvalidArgumentError(absl::StrCat(parts...));
  };
  const int64_t prompt = static_cast<int64_t>(request.prompt.size());
  const bool pool = request.kind == RequestKind::kPool;
  const int64_t longest = pool ? options.context_length : options.context_length - 1;
  if (prompt < 1 || prompt > longest) {
    return invalid("the prompt has ", prompt, " tokens, must be 1 to ", longest,
                   ": the context holds ", options.context_length);
  }
  if (options.whole_prompts && prompt > options.max_batch_tokens) {
    return invalid("the prompt has ", prompt, " tokens, must be at most max_batch_tokens (",
                   options.max_batch_tokens, "): the model reads a prompt whole, in one step");
  }
  const SamplingParams& sampling = request.sampling;
  if (sampling.n < 1 || sampling.n > options.max_sequences || (pool && sampling.n != 1)) {
    return invalid("n is ", sampling.n, ", must be 1 to ", pool ? 1 : options.max_sequences);
  }
  if (sampling.max_tokens < 1) {
    return invalid("max_tokens is ", sampling.max_tokens, ", must be at least 1");
  }
  if (!std::isfinite(request.arrival) || std::isnan(request.deadline)) {
    return invalid("arrival is ", request.arrival, " and deadline ", request.deadline,
                   "; both must be numbers, and arrival finite");
  }
  return absl::OkStatus();
}

int64_t MaxSequenceTokens(const Request& request, const SchedulerOptions& options) {
  const int64_t prompt = static_cast<int64_t>(request.prompt.size());
  if (request.kind == RequestKind::kPool) return prompt;
  return std::min(prompt + request.sampling.max_tokens, options.context_length);
}

int32_t BlocksForRequest(const CacheManager& cache, int group, int64_t num_tokens,
                         int64_t prompt_tokens, int32_t num_sequences, bool whole_prompts) {
  const int64_t size = cache.block_size();
  const int64_t each = cache.BlocksFor(group, num_tokens);
  const int64_t unshared = each * num_sequences;
  // A window may have left the shared blocks behind: then they save nothing.
  const bool all_held = each == (num_tokens + size - 1) / size;
  const int64_t shared = all_held ? prompt_tokens / size * (num_sequences - 1) : 0;
  // What is computed in one step is held in one step, window or not.
  const int64_t at_once = whole_prompts ? (prompt_tokens + size - 1) / size : 0;
  return static_cast<int32_t>(
      std::min<int64_t>(std::max(unshared - shared, at_once), std::numeric_limits<int32_t>::max()));
}

absl::Status CheckFits(const Request& request, const SchedulerOptions& options,
                       const CacheManager& cache) {
  // The last token is sampled, never computed.
  const int64_t sampled = request.kind == RequestKind::kPool ? 0 : 1;
  const int64_t tokens = MaxSequenceTokens(request, options) - sampled;
  const int64_t prompt = static_cast<int64_t>(request.prompt.size());
  for (int group = 0; group < cache.num_groups(); ++group) {
    const int64_t needed =
        BlocksForRequest(cache, group, tokens, prompt, request.sampling.n, options.whole_prompts);
    if (needed > cache.pool(group).total()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the request needs ", needed, " cache blocks of ", cache.block_size(), " tokens (prompt ",
          prompt, ", max_tokens ", request.sampling.max_tokens, ", n ", request.sampling.n,
          "), but the pool of cache group ", group, " has ", cache.pool(group).total()));
    }
  }
  return absl::OkStatus();
}

}  // namespace skep
