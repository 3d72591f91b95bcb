#include "server/grpc/wire_fields.h"

#include "absl/strings/str_cat.h"
#include "server/view.h"

namespace skep::server {
namespace {

struct Field {
  std::string_view engine;
  std::string_view wire;
};

constexpr Field kFields[] = {
    {"temperature", "sampling.temperature"},
    {"top_k", "sampling.top_k"},
    {"top_p", "sampling.top_p"},
    {"min_p", "sampling.min_p"},
    {"typical_p", "sampling.typical_p"},
    {"repetition_penalty", "sampling.repetition_penalty"},
    {"presence_penalty", "sampling.presence_penalty"},
    {"frequency_penalty", "sampling.frequency_penalty"},
    {"logit_bias", "sampling.logit_bias"},
    {"allowed_token_ids", "sampling.allowed_token_ids"},
    {"bad_token_ids", "sampling.bad_token_ids"},
    {"seed", "sampling.seed"},
    {"n", "sampling.num_sequences"},
    {"max_tokens", "stopping.max_tokens"},
    {"min_tokens", "stopping.min_tokens"},
    {"ignore_eos", "stopping.ignore_eos"},
    {"stop_strings", "stopping.stop_strings"},
    {"stop_token_ids", "stopping.stop_token_ids"},
    {"include_stop_string", "stopping.include_stop_string"},
    {"skip_special_tokens", "response.skip_special_tokens"},
    {"logprobs", "response.logprobs"},
    {"prompt_logprobs", "response.prompt_logprobs"},
    {"prompt.text", "text"},
    {"prompt.token_ids", "token_ids.ids"},
    {"prompt.messages", "chat.messages"},
    {"prompt.tools", "chat.tools"},
    {"prompt.template_arguments", "chat.template_arguments"},
    {"prompt.continue_final_message", "chat.continue_final_message"},
};

}  // namespace

std::string WireField(std::string_view engine_field) {
  // Of an input, the fields are called as those of a request's one prompt.
  const size_t end = engine_field.find(']');
  if (engine_field.starts_with("inputs[") && end != std::string_view::npos) {
    const std::string prompt = absl::StrCat("prompt", View(engine_field.substr(end + 1)));
    const std::string wire = WireField(prompt);
    if (wire == prompt) return std::string(engine_field);
    return absl::StrCat(View(engine_field.substr(0, end + 1)), ".", wire);
  }
  for (const Field& field : kFields) {
    if (!engine_field.starts_with(field.engine)) continue;
    const std::string_view rest = engine_field.substr(field.engine.size());
    if (rest.empty() || rest[0] == '[') return absl::StrCat(View(field.wire), View(rest));
  }
  return std::string(engine_field);
}

}  // namespace skep::server
