#include "engine/chat_template/chat_template.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/parser.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine {
namespace {

using nlohmann::ordered_json;

// Marks the end of the message that is to be continued; where it comes out, the text is cut.
constexpr std::string_view kContinueTag = "CONTINUE_FINAL_MESSAGE_TAG ";

absl::Status ToStatus(const jinja::TemplateError& error) {
  const std::string place =
      error.position.line == 0
          ? ""
          : jinja::StrCat("line ", error.position.line, ", column ", error.position.column, ": ");
  const std::string message = jinja::StrCat("chat template: ", place, error.message);
  return error.limit ? absl::ResourceExhaustedError(message) : absl::InvalidArgumentError(message);
}

bool IsSet(const ordered_json& message, const char* key) {
  const auto it = message.find(key);
  return it != message.end() && !it->is_null();
}

// Reasoning goes by several names; as transformers does, a message that has one gets
// `reasoning_content`, and `thinking` (which gpt-oss reads) if it lacks that.
void AliasReasoning(ordered_json& message) {
  for (const char* key : {"reasoning_content", "thinking", "reasoning"}) {
    if (!IsSet(message, key)) continue;
    const ordered_json reasoning = message[key];
    if (!message.contains("thinking")) {
      ordered_json with = {{"thinking", reasoning}};
      with.update(message);
      message = std::move(with);
    }
    message["reasoning_content"] = reasoning;
    return;
  }
}

// Appends the tag to the text that is to be continued and returns that text.
absl::StatusOr<std::string> MarkFinalMessage(ordered_json& messages, std::string_view source) {
  if (messages.empty()) {
    return absl::InvalidArgumentError("continue_final_message: the conversation is empty");
  }
  ordered_json& last = messages.back();
  if (!IsSet(last, "content")) {
    return absl::InvalidArgumentError(
        "continue_final_message: the last message has no 'content' to continue");
  }
  if (source.find("content") == std::string_view::npos) {
    return absl::InvalidArgumentError(
        "continue_final_message: the template does not read 'content'");
  }
  ordered_json* text = &last["content"];
  if (text->is_array()) {
    const auto part = std::find_if(text->rbegin(), text->rend(), [](const ordered_json& p) {
      return p.is_object() && p.contains("text");
    });
    if (part == text->rend()) {
      return absl::InvalidArgumentError(
          "continue_final_message: the last message has no text to continue");
    }
    text = &(*part)["text"];
  }
  if (!text->is_string()) {
    return absl::InvalidArgumentError(
        "continue_final_message: the content of the last message must be text");
  }
  const std::string before = text->get<std::string>();
  *text = jinja::StrCat(before, kContinueTag);
  return before;
}

// Cuts the text where the final message ended.
absl::StatusOr<jinja::MarkedText> CutAtTag(jinja::MarkedText marked,
                                           std::string_view final_message) {
  const std::string_view tag = jinja::StripSpace(kContinueTag, jinja::Side::kBoth);
  const std::string& text = marked.text;
  const size_t at = text.rfind(tag);
  if (at == std::string::npos ||
      text.find(jinja::StripSpace(final_message, jinja::Side::kBoth)) == std::string::npos) {
    return absl::InvalidArgumentError(
        "continue_final_message: the chat template does not keep the last message as it is");
  }
  const bool kept_space = text.compare(at, kContinueTag.size(), kContinueTag) == 0;
  marked.Truncate(at);
  // The template trimmed the message: so is what is continued.
  if (!kept_space) marked.Truncate(jinja::StripSpace(text, jinja::Side::kRight).size());
  return marked;
}

absl::Status CheckInputs(const ChatTemplate::Inputs& inputs) {
  if (inputs.messages == nullptr || !inputs.messages->is_array()) {
    return absl::InvalidArgumentError("chat template: 'messages' must be an array");
  }
  for (size_t i = 0; i < inputs.messages->size(); ++i) {
    if ((*inputs.messages)[i].is_object()) continue;
    return absl::InvalidArgumentError(
        jinja::StrCat("chat template: message ", i, " must be an object"));
  }
  if (inputs.tools != nullptr && !inputs.tools->is_array() && !inputs.tools->is_null()) {
    return absl::InvalidArgumentError("chat template: 'tools' must be an array");
  }
  if (!inputs.extra.is_null() && !inputs.extra.is_object()) {
    return absl::InvalidArgumentError("chat template: 'extra' must be an object");
  }
  for (const char* name : {"messages", "tools", "add_generation_prompt"}) {
    if (inputs.extra.is_object() && inputs.extra.contains(name)) {
      return absl::InvalidArgumentError(
          jinja::StrCat("chat template: 'extra' must not set '", name, "'"));
    }
  }
  if (inputs.add_generation_prompt && inputs.continue_final_message) {
    return absl::InvalidArgumentError(
        "add_generation_prompt and continue_final_message exclude each other");
  }
  return absl::OkStatus();
}

// Templates write "<|" + role + "|>": the names that everybody uses are as good as the template's.
bool IsWellKnownRole(std::string_view role) {
  constexpr std::string_view kRoles[] = {"assistant", "bot",     "developer",     "function",
                                         "human",     "ipython", "model",         "observation",
                                         "system",    "tool",    "tool_response", "user"};
  return std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles);
}

jinja::Value ToMessages(const ordered_json& messages, jinja::Heap& heap) {
  jinja::Value list = heap.FromJson(messages);
  for (const jinja::Value& message : list.list().items) {
    const jinja::Value* role = message.dict().Find("role");
    if (role == nullptr || !role->is_string() || !IsWellKnownRole(role->text())) continue;
    message.dict().Set(heap.Text("role"), heap.Text(role->text()));
  }
  return list;
}

jinja::MarkedText RenderProgram(const jinja::Program& program, const ChatTemplate::Inputs& inputs,
                                const ordered_json& messages) {
  const ChatTemplate::Limits& limits = inputs.limits;
  jinja::Budget budget(limits.steps, limits.memory_bytes, limits.output_bytes, limits.depth);
  jinja::Interpreter interpreter(program, budget, limits.range_length, inputs.now);
  jinja::Heap& heap = interpreter.heap();
  interpreter.SetVariable("bos_token", heap.Text(inputs.bos_token));
  interpreter.SetVariable("eos_token", heap.Text(inputs.eos_token));
  interpreter.SetVariable("messages", ToMessages(messages, heap));
  interpreter.SetVariable("tools", inputs.tools ? heap.FromJson(*inputs.tools) : jinja::Value());
  interpreter.SetVariable("documents", jinja::Value());
  interpreter.SetVariable("add_generation_prompt", jinja::Value(inputs.add_generation_prompt));
  if (inputs.extra.is_object()) {
    for (const auto& [name, value] : inputs.extra.items()) {
      interpreter.SetVariable(name, heap.FromJson(value));
    }
  }
  return interpreter.Render();
}

RenderedChat ToRendered(jinja::MarkedText text) {
  return {std::move(text.text), std::move(text.spans)};
}

}  // namespace

std::string ChatTemplate::Sources() const {
  return tool_use_ == nullptr ? program_->source
                              : jinja::StrCat(program_->source, "\n", tool_use_->source);
}

absl::StatusOr<ChatTemplate> ChatTemplate::Compile(std::string_view source) {
  if (!jinja::IsValidUtf8(source)) {
    return absl::InvalidArgumentError("chat template: the source is not valid UTF-8");
  }
  try {
    return ChatTemplate(jinja::Parser::Parse(source));
  } catch (const jinja::TemplateError& error) {
    return ToStatus(error);
  }
}

absl::StatusOr<RenderedChat> ChatTemplate::Render(const Inputs& inputs) const {
  if (absl::Status status = CheckInputs(inputs); !status.ok()) return status;
  const bool with_tools = inputs.tools != nullptr && !inputs.tools->is_null();
  const jinja::Program& program = with_tools && tool_use_ ? *tool_use_ : *program_;
  const auto has_reasoning = [](const ordered_json& message) {
    return message.contains("reasoning_content") || message.contains("thinking") ||
           message.contains("reasoning");
  };
  const bool aliases = std::any_of(inputs.messages->begin(), inputs.messages->end(), has_reasoning);
  try {
    if (!aliases && !inputs.continue_final_message) {
      return ToRendered(RenderProgram(program, inputs, *inputs.messages));
    }
    ordered_json messages = *inputs.messages;
    for (ordered_json& message : messages) AliasReasoning(message);
    if (!inputs.continue_final_message) {
      return ToRendered(RenderProgram(program, inputs, messages));
    }
    absl::StatusOr<std::string> final_message = MarkFinalMessage(messages, program.source);
    if (!final_message.ok()) return final_message.status();
    absl::StatusOr<jinja::MarkedText> text =
        CutAtTag(RenderProgram(program, inputs, messages), *final_message);
    if (!text.ok()) return text.status();
    return ToRendered(*std::move(text));
  } catch (const jinja::TemplateError& error) {
    return ToStatus(error);
  }
}

}  // namespace skep::engine
