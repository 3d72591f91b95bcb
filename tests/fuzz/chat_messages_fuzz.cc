// Any conversation, {"messages": [...], "tools": [...], "extra": {...}}, by some templates: the
// first are written here, so that it is known what they may write; the others are seeds of
// chat_template_fuzz.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/chat_checks.h"

namespace skep::fuzz {
namespace {

using engine::ChatTemplate;
using nlohmann::ordered_json;

// A turn for each message and one for the answer.
constexpr const char* kTurns =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
// All that is there, through most of what a template can do to it.
constexpr const char* kEverything =
    "{{ messages|tojson }}{{ tools|tojson(indent=2) }}{% for m in messages %}"
    "<|im_start|>{% for k, v in m.items() %}{{ k|upper }}={{ v|string|trim }}"
    "{{ v if v is string else v|tojson }}{{ '%s|%r' % (k, v) }}{% endfor %}"
    "{% set c = m.content %}{% if c is string %}{{ c[1:-1] ~ c.split('a')|join('b') }}"
    "{{ c.replace('<', '[').strip() + c|lower|title }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}";
constexpr const char* kFiles[] = {"tool_calls.jinja", "inst.jinja", "reasoning.jinja",
                                  "macros.jinja"};
constexpr int kMaxDepth = 100;  // as deep as requests may be

ChatTemplate CompileOrDie(const std::string& source) {
  auto compiled = ChatTemplate::Compile(source);
  if (!compiled.ok()) std::fprintf(stderr, "%s\n", compiled.status().ToString().c_str());
  Require(compiled.ok(), "the templates of the corpus compile");
  return *std::move(compiled);
}

std::vector<ChatTemplate> CompileAll() {
  std::vector<ChatTemplate> templates = {CompileOrDie(kTurns), CompileOrDie(kEverything)};
  for (const char* name : kFiles) {
    std::ifstream file(std::string(SKEP_FUZZ_CORPUS) + "/chat_template/" + name);
    templates.push_back(CompileOrDie({std::istreambuf_iterator<char>(file), {}}));
  }
  return templates;
}

size_t Count(std::string_view text, std::string_view wanted) {
  size_t count = 0;
  for (size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + wanted.size())) {
    ++count;
  }
  return count;
}

void Check(const ChatTemplate& chat_template, const ChatTemplate::Inputs& inputs,
           bool counts_turns) {
  const auto chat = CheckRender(chat_template, inputs);
  if (!chat.ok()) return;
  const std::string written = TextOfTemplate(*chat);
  Require(std::none_of(written.begin(), written.end(), [](char c) { return (c & 0x80) != 0; }),
          "these templates write ASCII: all else is the users'");
  if (!counts_turns) return;
  Require(Count(written, "<|im_start|>") ==
              inputs.messages->size() + (inputs.add_generation_prompt ? 1 : 0),
          "no message forges a turn");
}

// A key's value if it is of the right type for it, or null.
const ordered_json* Part(const ordered_json& input, const char* key, bool is_array) {
  const auto found = input.find(key);
  if (found == input.end() || (is_array ? !found->is_array() : !found->is_object())) return nullptr;
  return &*found;
}

// Nothing where the text is no JSON, or deeper than a request may be.
ordered_json Parse(std::string_view text) {
  const ordered_json::parser_callback_t is_shallow =
      [](int depth, ordered_json::parse_event_t, ordered_json&) { return depth <= kMaxDepth; };
  return ordered_json::parse(text.begin(), text.end(), is_shallow, /*allow_exceptions=*/false);
}

}  // namespace
}  // namespace skep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using skep::engine::ChatTemplate;
  static const auto* const templates = new std::vector<ChatTemplate>(skep::fuzz::CompileAll());
  const auto input = skep::fuzz::Parse({reinterpret_cast<const char*>(data), size});
  if (!input.is_object()) return 0;
  ChatTemplate::Inputs inputs;
  inputs.messages = skep::fuzz::Part(input, "messages", /*is_array=*/true);
  inputs.tools = skep::fuzz::Part(input, "tools", /*is_array=*/true);
  if (const auto* extra = skep::fuzz::Part(input, "extra", /*is_array=*/false)) {
    inputs.extra = *extra;
  }
  if (inputs.messages == nullptr) return 0;
  inputs.limits = skep::fuzz::SmallLimits();
  for (size_t i = 0; i < templates->size(); ++i) {
    for (bool prompt : {true, false}) {
      inputs.add_generation_prompt = prompt;
      inputs.continue_final_message = false;
      skep::fuzz::Check((*templates)[i], inputs, /*counts_turns=*/i == 0);
    }
    inputs.continue_final_message = true;
    skep::fuzz::Check((*templates)[i], inputs, /*counts_turns=*/false);
  }
  return 0;
}
