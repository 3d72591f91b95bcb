#include "engine/prompt_builder.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/chat_template/chat_template.h"
#include "engine/error.h"
#include "engine/request.h"
#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {
namespace {

std::string PieceOf(const Tokenizer& tokenizer, std::optional<TokenId> id) {
  return id.has_value() ? std::string(tokenizer.TokenText(*id)) : std::string();
}

// Begins where the template's words after the last of the conversation's do. Where the last message
// goes on, with that one's: it may have begun to think.
std::string EndOf(const RenderedChat& rendered, const ChatPrompt& chat) {
  constexpr size_t kMost = 256;  // bytes of the template's words; they take a line at most
  const std::vector<TextSpan>& spans = rendered.literal_spans;
  if (chat.continue_final_message && !spans.empty()) {
    return rendered.text.substr(spans.back().begin);
  }
  size_t begin = spans.empty() ? 0 : spans.back().end;
  if (rendered.text.size() - begin > kMost) begin = rendered.text.size() - kMost;
  return rendered.text.substr(begin);
}

}  // namespace

PromptBuilder::PromptBuilder(std::shared_ptr<const Tokenizer> tokenizer,
                             std::shared_ptr<const ChatTemplate> chat_template)
    : tokenizer_(std::move(tokenizer)), chat_template_(std::move(chat_template)) {}

absl::StatusOr<RenderedChat> PromptBuilder::Render(const ChatPrompt& chat,
                                                   const std::string& field) const {
  if (chat_template_ == nullptr) {
    return MakeError(Reason::kNoChatTemplate,
                     "this model has no chat template: send text or token ids", {.field = field});
  }
  ChatTemplate::Inputs inputs{.messages = &chat.messages,
                              .tools = chat.tools.is_null() ? nullptr : &chat.tools,
                              .add_generation_prompt = chat.add_generation_prompt,
                              .continue_final_message = chat.continue_final_message,
                              .bos_token = PieceOf(*tokenizer_, tokenizer_->bos_id()),
                              .eos_token = PieceOf(*tokenizer_, tokenizer_->eos_id()),
                              .extra = chat.template_arguments,
                              .now = absl::ToUnixSeconds(absl::Now())};
  absl::StatusOr<RenderedChat> text = chat_template_->Render(inputs);
  if (text.ok()) return text;
  return MakeError(Reason::kTemplateFailed,
                   absl::StrCat("the chat template failed: ", text.status().message()),
                   {.field = absl::StrCat(field, ".messages")});
}

absl::StatusOr<std::vector<TokenId>> PromptBuilder::Build(const Prompt& prompt,
                                                          std::string* prompt_end,
                                                          const std::string& field) const {
  if (const auto* tokens = std::get_if<TokenPrompt>(&prompt)) return tokens->ids;
  if (const auto* text = std::get_if<TextPrompt>(&prompt)) {
    return Encode(
        text->text,
        {.add_special = text->add_special_tokens, .parse_special = text->parse_special_tokens},
        field);
  }
  const auto& chat = std::get<ChatPrompt>(prompt);
  const absl::StatusOr<RenderedChat> rendered = Render(chat, field);
  if (!rendered.ok()) return rendered.status();
  if (prompt_end != nullptr) *prompt_end = EndOf(*rendered, chat);
  // The template writes its special tokens, that of the beginning included, as text.
  EncodeOptions options{.add_special = false, .parse_special = true};
  if (!chat.parse_special_tokens) options.literal_spans = rendered->literal_spans;
  return Encode(rendered->text, options, field);
}

absl::StatusOr<std::vector<TokenId>> PromptBuilder::Encode(const std::string& text,
                                                           const EncodeOptions& options,
                                                           const std::string& field) const {
  std::vector<TokenId> ids;
  absl::Status status = tokenizer_->Encode(text, options, ids);
  if (status.ok()) return ids;
  return MakeError(Reason::kInvalidField,
                   absl::StrCat("field '", field, "' cannot be tokenised: ", status.message()),
                   {.field = field});
}

}  // namespace skep::engine
