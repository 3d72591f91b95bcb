// Against the chat templates: what they render must be had back.
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/golden/golden_path.h"
#include "tests/unit/output_format/parsing.h"

namespace skep::engine {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct Case {
  std::string name;  // for messages
  std::string prompt_end;
  std::string output;
  Parsed expected;
  const OutputFormat* format = nullptr;
};

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

class OutputFormatGoldenTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string folder = GoldenPath("output_formats/");
    std::ifstream tools(folder + "tools.json"), templates(folder + "templates.json");
    tools_ = new ToolSchemas(ordered_json::parse(tools));
    formats_ = new std::map<std::string, OutputFormat>;
    const json sources = json::parse(templates);
    for (const auto& [name, source] : sources.items()) {
      (*formats_)[name] = Format("auto", "auto", source.get<std::string>());
    }
    cases_ = new std::vector<Case>;
    std::ifstream lines(folder + "cases.jsonl");
    for (std::string line; std::getline(lines, line);) {
      const json from = json::parse(line);
      Case to{.name = from["template"].get<std::string>() + ": " + from["output"].dump(),
              .prompt_end = from["prompt_end"],
              .output = from["output"],
              .expected = {.content = from["content"], .reasoning = from["reasoning"]},
              .format = &formats_->at(from["template"])};
      for (const json& call : from["calls"]) to.expected.calls.push_back({call[0], call[1]});
      cases_->push_back(std::move(to));
    }
    ASSERT_GT(cases_->size(), 900u);
  }

  // Some templates put a space before the content, which is in its text.
  static Parsed Normal(Parsed parsed) {
    parsed.content = std::string(Trimmed(parsed.content));
    return parsed;
  }

  static const std::vector<Case>& cases() { return *cases_; }
  static const ToolSchemas& tools() { return *tools_; }
  static const std::map<std::string, OutputFormat>& formats() { return *formats_; }

 private:
  static inline std::vector<Case>* cases_ = nullptr;
  static inline ToolSchemas* tools_ = nullptr;
  static inline std::map<std::string, OutputFormat>* formats_ = nullptr;
};

TEST_F(OutputFormatGoldenTest, WhatATemplateRendersIsHadBack) {
  for (const Case& c : cases()) {
    const Parsed parsed = Parse(*c.format, tools(), {c.output}, c.prompt_end);
    EXPECT_EQ(Normal(parsed), c.expected)
        << c.name << "\nas " << c.format->tool_call_name() << ", " << c.format->reasoning_name();
  }
}

TEST_F(OutputFormatGoldenTest, HowTheTextIsCutMakesNoDifference) {
  std::mt19937 random(5);
  for (const Case& c : cases()) {
    const Parsed whole = Parse(*c.format, tools(), {c.output}, c.prompt_end);
    const std::vector<std::string_view> characters = Characters(c.output);
    EXPECT_EQ(Parse(*c.format, tools(), characters, c.prompt_end), whole) << c.name;
    for (int i = 0; i < 8; ++i) {
      std::vector<std::string_view> pieces;
      size_t begin = 0;
      const unsigned odds = 2 + random() % 12;
      for (size_t at = 1; at <= c.output.size(); ++at) {
        if (!BeginsCharacter(c.output, at)) continue;
        if (at < c.output.size() && random() % odds != 0) continue;
        pieces.push_back(std::string_view(c.output).substr(begin, at - begin));
        begin = at;
      }
      EXPECT_EQ(Parse(*c.format, tools(), pieces, c.prompt_end), whole) << c.name;
    }
  }
}

// The words of at least four letters in `text`.
std::set<std::string> Words(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && std::isalpha(static_cast<unsigned char>(text[i]))) {
      word += text[i];
      continue;
    }
    if (word.size() >= 4) words.insert(word);
    word.clear();
  }
  return words;
}

// Output that was cut off anywhere: whole calls are those of the whole output, what is no whole
// call is text, and no word of the message is lost.
TEST_F(OutputFormatGoldenTest, OutputThatIsCutOffLosesNothing) {
  std::set<std::string> done;  // outputs of the same format
  for (const Case& c : cases()) {
    if (!done.insert(std::string(c.format->tool_call_name()) + c.prompt_end + c.output).second) {
      continue;
    }
    std::string own = c.expected.content + " " + c.expected.reasoning;
    for (const Call& call : c.expected.calls) own += " " + call.arguments.dump();
    const std::set<std::string> wanted = Words(own);
    const size_t step = c.output.size() < 400 ? 1 : 7;
    for (size_t size = 0; size < c.output.size(); size += step) {
      if (!BeginsCharacter(c.output, size)) continue;
      const std::string prefix = c.output.substr(0, size);
      const Parsed parsed = Parse(*c.format, tools(), {prefix}, c.prompt_end);
      std::string found = parsed.content + " " + parsed.reasoning;
      ASSERT_LE(parsed.calls.size(), c.expected.calls.size()) << c.name << "\n" << prefix;
      for (size_t i = 0; i < parsed.calls.size(); ++i) {
        EXPECT_EQ(parsed.calls[i], c.expected.calls[i]) << c.name << "\n" << prefix;
        found += " " + parsed.calls[i].arguments.dump();
      }
      const std::set<std::string> there = Words(found);
      for (const std::string& word : Words(prefix + " ")) {
        if (!wanted.contains(word) || there.contains(word)) continue;
        // The end of the prefix may be half a word.
        EXPECT_TRUE(prefix.ends_with(word) && found.find(word) != std::string::npos)
            << word << " of " << c.name << "\n"
            << prefix << "\n"
            << parsed;
      }
    }
  }
}

// Every template that shows how to call a tool, or how to think, has its format.
TEST_F(OutputFormatGoldenTest, TheFormatFollowsFromTheTemplate) {
  std::set<std::string_view> calls, reasoning;
  for (const Case& c : cases()) {
    if (!c.expected.calls.empty()) {
      EXPECT_NE(c.format->tool_call_name(), "none") << c.name;
    }
    if (!c.expected.reasoning.empty()) {
      EXPECT_NE(c.format->reasoning_name(), "none") << c.name;
    }
    calls.insert(c.format->tool_call_name());
    reasoning.insert(c.format->reasoning_name());
  }
  EXPECT_GE(calls.size(), 28u);
  EXPECT_GE(reasoning.size(), 12u);
  const struct {
    const char *source, *calls, *reasoning;
  } some[] = {
      {"Qwen-Qwen2.5-7B-Instruct", "hermes", "none"},
      {"Qwen-Qwen3-0.6B", "hermes", "think"},
      {"Qwen3-Coder", "qwen3-coder", "none"},
      {"meta-llama-Llama-3.1-8B-Instruct", "llama-3", "none"},
      {"meta-llama-Llama-3.2-3B-Instruct", "llama-3", "none"},
      {"mistralai-Ministral-3-14B-Reasoning-2512", "mistral", "mistral"},
      {"mistralai-Mistral-Nemo-Instruct-2407", "mistral", "none"},
      {"llama-cpp-deepseek-r1", "deepseek-v3", "think"},
      {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek-v3", "think"},
      {"deepseek-ai-DeepSeek-V3.1", "deepseek-v3.1", "think"},
      {"ibm-granite-granite-3.3-2B-Instruct", "granite", "granite"},
      {"ibm-granite-granite-4.0", "hermes", "none"},
      {"openai-gpt-oss-120b", "harmony", "harmony"},
      {"GLM-4.6", "glm", "think"},
      {"Kimi-K2-Thinking", "kimi-k2", "kimi-k2"},
      {"CohereForAI-c4ai-command-r-plus-tool_use", "command-r", "none"},
      {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", "cohere", "cohere"},
      {"GigaChat3-10B-A1.8B", "gigachat", "none"},
      {"LFM2-8B-A1B", "lfm2", "none"},
      {"fireworks-ai-llama-3-firefunction-v2", "phi-4-mini", "none"},
      {"HuggingFaceTB-SmolLM3-3B", "none", "think"},
      {"google-gemma-2-2b-it", "none", "none"},
      {"microsoft-Phi-3.5-mini-instruct", "none", "none"},
  };
  for (const auto& row : some) {
    EXPECT_EQ(formats().at(row.source).tool_call_name(), row.calls) << row.source;
    EXPECT_EQ(formats().at(row.source).reasoning_name(), row.reasoning) << row.source;
  }
}

}  // namespace
}  // namespace skep::engine
