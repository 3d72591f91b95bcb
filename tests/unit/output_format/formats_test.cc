// Formats whose templates do not show a whole answer, from their models' own documentation.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/output_format/parsing.h"

namespace skep::engine {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

const ToolSchemas& Tools() {
  static const auto* const tools = new ToolSchemas(ordered_json::parse(R"([
    {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object",
      "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}},
    {"type": "function", "function": {"name": "clock"}}])"));
  return *tools;
}

struct Sample {
  std::string format;  // of tool calls, "/", of reasoning
  std::string output;
  Parsed expected;
  std::string prompt_end;
};

void Check(const Sample& sample) {
  const size_t slash = sample.format.find('/');
  const OutputFormat format =
      Format(sample.format.substr(0, slash),
             slash == std::string::npos ? "none" : sample.format.substr(slash + 1));
  for (const auto& pieces :
       {std::vector<std::string_view>{sample.output}, Characters(sample.output)}) {
    EXPECT_EQ(Parse(format, Tools(), pieces, sample.prompt_end), sample.expected) << sample.output;
  }
}

Call Weather() { return {"get_weather", {{"city", "Bern"}}}; }
Call Clock() { return {"clock", json::object()}; }

TEST(FormatsTest, DeepSeekR1) {
  Check({"deepseek-v3/think",
         "Hm, hm.\n</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>"
         "get_weather\n```json\n{\"city\": \"Bern\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>"
         "function<｜tool▁sep｜>clock\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
         {.reasoning = "Hm, hm.", .calls = {Weather(), Clock()}},
         "<｜Assistant｜><think>\n"});
}

TEST(FormatsTest, Llama3) {
  Check({"llama-3",
         R"({"name": "get_weather", "parameters": {"city": "Bern"}})",
         {.calls = {Weather()}},
         {}});
  Check({"llama-3",
         R"(<|python_tag|>{"type": "function", "name": "clock", "parameters": {}})",
         {.calls = {Clock()}},
         {}});
  Check({"llama-3",
         R"({"name": "clock", "parameters": {}}; {"name": "clock", "parameters": {}})",
         {.calls = {Clock(), Clock()}},
         {}});
  Check({"llama-3", R"(<|python_tag|>get_weather.call(city="Bern"))", {.calls = {Weather()}}, {}});
  // Answers in JSON, and Python, are no calls.
  for (const char* text :
       {R"({"name": "Ada", "age": 36})", R"({"name": "Ada"})", "{}", "{1, 2}",
        R"({"result": {"name": "clock", "parameters": {}}})",
        R"(I call {"name": "clock", "parameters": {}})", R"({"name": "unknown", "parameters": {}})",
        "<|python_tag|>print('hello')"}) {
    Check({"llama-3", text, {.content = text}, {}});
  }
}

TEST(FormatsTest, Pythonic) {
  for (const char* format : {"pythonic", "llama-4"}) {
    Check({format, "[get_weather(city='Bern'), clock()]", {.calls = {Weather(), Clock()}}, {}});
    Check({format,
           "[get_weather(city=\"a)]'\\\"\", days=-2)]",
           {.calls = {{"get_weather", {{"city", "a)]'\""}, {"days", -2}}}}},
           {}});
    for (const char* text : {"[1] says so", "[unknown(a=1)]", "[get_weather('Bern')]", "[clock(",
                             "[clock", "[get_weather(city=Bern)]", "[]"}) {
      Check({format, text, {.content = text}, {}});
    }
  }
  Check({"llama-4", "<|python_start|>[clock()]<|python_end|>", {.calls = {Clock()}}, {}});
  Check({"llama-4",
         R"({"name": "get_weather", "parameters": {"city": "Bern"}})",
         {.calls = {Weather()}},
         {}});
  Check({"olmo-3",
         "Look:\n<function_calls>\nget_weather(city=\"Bern\")\nclock()\n</function_calls>",
         {.content = "Look:", .calls = {Weather(), Clock()}},
         {}});
  Check({"lfm2",
         "<|tool_call_start|>[clock()]<|tool_call_end|>It is late.",
         {.content = "It is late.", .calls = {Clock()}},
         {}});
}

TEST(FormatsTest, Harmony) {
  const std::string thoughts = "<|channel|>analysis<|message|>Hm. 2 > 1<|end|>";
  const std::string call =
      "<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json"
      "<|message|>{\"city\": \"Bern\"}";
  const std::string start = "<|start|>assistant";
  Check({"harmony/harmony",
         thoughts + call,
         {.reasoning = "Hm. 2 > 1", .calls = {Weather()}},
         start});
  Check({"harmony/harmony",
         thoughts + call + "<|call|>",
         {.reasoning = "Hm. 2 > 1", .calls = {Weather()}},
         start});
  Check({"harmony/harmony",
         " to=functions.clock<|channel|>commentary json<|message|>{}",
         {.calls = {Clock()}},
         start});
  Check({"harmony/harmony",
         "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>final"
         "<|message|>Four.",
         {.content = "I look.\nFour."},
         start});
  Check({"harmony/harmony",
         thoughts + start + "<|channel|>final<|message|>Four.<|return|>",
         {.content = "Four.", .reasoning = "Hm. 2 > 1"},
         start});
  // A call that was cut off, and one whose arguments are no JSON.
  for (const char* text :
       {"<|channel|>commentary to=functions.clock<|message|>{\"a\": ",
        "<|channel|>analysis to=python code<|message|>print(1)", "<|channel|>comment"}) {
    Check({"harmony/harmony", text, {.content = text}, start});
  }
}

TEST(FormatsTest, Functionary) {
  Check({"functionary-v3.2",
         "all\nHello >>> there.>>>get_weather\n{\"city\": \"Bern\"}>>>clock\n{}",
         {.content = "Hello >>> there.", .calls = {Weather(), Clock()}},
         "<|start_header_id|>assistant<|end_header_id|>\n\n>>>"});
  Check({"functionary-v3.2",
         "all\n>>> clock() and more\n1",
         {.content = ">>> clock() and more\n1"},
         ">>>"});
}

TEST(FormatsTest, Mistral) {
  Check({"mistral/mistral",
         "[THINK]Hm.[/THINK]Look![TOOL_CALLS]get_weather[ARGS]{\"city\": \"Bern\"}",
         {.content = "Look!", .reasoning = "Hm.", .calls = {Weather()}},
         {}});
  Check({"mistral",
         R"([TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Bern"}}])",
         {.calls = {Weather()}},
         {}});
  Check({"mistral", R"([TOOL_CALLS]{"name": "clock", "arguments": {}})", {.calls = {Clock()}}, {}});
  Check({"mistral",
         R"([TOOL_CALLS]clock[CALL_ID]123456789[ARGS]{}[TOOL_CALLS]clock[ARGS]{})",
         {.calls = {Clock(), Clock()}},
         {}});
}

TEST(FormatsTest, Cohere) {
  Check({"command-r",
         "Action: ```json\n[\n  {\"tool_name\": \"get_weather\", \"parameters\": "
         "{\"city\": \"Bern\"}}\n]```",
         {.calls = {Weather()}},
         {}});
  Check({"cohere/cohere",
         "<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[{\"tool_call_id\": \"0\", "
         "\"tool_name\": \"clock\", \"parameters\": {}}]<|END_ACTION|>",
         {.reasoning = "Hm.", .calls = {Clock()}},
         {}});
  Check({"cohere/cohere",
         "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>Yes.<|END_RESPONSE|>",
         {.content = "Yes.", .reasoning = "Hm."},
         {}});
}

TEST(FormatsTest, JsonBehindAMarker) {
  const std::string one = R"({"name": "get_weather", "arguments": {"city": "Bern"}})";
  const std::string two = R"([{"name": "get_weather", "arguments": {"city": "Bern"}}, )"
                          R"({"name": "clock", "arguments": {}}])";
  const std::vector<Call> both = {Weather(), Clock()};
  Check({"granite", "<|tool_call|>" + two, {.calls = both}, {}});
  Check({"granite", "<tool_call>" + two, {.calls = both}, {}});
  Check({"phi-4-mini", "functools" + two, {.calls = both}, {}});
  Check({"phi-4-mini", "<|tool_call|>" + two + "<|/tool_call|>", {.calls = both}, {}});
  Check({"phi-4-mini", "import functools\n[1]", {.content = "import functools\n[1]"}, {}});
  Check({"gigachat",
         "Look.<|message_sep|>\n\nfunction call<|role_sep|>\n" + one,
         {.content = "Look.", .calls = {Weather()}},
         {}});
  Check({"internlm",
         "Look.<|action_start|><|plugin|>\n" + one + "<|action_end|>",
         {.content = "Look.", .calls = {Weather()}},
         {}});
  Check({"nemotron-v2", "<TOOLCALL>" + two + "</TOOLCALL>", {.calls = both}, {}});
  Check({"tool-calls",
         "<tool_calls>\n" + one + "\n" + one + "\n</tool_calls>",
         {.calls = {Weather(), Weather()}},
         {}});
}

TEST(FormatsTest, FunctionGemma) {
  Check({"function-gemma",
         "<start_function_call>call:get_weather{city:<escape>a}\"b<escape>,days:2}"
         "<end_function_call><start_function_call>call:clock{}<end_function_call>",
         {.calls = {{"get_weather", {{"city", "a}\"b"}, {"days", 2}}}, Clock()}},
         {}});
}

TEST(FormatsTest, Thoughts) {
  const Parsed expected{.content = "Four.", .reasoning = "Two and two."};
  Check({"none/granite", "<think>Two and two.</think><response>Four.</response>", expected, {}});
  Check({"none/granite",
         "Here is my thought process: Two and two.\n\nHere is my response: Four.",
         expected,
         {}});
  Check({"none/hunyuan",
         "<think>\nTwo and two.\n</think>\n<answer>\nFour.\n</answer>",
         {.content = "Four.\n", .reasoning = "Two and two."},
         {}});
  Check({"none/exaone-deep", "<thought>\nTwo and two.\n</thought>\n\nFour.", expected, {}});
  Check({"none/apertus", "<|inner_prefix|>Two and two.<|inner_suffix|>Four.", expected, {}});
  Check({"none/apriel", "Two and two.\n[BEGIN FINAL RESPONSE]\nFour.", expected,
         "<|begin_assistant|>\nHere are my reasoning steps:\n"});
}

TEST(FormatsTest, KimiGivesNamesInIds) {
  const OutputFormat format = Format("kimi-k2", "kimi-k2");
  OutputParser parser(format, Tools(), {});
  ParsedOutput out;
  parser.Append(
      "<think>Hm.<|tool_calls_section_begin|><|tool_call_begin|>functions.clock:7"
      "<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
      out);
  parser.Finish(out);
  ASSERT_EQ(out.tool_calls.size(), 1u);
  EXPECT_EQ(out.tool_calls[0].id, "functions.clock:7");
  EXPECT_EQ(out.tool_calls[0].name, "clock");
  EXPECT_EQ(out.reasoning, "Hm.");  // the call ended it
  EXPECT_EQ(out.content, "");
}

TEST(FormatsTest, UnknownNamesAreRefusedWithTheKnownOnes) {
  const absl::Status calls = OutputFormat::Choose("hermess", "auto", "").status();
  EXPECT_EQ(calls.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(calls.message().find("'hermess'"), absl::string_view::npos);
  for (std::string_view name : ToolCallFormatNames()) {
    EXPECT_NE(calls.message().find(absl::string_view(name.data(), name.size())),
              absl::string_view::npos);
    EXPECT_TRUE(OutputFormat::Choose(name, "none", "").ok());
  }
  EXPECT_FALSE(OutputFormat::Choose("none", "", "").ok());
  for (std::string_view name : ReasoningFormatNames()) {
    EXPECT_TRUE(OutputFormat::Choose("none", name, "").ok());
  }
  EXPECT_TRUE(OutputFormat::Choose("auto", "auto", "")->empty());
}

}  // namespace
}  // namespace skep::engine
