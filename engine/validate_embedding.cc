#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/embedding.h"
#include "engine/error.h"
#include "engine/field_checker.h"
#include "engine/prompt_checks.h"
#include "engine/request.h"
#include "engine/validate.h"
#include "scheduler/types.h"

namespace skep::engine {
namespace {

// What could never be admitted together, however empty the queue, is refused for good.
void CheckInputs(const EmbeddingRequest& request, const ValidationContext& context,
                 FieldChecker& check) {
  const EngineOptions& options = context.options;
  const auto limit = [](int64_t tenant) {
    return tenant > 0 ? tenant : std::numeric_limits<int64_t>::max();
  };
  check.Require(!request.inputs.empty(), "inputs", "an empty list", "at least one input long");
  check.Limit("inputs", std::ssize(request.inputs),
              std::min<int64_t>({options.max_inputs, options.max_waiting,
                                 limit(options.max_waiting_per_tenant)}));
  int64_t bytes = 0;
  for (size_t i = 0; i < request.inputs.size() && check.ok(); ++i) {
    CheckPrompt(request.inputs[i], InputField(i), context, check);
    if (check.ok()) bytes += PromptBytes(request.inputs[i]);
  }
  if (!check.ok()) return;
  check.Limit("inputs", bytes,
              std::min(options.max_waiting_prompt_bytes,
                       limit(options.max_waiting_prompt_bytes_per_tenant)));
}

}  // namespace

std::string InputField(size_t index) { return absl::StrCat("inputs[", index, "]"); }

absl::StatusOr<EmbeddingParams> Validate(const EmbeddingRequest& request,
                                         const ValidationContext& context, absl::Time now) {
  if (request.deadline <= now) {
    return MakeError(Reason::kDeadlineExceeded, "the deadline had passed on arrival");
  }
  const ModelInfo& model = context.model;
  FieldChecker check(model.vocab_size);
  CheckRequestId(request.request_id, check);
  CheckInputs(request, context, check);
  EmbeddingParams params;
  params.pooling = request.pooling.value_or(model.embedding_defaults.pooling);
  params.dimensions = request.dimensions.value_or(static_cast<int32_t>(model.hidden_size));
  params.normalize = request.normalize.value_or(model.embedding_defaults.normalize);
  params.truncation = request.truncation;
  check.Require(params.dimensions >= 1 && params.dimensions <= model.hidden_size, "dimensions",
                params.dimensions, absl::StrCat("1 to ", model.hidden_size));
  if (!check.ok()) return std::move(check).status();
  return params;
}

absl::Status FitInput(size_t index, Truncation truncation, const ValidationContext& context,
                      std::vector<TokenId>& prompt, bool& truncated) {
  const std::string field = InputField(index);
  const int64_t context_length = context.model.context_length;
  const int64_t longest = std::min(context_length, LongestStep(context));
  truncated = truncation != Truncation::kNone && std::ssize(prompt) > longest;
  if (truncated && truncation == Truncation::kEnd) prompt.resize(longest);
  if (truncated && truncation == Truncation::kStart) {
    prompt.erase(prompt.begin(), prompt.end() - longest);
  }
  const int64_t length = std::ssize(prompt);
  if (length > context_length) {
    return MakeError(Reason::kPromptTooLong,
                     absl::StrCat(field, ": its ", length, " tokens exceed the model's context of ",
                                  context_length),
                     {.field = field,
                      .metadata = {{"prompt_tokens", absl::StrCat(length)},
                                   {"context_length", absl::StrCat(context_length)}}});
  }
  if (length > longest) return TooLongForAStep(field, length, context);
  FieldChecker check(context.model.vocab_size);
  CheckTokens(prompt, field, check);
  return std::move(check).status();
}

}  // namespace skep::engine
