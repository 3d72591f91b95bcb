#include "engine/prompt_checks.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/error.h"
#include "engine/field_checker.h"
#include "engine/json_size.h"
#include "engine/request.h"
#include "engine/validate.h"
#include "scheduler/types.h"

namespace skep::engine {
namespace {

constexpr int kMaxJsonDepth = 100;
constexpr size_t kMaxRequestIdBytes = 128;

void CheckJson(absl::string_view field, const nlohmann::ordered_json& json, FieldChecker& check) {
  if (!JsonBytes(json, kMaxJsonDepth).has_value()) {
    check.Fail(Reason::kInvalidField, field, "a deeper value",
               absl::StrCat("nested at most ", kMaxJsonDepth, " levels deep"));
  }
}

void CheckTokenPrompt(const TokenPrompt& prompt, absl::string_view field, FieldChecker& check) {
  const std::string name = absl::StrCat(field, ".token_ids");
  check.Require(!prompt.ids.empty(), name, "an empty list", "at least one id long");
  for (size_t i = 0; i < prompt.ids.size() && check.ok(); ++i) check.Id(name, i, prompt.ids[i]);
}

void CheckMessages(const nlohmann::ordered_json& messages, const std::string& field,
                   FieldChecker& check) {
  check.Require(messages.is_array() && !messages.empty(), field,
                messages.is_array() ? "an empty array" : messages.type_name(),
                "an array of at least one message");
  if (!check.ok()) return;
  for (size_t i = 0; i < messages.size(); ++i) {
    const auto& message = messages[i];
    const auto role = message.is_object() ? message.find("role") : message.end();
    check.Require(
        role != message.end() && role->is_string() && !role->get_ref<const std::string&>().empty(),
        absl::StrCat(field, "[", i, "]"), message.type_name(), "an object with a 'role'");
  }
}

void CheckChatPrompt(const ChatPrompt& chat, absl::string_view field,
                     const ValidationContext& context, FieldChecker& check) {
  const std::string messages = absl::StrCat(field, ".messages");
  const std::string tools = absl::StrCat(field, ".tools");
  const std::string arguments = absl::StrCat(field, ".template_arguments");
  CheckJson(messages, chat.messages, check);
  CheckJson(tools, chat.tools, check);
  CheckJson(arguments, chat.template_arguments, check);
  CheckMessages(chat.messages, messages, check);
  if (!check.ok()) return;
  check.Require(chat.tools.is_null() || chat.tools.is_array(), tools, chat.tools.type_name(),
                "an array or null");
  check.Require(chat.template_arguments.is_null() || chat.template_arguments.is_object(), arguments,
                chat.template_arguments.type_name(), "an object or null");
  check.Require(!(chat.add_generation_prompt && chat.continue_final_message),
                absl::StrCat(field, ".continue_final_message"), "true",
                "false where add_generation_prompt is true");
  if (check.ok() && !context.has_chat_template) {
    check.Fail(Reason::kNoChatTemplate, field, "a chat",
               "text or token ids, for this model has no chat template");
  }
}

}  // namespace

void CheckRequestId(const std::string& id, FieldChecker& check) {
  check.Require(id.size() <= kMaxRequestIdBytes, "request_id", absl::StrCat(id.size(), " bytes"),
                absl::StrCat("at most ", kMaxRequestIdBytes, " bytes long"));
  // It ends up in logs and in the headers of answers.
  const bool printable =
      std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; });
  check.Require(printable, "request_id", "a string", "printable ASCII");
}

void CheckPrompt(const Prompt& prompt, absl::string_view field, const ValidationContext& context,
                 FieldChecker& check) {
  if (const auto* tokens = std::get_if<TokenPrompt>(&prompt)) {
    CheckTokenPrompt(*tokens, field, check);
  } else if (const auto* chat = std::get_if<ChatPrompt>(&prompt)) {
    CheckChatPrompt(*chat, field, context, check);
  }
  if (!check.ok()) return;
  // It could never be admitted, however empty the queue.
  check.Limit(field, PromptBytes(prompt), context.options.max_waiting_prompt_bytes);
}

void CheckTokens(const std::vector<TokenId>& tokens, absl::string_view field, FieldChecker& check) {
  check.Require(!tokens.empty(), field, "a text of no tokens", "at least one token long");
  for (size_t i = 0; i < tokens.size() && check.ok(); ++i) check.Id(field, i, tokens[i]);
}

int64_t LongestStep(const ValidationContext& context) {
  return context.model.whole_prompts ? context.options.max_batch_tokens
                                     : std::numeric_limits<int64_t>::max();
}

absl::Status TooLongForAStep(absl::string_view field, int64_t tokens,
                             const ValidationContext& context) {
  const int32_t most = context.options.max_batch_tokens;
  return MakeError(Reason::kPromptTooLong,
                   absl::StrCat(field, ": its ", tokens, " tokens exceed the ", most,
                                " of one step (max_batch_tokens), and this model reads a prompt "
                                "whole, in one step"),
                   {.field = std::string(field),
                    .metadata = {{"prompt_tokens", absl::StrCat(tokens)},
                                 {"max_batch_tokens", absl::StrCat(most)}}});
}

int64_t PromptBytes(const Prompt& prompt) {
  if (const auto* text = std::get_if<TextPrompt>(&prompt)) {
    return static_cast<int64_t>(text->text.size());
  }
  if (const auto* tokens = std::get_if<TokenPrompt>(&prompt)) {
    return static_cast<int64_t>(tokens->ids.size() * sizeof(TokenId));
  }
  const ChatPrompt& chat = std::get<ChatPrompt>(prompt);
  return JsonBytes(chat.messages, kMaxJsonDepth).value_or(0) +
         JsonBytes(chat.tools, kMaxJsonDepth).value_or(0) +
         JsonBytes(chat.template_arguments, kMaxJsonDepth).value_or(0);
}

absl::Status ValidatePrompt(const Prompt& prompt, const ValidationContext& context) {
  FieldChecker check(context.model.vocab_size);
  CheckPrompt(prompt, "prompt", context, check);
  return std::move(check).status();
}

}  // namespace skep::engine
