// Chat templates: the Jinja2 text a model ships, compiled once and rendered for every conversation.
//
// What a template means is defined by Python: jinja2 3.1 in the sandbox that Hugging Face's
// `transformers` sets up for chat templates (trim_blocks, lstrip_blocks, loop controls, the
// `generation` block, its own `tojson`, `raise_exception`, `strftime_now`). The same text comes out
// here, or an error where Python raises one.
//
// A template is somebody else's program. It sees its arguments and nothing more, cannot change
// them, and runs under limits of steps, memory, output and depth.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_CHAT_TEMPLATE_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_CHAT_TEMPLATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/text_span.h"
#include "nlohmann/json.hpp"

namespace skep::engine {

namespace jinja {
struct Program;
}

// A conversation as text.
struct RenderedChat {
  std::string text;
  // The bytes that came from the conversation, the tools or the extra variables rather than from
  // the template: sorted, disjoint, neither empty nor touching. Special tokens typed there are only
  // text (EncodeOptions::literal_spans). A piece that the template computes from such bytes (as
  // JSON, in another case) counts as theirs as a whole. The role of a message is the template's
  // where it is one of the well-known names, for templates build special tokens from it.
  std::vector<TextSpan> literal_spans;
};

// A compiled template. Immutable, cheap to copy; Render may be called from any number of threads.
class ChatTemplate final {
 public:
  // What one Render may cost; more is RESOURCE_EXHAUSTED. The defaults are far above what a real
  // template needs for a conversation of a million tokens.
  struct Limits {
    int64_t steps = 50'000'000;        // nodes evaluated, plus work on long strings and lists
    int64_t memory_bytes = 512 << 20;  // all that the template builds
    int64_t output_bytes = 64 << 20;   // the text with its spans, captured blocks included
    int64_t depth = 400;               // nesting of calls and expressions, and of the arguments
    int64_t range_length = 100'000;    // range(n); as jinja2's sandbox
  };

  // NOLINTNEXTLINE(bugprone-exception-escape): JSON of nothing does not throw.
  struct Inputs {
    // The conversation: an array of objects with "role" and mostly "content". Required.
    const nlohmann::ordered_json* messages = nullptr;
    // Function schemas in OpenAI's format, or null: none.
    const nlohmann::ordered_json* tools = nullptr;
    // Ends with the prefix of the assistant's answer.
    bool add_generation_prompt = true;
    // Ends in the middle of the last message, which the model is to continue. Excludes
    // add_generation_prompt.
    bool continue_final_message = false;
    std::string bos_token;
    std::string eos_token;
    // More variables (documents, enable_thinking, ...): an object, or null for none. They may set
    // bos_token and eos_token anew, but neither messages, tools nor add_generation_prompt.
    nlohmann::ordered_json extra;
    // Seconds since 1970, what `strftime_now` prints, in UTC.
    int64_t now = 0;
    Limits limits;
  };

  // INVALID_ARGUMENT with line and column when `source` is not a template. Source that is nested
  // more deeply than a few hundred levels is refused too.
  static absl::StatusOr<ChatTemplate> Compile(std::string_view source);

  // The same, but conversations with tools are rendered by `other`: some models ship a template of
  // its own for them.
  ChatTemplate WithToolUse(const ChatTemplate& other) const {
    ChatTemplate both(program_);
    both.tool_use_ = other.program_;
    return both;
  }

  // What was compiled, and behind it what conversations with tools are rendered by.
  std::string Sources() const;

  // The conversation as text. INVALID_ARGUMENT, with line and column, when the template fails: by
  // its own raise_exception (whose message follows the position), by what Python raises on, or for
  // arguments that are not as described above. RESOURCE_EXHAUSTED when a limit is met.
  absl::StatusOr<RenderedChat> Render(const Inputs& inputs) const;

 private:
  explicit ChatTemplate(std::shared_ptr<const jinja::Program> program)
      : program_(std::move(program)) {}

  std::shared_ptr<const jinja::Program> program_;
  std::shared_ptr<const jinja::Program> tool_use_;  // null: program_
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_CHAT_TEMPLATE_H_
