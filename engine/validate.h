// The one place where a request is judged, whatever front end it came from.
#ifndef SKEP_ENGINE_VALIDATE_H_
#define SKEP_ENGINE_VALIDATE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/embedding.h"
#include "engine/engine.h"
#include "engine/request.h"
#include "models/runner.h"
#include "scheduler/sampling_params.h"
#include "scheduler/types.h"

namespace skep::engine {

// What a request is judged by.
struct ValidationContext {
  const ModelInfo& model;
  const EngineOptions& options;
  std::vector<TokenId> eos_token_ids;  // the model's and the tokenizer's; sorted, unique
  bool has_chat_template = false;
};

// Joins the model's ids with the tokenizer's; drops those outside the logits.
std::vector<TokenId> JoinEosTokenIds(const ModelInfo& model,
                                     const std::vector<TokenId>& end_of_generation_ids);

// Judges every field and fills what was left unset from the model's defaults, then Skep's. Errors
// name the field as in the request ("temperature", "stop_strings[2]", "prompt.token_ids[0]",
// "inputs[3].token_ids[0]"), its value and what is allowed. `now` and the request's deadline are
// read on one clock.
//
// Where max_tokens is unset, the result's is the context's length; FitToContext makes it exact.
absl::StatusOr<SamplingParams> Validate(const GenerationRequest& request,
                                        const ValidationContext& context, absl::Time now);

absl::StatusOr<EmbeddingParams> Validate(const EmbeddingRequest& request,
                                         const ValidationContext& context, absl::Time now);

// Once the prompt is known in tokens: cuts it to `truncate_prompt_tokens` (0: not at all), checks
// that it fits the context together with max_tokens, and gives an unset max_tokens what is left.
absl::Status FitToContext(const GenerationRequest& request, const ValidationContext& context,
                          std::vector<TokenId>& prompt, SamplingParams& sampling);

// The same for an input of an embedding request: cuts it to what the model can read, and says so,
// or checks that this is not necessary.
absl::Status FitInput(size_t index, Truncation truncation, const ValidationContext& context,
                      std::vector<TokenId>& prompt, bool& truncated);

// The name of an input in errors: "inputs[3]".
std::string InputField(size_t index);

}  // namespace skep::engine

#endif  // SKEP_ENGINE_VALIDATE_H_
