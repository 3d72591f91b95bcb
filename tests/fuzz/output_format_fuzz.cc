// What models write back. An input is the name of a format of tool calls, that of one of reasoning,
// each on a line (unknown ones: none), and the text:
//
//   hermes
//   think
//   <think>...</think>...<tool_call>...
//
// Required, however the text is cut: the same content, reasoning and calls; calls whose arguments
// are JSON objects; and no more of anything than was written.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/output_format/output_parser.h"
#include "engine/tokenizer/unicode.h"
#include "tests/fuzz/require.h"

namespace skep::fuzz {
namespace {

using engine::OutputFormat;
using engine::OutputParser;
using engine::ParsedOutput;
using engine::ToolSchemas;

std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

OutputFormat FormatOf(std::string_view calls, std::string_view reasoning) {
  auto format = OutputFormat::Choose(calls, reasoning, "");
  if (!format.ok()) format = OutputFormat::Choose(calls, "none", "");
  if (!format.ok()) format = OutputFormat::Choose("none", reasoning, "");
  return format.ok() ? *std::move(format) : OutputFormat();
}

ParsedOutput Parse(const OutputFormat& format, std::string_view text, size_t piece) {
  static const auto* const tools = new ToolSchemas(nlohmann::ordered_json::parse(
      R"([{"name": "f", "parameters": {"properties": {"s": {"type": "string"}}}}])"));
  OutputParser parser(format, *tools, {});
  ParsedOutput whole;
  const auto add = [&whole](ParsedOutput part) {
    whole.content += part.content;
    whole.reasoning += part.reasoning;
    engine::AppendToolCalls(whole.tool_calls, std::move(part.tool_calls));
  };
  for (size_t at = 0; at < text.size(); at += piece) {
    ParsedOutput part;
    parser.Append(text.substr(at, piece), part);
    add(std::move(part));
  }
  ParsedOutput last;
  parser.Finish(last);
  add(std::move(last));
  Require(parser.calls() == static_cast<int64_t>(whole.tool_calls.size()),
          "every call that counts is there, and no other");
  return whole;
}

}  // namespace
}  // namespace skep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skep::fuzz;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!skep::engine::tokenizer::IsValidUtf8(text)) return 0;  // never leaves a tokenizer
  const std::string_view calls = TakeLine(text);
  const std::string_view reasoning = TakeLine(text);
  const auto format = FormatOf(calls, reasoning);
  const auto whole = Parse(format, text, text.size() + 1);
  for (const auto& call : whole.tool_calls) {
    Require(!call.name.empty() && !call.id.empty(), "a call has a name and an id");
    const auto arguments = nlohmann::json::parse(call.arguments, nullptr, false);
    Require(!arguments.is_discarded() && arguments.is_object(), "arguments are a JSON object");
  }
  Require(whole.content.size() + whole.reasoning.size() <= text.size(),
          "there is no more text than was written");
  for (const size_t piece : {size_t{1}, size_t{3}}) {
    const auto cut = Parse(format, text, piece);
    Require(cut.content == whole.content && cut.reasoning == whole.reasoning &&
                cut.tool_calls == whole.tool_calls,
            "how the text is cut makes no difference");
  }
  return 0;
}
