// What no model should write: every format must take it in its stride.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/golden/golden_path.h"
#include "tests/unit/output_format/parsing.h"

namespace skep::engine {
namespace {

const ToolSchemas& Tools() {
  static const auto* const tools = new ToolSchemas(nlohmann::ordered_json::parse(
      R"([{"name": "f", "parameters": {"properties": {"s": {"type": "string"}}}}])"));
  return *tools;
}

// Each of the tool call formats, with one of the reasoning formats.
std::vector<OutputFormat> AllFormats() {
  std::vector<OutputFormat> formats;
  const std::vector<std::string_view> reasoning = ReasoningFormatNames();
  size_t i = 0;
  for (std::string_view name : ToolCallFormatNames()) {
    formats.push_back(Format(name, reasoning[i++ % reasoning.size()]));
  }
  for (std::string_view name : reasoning) formats.push_back(Format("none", name));
  return formats;
}

// The format's own pieces, shuffled with what may stand between them.
std::string Shuffled(const OutputFormat& format, std::mt19937& random) {
  std::vector<std::string_view> pieces = format.Literals();
  for (std::string_view more : {"f",          "{\"name\": \"f\", \"arguments\": {\"s\": 1}}",
                                "{",          "}",
                                "[",          "]",
                                "(",          ")",
                                "\"",         "\n",
                                " ",          ",",
                                "f(s='x')",   "\\",
                                "{\"s\": \"", "s",
                                "é",          "1",
                                "name",       "functions.f:0",
                                "<",          ">",
                                "/",          "to=f",
                                "all\n",      "=",
                                "'",          "null"}) {
    pieces.push_back(more);
  }
  std::string text;
  for (unsigned n = random() % 24; n > 0; --n) text += pieces[random() % pieces.size()];
  return text;
}

TEST(HostileOutputTest, ShuffledMarkers) {
  std::mt19937 random(11);
  for (const OutputFormat& format : AllFormats()) {
    for (int i = 0; i < 1500; ++i) {
      const std::string text = Shuffled(format, random);
      const Parsed whole = Parse(format, Tools(), {text});
      ASSERT_EQ(Parse(format, Tools(), Characters(text)), whole)
          << format.tool_call_name() << ", " << format.reasoning_name() << ": " << text;
    }
  }
}

// Much of what could be read again and again: what is not linear would run into the time limit.
TEST(HostileOutputTest, LongOutputsTakeLinearTime) {
  constexpr size_t kBytes = 1 << 17;
  const auto repeated = [](std::string_view unit) {
    std::string text;
    while (text.size() < kBytes) text += unit;
    return text;
  };
  for (const OutputFormat& format : AllFormats()) {
    std::vector<std::string> texts = {repeated(" "), repeated("<"), repeated("[{\"")};
    for (std::string_view literal : format.Literals()) {
      texts.push_back(repeated(std::string(literal.substr(0, literal.size() - 1))));
      if (texts.size() > 5) break;
    }
    std::string open;
    for (std::string_view literal : format.Literals()) open += literal;
    texts.push_back(repeated(open));
    for (const std::string& text : texts) {
      const Parsed parsed = Parse(format, Tools(), {text});
      EXPECT_LE(parsed.content.size() + parsed.reasoning.size(), text.size() + text.size() / 8);
    }
  }
}

TEST(HostileOutputTest, LongArgumentsTakeLinearTime) {
  const std::string value(1 << 20, 'x');
  const struct {
    const char *format, *before, *after;
  } rows[] = {
      {"hermes", "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"", "\"}}"},
      {"mistral", "[TOOL_CALLS]f[ARGS]{\"s\": \"", "\"}"},
      {"qwen3-coder", "<function=f><parameter=s>", "</parameter></function>"},
      {"qwen3-coder", "<function=f><parameter=other>", "</parameter></function>"},
      {"pythonic", "[f(s='", "')]"},
      {"gemma-4", "<|tool_call>call:f{s:<|\"|>", "<|\"|>}<tool_call|>"},
  };
  for (const auto& row : rows) {
    const OutputFormat format = Format(row.format);
    const std::string text = row.before + value + row.after;
    EXPECT_EQ(Parse(format, Tools(), {text}).calls.size(), 1u) << row.format;
    const std::string cut = row.before + value;
    EXPECT_EQ(Parse(format, Tools(), {cut}).content, cut) << row.format;
  }
}

// Outputs of the golden data with random mistakes.
TEST(HostileOutputTest, DamagedOutputs) {
  const std::string folder = GoldenPath("output_formats/");
  std::ifstream sources(folder + "templates.json"), lines(folder + "cases.jsonl");
  const auto templates = nlohmann::json::parse(sources);
  std::mt19937 random(17);
  int cases = 0;
  for (std::string line; std::getline(lines, line);) {
    if (++cases % 4 != 0) continue;
    const auto from = nlohmann::json::parse(line);
    const OutputFormat format =
        Format("auto", "auto", templates.at(from["template"]).get<std::string>());
    const std::string output = from["output"], prompt_end = from["prompt_end"];
    const std::vector<std::string_view> characters = Characters(output);
    for (int i = 0; i < 12; ++i) {
      std::vector<std::string_view> damaged = characters;
      for (unsigned edits = 1 + random() % 3; edits > 0 && !damaged.empty(); --edits) {
        const auto at = damaged.begin() + random() % damaged.size();
        if (random() % 2 == 0) {
          damaged.erase(at);
        } else {
          constexpr std::string_view kMore = "{}[]\"<>|\\ \n,:=/a0";
          damaged.insert(at, kMore.substr(random() % kMore.size(), 1));
        }
      }
      std::string text;
      for (std::string_view character : damaged) text += character;
      const Parsed whole = Parse(format, Tools(), {text}, prompt_end);
      ASSERT_EQ(Parse(format, Tools(), damaged, prompt_end), whole) << text;
    }
  }
}

}  // namespace
}  // namespace skep::engine
