#include "engine/output_format/output_parser.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/output_format/parsing.h"

namespace skep::engine {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

const ToolSchemas& NoTools() {
  static const auto* const tools = new ToolSchemas;
  return *tools;
}

Parsed ParseText(std::string_view text, const OutputFormat& format,
                 const ToolSchemas& tools = NoTools(), std::string_view prompt_end = "") {
  const Parsed whole = Parse(format, tools, {text}, prompt_end);
  EXPECT_EQ(Parse(format, tools, Characters(text), prompt_end), whole) << text;
  return whole;
}

Parsed Content(std::string text) { return {.content = std::move(text)}; }

TEST(OutputParserTest, TextWithoutMarkersIsLeftAsItIs) {
  const OutputFormat format = Format("hermes", "think");
  for (const std::string text : {"", " ", "\n\n Hello \n ", "a < b > c", "<", "<think",
                                 "x<tool_call", "Grüße 🐝\n", "<|im_start|>", "so </think> it is",
                                 "</tool_call>", "[TOOL_CALLS]{}", "{\"name\": \"f\"}"}) {
    EXPECT_EQ(ParseText(text, format), Content(text));
    EXPECT_EQ(ParseText(text, OutputFormat()), Content(text));
  }
}

TEST(OutputParserTest, WhatIsNoCallIsText) {
  const OutputFormat format = Format("hermes", "none");
  for (const std::string text : {
           "<tool_call>",
           "a <tool_call> b",
           " x\n<tool_call>\n",
           "<tool_call></tool_call>",
           "<tool_call>{}</tool_call>",
           "<tool_call>{\"name\": \"f\"</tool_call>",
           "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}",
           "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": }}</tool_call>",
           "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>",
           "<tool_call>{\"name\": \"f\", \"arguments\": 1}</tool_call>",
           "<tool_call>{\"name\": \"f\", \"arguments\": \"no object\"}</tool_call>",
           "<tool_call>{\"name\": 1, \"arguments\": {}}</tool_call>",
           "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>",
           "<tool_call>{\"arguments\": {}}</tool_call>",
           "<tool_call>{'name': 'f'}</tool_call>",
           R"(<tool_call>{"name": "f", "arguments": {"a": "\ude80"}}</tool_call>)",
           R"(<tool_call>{"name": "f", "arguments": {"a": "\ud83d."}}</tool_call>)",
           "<tool_call>{\"name\": \"f\", \"arguments\": {}, \"arguments\": {}}</tool_call>",
           "Use <tool_call> tags, as in <tool_call>{...}</tool_call>.",
       }) {
    EXPECT_EQ(ParseText(text, format), Content(text));
  }
}

TEST(OutputParserTest, FormsOfArguments) {
  const OutputFormat format = Format("hermes", "none");
  const json a = {{"a", 1}};
  const std::pair<const char*, json> rows[] = {
      {R"({"name": "f", "arguments": {"a": 1}})", a},
      {R"({"arguments": {"a": 1}, "name": "f"})", a},
      {R"({"name": "f", "parameters": {"a":1}})", a},
      {R"({"id": "x", "name": "f", "arguments": "{\"a\": 1}"})", a},
      {R"({"name": "f", "arguments": ""})", json::object()},
      {R"({"name": "f", "arguments": null})", json::object()},
      {R"({"name": "f"})", json::object()},
      {R"({"name": "f", "arguments": {}, "more": [1, {"x": "}"}]})", json::object()},
      {R"( {"name" : "f" , "arguments" : { } } )", json::object()},
      {"{\"name\": \"f\", \"arguments\": {\"a\": \"x\ny\tz\"}}", {{"a", "x\ny\tz"}}},
      {R"({"name": "f", "arguments": {"a": "\u00fc \"}{\\", "b": [-1.5e3, true, null]}})",
       {{"a", "ü \"}{\\"}, {"b", {-1500.0, true, nullptr}}}},
      {R"({"name": "f", "arguments": {"a": "</tool_call><tool_call>"}})",
       {{"a", "</tool_call><tool_call>"}}},
  };
  for (const auto& [text, arguments] : rows) {
    const Parsed expected{.calls = {{"f", arguments}}};
    EXPECT_EQ(ParseText("<tool_call>" + std::string(text) + "</tool_call>", format), expected);
    // A closing marker that is missing, or cut off, does no harm.
    EXPECT_EQ(ParseText("<tool_call>" + std::string(text), format), expected);
    EXPECT_EQ(ParseText("<tool_call>" + std::string(text) + "\n</tool_", format), expected);
  }
}

TEST(OutputParserTest, TextAroundCallsStays) {
  const OutputFormat format = Format("hermes", "think");
  const std::string call = R"(<tool_call>{"name": "f", "arguments": {}}</tool_call>)";
  const std::vector<Call> f = {{"f", json::object()}}, two = {f[0], f[0]};
  EXPECT_EQ(ParseText("Hi. \n\n" + call + "\nBye.\n", format),
            (Parsed{.content = "Hi.Bye.\n", .calls = f}));
  EXPECT_EQ(ParseText(call + call, format), (Parsed{.calls = two}));
  EXPECT_EQ(ParseText(call + "<tool_call>{broken}</tool_call>" + call, format),
            (Parsed{.content = "<tool_call>{broken}</tool_call>", .calls = two}));
  EXPECT_EQ(ParseText("<tool_call><tool_call>" + call, format),
            (Parsed{.content = "<tool_call><tool_call>", .calls = f}));
  EXPECT_EQ(ParseText("<tool_call>\n{\"name\": \"f\"}\n<tool_call>\n{\"name\": \"f\"}", format),
            (Parsed{.calls = two}));
  EXPECT_EQ(ParseText("<tool_call>{\"name\": \"f\"}, and so on", format),
            (Parsed{.content = ", and so on", .calls = f}));
  EXPECT_EQ(ParseText("<tool_call>[{\"name\": \"f\"}, {\"name\": ]", format),
            (Parsed{.content = ", {\"name\": ]", .calls = f}));
}

TEST(OutputParserTest, Thoughts) {
  const OutputFormat format = Format("hermes", "think");
  const std::string prompt = "<|im_start|>assistant\n<think>\n";
  EXPECT_EQ(ParseText("<think>\na\n\nb\n</think>\n\n c", format),
            (Parsed{.content = "c", .reasoning = "a\n\nb"}));
  EXPECT_EQ(ParseText("a\n</think>\n\nc\n", format, NoTools(), prompt),
            (Parsed{.content = "c\n", .reasoning = "a"}));
  // Again what the prompt has written.
  EXPECT_EQ(ParseText("<think>\na</think>c", format, NoTools(), prompt),
            (Parsed{.content = "c", .reasoning = "a"}));
  EXPECT_EQ(ParseText("a <think> b</think>c", format, NoTools(), prompt),
            (Parsed{.content = "c", .reasoning = "a <think> b"}));
  EXPECT_EQ(ParseText("a < b </thin", format, NoTools(), prompt),
            (Parsed{.reasoning = "a < b </thin"}));
  EXPECT_EQ(ParseText("a\n", format, NoTools(), prompt), (Parsed{.reasoning = "a\n"}));
  EXPECT_EQ(ParseText("<think>\n\n</think>\n\nc", format), Content("c"));
  EXPECT_EQ(ParseText("\n\nc", format, NoTools(), "<think>\n\n</think>\n\n"), Content("c"));
  EXPECT_EQ(ParseText("</think>c", format, NoTools(), "<think>"), Content("c"));
  EXPECT_EQ(ParseText("</think>\n\nc", format), Content("c"));
  EXPECT_EQ(ParseText("a<think>b</think>c<think>d</think>", format),
            (Parsed{.content = "ac", .reasoning = "b\nd"}));
  // Calls that are only thought of.
  const std::string call = R"(<tool_call>{"name": "f", "arguments": {}}</tool_call>)";
  EXPECT_EQ(ParseText(call + "</think>" + call, format, NoTools(), prompt),
            (Parsed{.reasoning = call, .calls = {{"f", json::object()}}}));
}

TEST(OutputParserTest, SchemasTellTypes) {
  const ToolSchemas tools(ordered_json::parse(R"([{"name": "f", "parameters": {"properties": {
      "text": {"type": "string"}, "number": {"type": "number"}, "flag": {"type": "boolean"},
      "list": {"type": "array"}, "maybe": {"type": ["string", "null"]},
      "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
      "choice": {"enum": ["1", "2"]}, "any": {}}}}])"));
  const auto parse = [&](const std::string& key, const std::string& value) {
    const Parsed parsed = ParseText("<tool_call>\n<function=f>\n<parameter=" + key + ">\n" + value +
                                        "\n</parameter>\n</function>\n</tool_call>",
                                    Format("qwen3-coder"), tools);
    EXPECT_EQ(parsed.calls.size(), 1u);
    return parsed.calls.size() == 1 ? parsed.calls[0].arguments[key] : json();
  };
  for (const char* text : {"1", "true", "null", "{\"a\": 1}", "\"quoted\"", "", "\n\n", " x "}) {
    EXPECT_EQ(parse("text", text), text);
  }
  EXPECT_EQ(parse("number", "1"), 1);
  EXPECT_EQ(parse("number", "-1.5e3"), -1500.0);
  EXPECT_EQ(parse("number", "1 apple"), "1 apple");
  EXPECT_EQ(parse("flag", "True"), true);
  EXPECT_EQ(parse("flag", "false"), false);
  EXPECT_EQ(parse("list", "[1, \"a\"]"), json({1, "a"}));
  EXPECT_EQ(parse("list", "['a', None]"), json({"a", nullptr}));
  EXPECT_EQ(parse("maybe", "null"), nullptr);
  EXPECT_EQ(parse("maybe", "None"), nullptr);
  EXPECT_EQ(parse("maybe", "12"), "12");
  EXPECT_EQ(parse("either", "12"), 12);
  EXPECT_EQ(parse("either", "a12"), "a12");
  EXPECT_EQ(parse("choice", "1"), "1");
  for (const char* key : {"any", "unknown"}) {
    EXPECT_EQ(parse(key, "12"), 12);
    EXPECT_EQ(parse(key, "{\"a\": [1]}"), json({{"a", {1}}}));
    EXPECT_EQ(parse(key, "{'a': (1, 2)}"), json({{"a", {1, 2}}}));
    EXPECT_EQ(parse(key, "it's so"), "it's so");
    EXPECT_EQ(parse(key, "<b>&amp;"), "<b>&amp;");
  }
}

TEST(OutputParserTest, ArgumentsStream) {
  const OutputFormat format = Format("hermes");
  OutputParser parser(format, NoTools(), {.id_seed = 7});
  const auto append = [&](std::string_view text) {
    ParsedOutput out;
    parser.Append(text, out);
    return out;
  };
  EXPECT_EQ(append("Hi <tool_").content, "Hi");
  EXPECT_TRUE(append("call>{\"name\": \"f").tool_calls.empty());
  const ParsedOutput begin = append("\", \"arg");
  ASSERT_EQ(begin.tool_calls.size(), 1u);
  EXPECT_EQ(begin.tool_calls[0].name, "f");
  EXPECT_EQ(begin.tool_calls[0].id.size(), 9u);
  EXPECT_EQ(begin.tool_calls[0].arguments, "");
  EXPECT_EQ(append("uments\": {\"a\": \"x").tool_calls[0].arguments, "{\"a\": \"x");
  const ParsedOutput more = append("y");
  EXPECT_EQ(more.tool_calls, (std::vector<ToolCallDelta>{{.index = 0, .arguments = "y"}}));
  EXPECT_EQ(parser.calls(), 0);
  EXPECT_EQ(append("\"}}").tool_calls[0].arguments, "\"}");
  EXPECT_EQ(parser.calls(), 1);
  EXPECT_EQ(append("</tool_call><tool_call>{\"name\": \"g\", ").tool_calls[0].index, 1u);
  const ParsedOutput broken = append("oops");
  EXPECT_EQ(broken.tool_calls, (std::vector<ToolCallDelta>{{.index = 1, .discarded = true}}));
  EXPECT_EQ(broken.content, "<tool_call>{\"name\": \"g\", oops");
  ParsedOutput rest;
  parser.Finish(rest);
  EXPECT_EQ(parser.calls(), 1);
  EXPECT_EQ(rest.content, "");
}

TEST(OutputParserTest, LongStringsStreamInWholeCharacters) {
  const OutputFormat format = Format("minimax-m2");
  const ToolSchemas tools(ordered_json::parse(
      R"([{"name": "f", "parameters": {"properties": {"text": {"type": "string"}}}}])"));
  std::string value;
  for (int i = 0; i < 200; ++i) value += "é🐝</para";
  const std::string text = "<minimax:tool_call><invoke name=\"f\"><parameter name=\"text\">" +
                           value + "</parameter></invoke></minimax:tool_call>";
  OutputParser parser(format, tools, {});
  int pieces = 0;
  std::string arguments;
  for (std::string_view character : Characters(text)) {
    ParsedOutput out;
    parser.Append(character, out);
    for (const ToolCallDelta& delta : out.tool_calls) {
      EXPECT_TRUE(BeginsCharacter(delta.arguments + "x", 0));
      pieces += !delta.arguments.empty();
      arguments += delta.arguments;
      EXPECT_NE(json(delta.arguments).dump(), "");  // throws where a character is cut
    }
  }
  EXPECT_EQ(json::parse(arguments), json({{"text", value}}));
  EXPECT_GT(pieces, 20);
}

TEST(OutputParserTest, SpecialTokensThatMeanNothingAreLeftOut) {
  const OutputFormat format = Format("kimi-k3", "kimi-k3");
  const OutputParser::Options options{.stray_markers = {"<|open|>", "<|close|>", "<|sep|>"}};
  const std::string text = "<|open|>think<|sep|>a<|sep|>b<|close|>think<|sep|>c<|open|>d<|sep|>";
  const Parsed expected{.content = "cd", .reasoning = "ab"};
  EXPECT_EQ(Parse(format, NoTools(), {text}, "", options), expected);
  EXPECT_EQ(Parse(format, NoTools(), Characters(text), "", options), expected);
}

TEST(OutputParserTest, IdsDiffer) {
  const OutputFormat format = Format("hermes");
  std::string text;
  for (int i = 0; i < 50; ++i) text += "<tool_call>{\"name\": \"f\"}</tool_call>";
  std::set<std::string> ids;
  for (uint64_t seed : {1, 2}) {
    OutputParser parser(format, NoTools(), {.id_seed = seed});
    ParsedOutput out;
    parser.Append(text, out);
    for (const ToolCallDelta& call : out.tool_calls) ids.insert(call.id);
  }
  EXPECT_EQ(ids.size(), 100u);
}

TEST(AppendToolCallsTest, DiscardedCallsGo) {
  std::vector<ToolCallDelta> whole;
  AppendToolCalls(whole, {{.index = 0, .id = "x", .name = "f", .arguments = "{"}});
  AppendToolCalls(whole, {{.index = 0, .arguments = "}"}, {.index = 1, .id = "y", .name = "g"}});
  AppendToolCalls(whole, {{.index = 1, .discarded = true}});
  EXPECT_EQ(whole,
            (std::vector<ToolCallDelta>{{.index = 0, .id = "x", .name = "f", .arguments = "{}"}}));
  // Read before.
  std::vector<ToolCallDelta> later;
  AppendToolCalls(later, {{.index = 1, .arguments = "{"}});
  AppendToolCalls(later, {{.index = 1, .discarded = true}, {.index = 1, .id = "z", .name = "h"}});
  AppendToolCalls(later, {{.index = 1, .arguments = "{}"}});
  EXPECT_EQ(later,
            (std::vector<ToolCallDelta>{{.index = 1, .discarded = true},
                                        {.index = 1, .id = "z", .name = "h", .arguments = "{}"}}));
}

}  // namespace
}  // namespace skep::engine
