// Headers of messages: gpt-oss's harmony, and what is like it.
#include <string_view>

#include "engine/output_format/format_table.h"
#include "engine/output_format/json_scanner.h"

namespace skep::engine::output {
namespace {

// The word behind `key`, or nothing.
std::string_view WordAfter(std::string_view text, std::string_view key) {
  const size_t at = text.rfind(key);
  if (at == std::string_view::npos) return {};
  text = text.substr(at + key.size());
  return text.substr(0, text.find_first_of(" \t\r\n<"));
}

Header ReadHarmony(std::string_view text) {
  std::string_view recipient = WordAfter(text, " to=");
  if (!recipient.empty() && recipient != "user" && recipient != "assistant") {
    constexpr std::string_view kFunctions = "functions.";
    if (recipient.starts_with(kFunctions)) recipient.remove_prefix(kFunctions.size());
    return {.kind = recipient.empty() ? Header::Kind::kInvalid : Header::Kind::kCall,
            .name = recipient};
  }
  const bool analysis = WordAfter(text, "<|channel|>") == "analysis";
  return {.kind = analysis ? Header::Kind::kReasoning : Header::Kind::kContent};
}

}  // namespace

const FrameSyntax& SyntaxOf(Frame frame) {
  static const auto* const none = new FrameSyntax;
  static const auto* const harmony = new FrameSyntax{
      .open = {"<|start|>", "<|channel|>"},
      .message = "<|message|>",
      .close = {"<|end|>", "<|return|>", "<|call|>"},
  };
  static const auto* const recipient = new FrameSyntax{
      .open = {"<|start|>"}, .message = "<|message|>", .close = {"<|eom|>", "<|eot|>"}};
  static const auto* const functionary = new FrameSyntax{.open = {">>>"}, .message = "\n"};
  switch (frame) {
    case Frame::kNone:
      break;
    case Frame::kHarmony:
      return *harmony;
    case Frame::kRecipient:
      return *recipient;
    case Frame::kFunctionary:
      return *functionary;
  }
  return *none;
}

Header ReadHeader(Frame frame, std::string_view text) {
  switch (frame) {
    case Frame::kNone:
      break;
    case Frame::kHarmony:
      return ReadHarmony(text);
    case Frame::kRecipient:
      return {.kind = WordAfter(text, " to=") == "self" ? Header::Kind::kReasoning
                                                        : Header::Kind::kContent};
    case Frame::kFunctionary: {
      const std::string_view name = Trim(text.substr(3));
      if (name == "all") return {};
      const bool word = !name.empty() && name.find_first_of(" \t(){}\"'") == name.npos;
      return {.kind = word ? Header::Kind::kCall : Header::Kind::kInvalid, .name = name};
    }
  }
  return {};
}

}  // namespace skep::engine::output
