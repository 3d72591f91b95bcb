// What is required of a prompt, whatever it is for. engine::Validate calls most of this.
#ifndef SKEP_ENGINE_PROMPT_CHECKS_H_
#define SKEP_ENGINE_PROMPT_CHECKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/field_checker.h"
#include "engine/request.h"
#include "engine/validate.h"
#include "scheduler/types.h"

namespace skep::engine {

// Judges a prompt alone, as the field "prompt".
absl::Status ValidatePrompt(const Prompt& prompt, const ValidationContext& context);

// The bytes that a prompt holds while it waits. Only for prompts that were let pass.
int64_t PromptBytes(const Prompt& prompt);

// --- Parts of engine::Validate.

void CheckRequestId(const std::string& id, FieldChecker& check);

// The prompt as it came; errors name fields below `field`.
void CheckPrompt(const Prompt& prompt, absl::string_view field, const ValidationContext& context,
                 FieldChecker& check);

// The prompt's tokens: at least one, and all of them indices into the logits, which a tokenizer
// whose vocabulary is larger cannot be trusted with.
void CheckTokens(const std::vector<TokenId>& tokens, absl::string_view field, FieldChecker& check);

// The most tokens that a prompt may have because it must fit one step.
int64_t LongestStep(const ValidationContext& context);
// kPromptTooLong, of a prompt of so many tokens.
absl::Status TooLongForAStep(absl::string_view field, int64_t tokens,
                             const ValidationContext& context);

}  // namespace skep::engine

#endif  // SKEP_ENGINE_PROMPT_CHECKS_H_
