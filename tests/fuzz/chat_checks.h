// What holds for every conversation that a template renders.
#ifndef SKEP_TESTS_FUZZ_CHAT_CHECKS_H_
#define SKEP_TESTS_FUZZ_CHAT_CHECKS_H_

#include <string>
#include <string_view>

#include "engine/chat_template/chat_template.h"
#include "engine/chat_template/text.h"
#include "tests/fuzz/require.h"

namespace skep::fuzz {

// Far below what a server allows, so that a fuzzer's time is not spent in loops.
inline engine::ChatTemplate::Limits SmallLimits() {
  engine::ChatTemplate::Limits limits;
  limits.steps = 200'000;
  limits.memory_bytes = 16 << 20;
  limits.output_bytes = 1 << 20;
  limits.range_length = 10'000;
  return limits;
}

// As jinja2's errors are: of the template or its arguments, or of a limit.
inline void CheckError(const absl::Status& status) {
  Require(absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status),
          "a template fails by its own fault or by a limit");
  Require(!status.message().empty(), "and says why");
}

inline void CheckSpans(const engine::RenderedChat& chat) {
  size_t last_end = 0;
  bool first = true;
  for (const engine::TextSpan& span : chat.literal_spans) {
    Require(span.begin < span.end, "no span is empty");
    Require(first || span.begin > last_end, "spans are sorted and do not touch");
    last_end = span.end;
    first = false;
  }
  Require(last_end <= chat.text.size(), "spans lie in the text");
}

// The stretches of the text that the template wrote, each followed by a NUL.
inline std::string TextOfTemplate(const engine::RenderedChat& chat) {
  std::string text;
  size_t done = 0;
  for (const engine::TextSpan& span : chat.literal_spans) {
    text.append(chat.text, done, span.begin - done).push_back('\0');
    done = span.end;
  }
  return text.append(chat.text, done).append(1, '\0');
}

// Renders twice; null where the template fails.
inline absl::StatusOr<engine::RenderedChat> CheckRender(
    const engine::ChatTemplate& chat_template, const engine::ChatTemplate::Inputs& inputs) {
  auto chat = chat_template.Render(inputs);
  const auto again = chat_template.Render(inputs);
  Require(again.status() == chat.status(), "a template does the same each time");
  if (!chat.ok()) {
    CheckError(chat.status());
    return chat;
  }
  Require(again->text == chat->text && again->literal_spans == chat->literal_spans,
          "a template writes the same each time");
  Require(static_cast<int64_t>(chat->text.size()) <= inputs.limits.output_bytes,
          "the output keeps to its limit");
  Require(engine::jinja::IsValidUtf8(chat->text), "the output is UTF-8");
  CheckSpans(*chat);
  return chat;
}

}  // namespace skep::fuzz

#endif  // SKEP_TESTS_FUZZ_CHAT_CHECKS_H_
