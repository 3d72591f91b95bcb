// Against jinja2 in the environment of transformers (tests/golden/chat_templates.py).
#include <algorithm>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "engine/chat_template/chat_template.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_path.h"

namespace skep::engine {
namespace {

using nlohmann::ordered_json;

std::ifstream OpenGolden(const std::string& name) {
  std::ifstream file(GoldenPath("chat_templates/") + name);
  EXPECT_TRUE(file.good()) << name;
  return file;
}

ordered_json ReadGolden(const std::string& name) {
  std::ifstream file = OpenGolden(name);
  return ordered_json::parse(file, /*cb=*/nullptr, /*allow_exceptions=*/false);
}

const ordered_json* Member(const ordered_json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

// What Python returned must come out; where it raised, an error, with raise_exception's own words.
void ExpectOutcome(const absl::StatusOr<RenderedChat>& result, const ordered_json& expected,
                   const std::string& what) {
  if (const ordered_json* text = Member(expected, "text")) {
    ASSERT_TRUE(result.ok()) << what << "\n" << result.status() << "\nwanted: " << *text;
    EXPECT_EQ(result->text, text->get<std::string>()) << what;
    return;
  }
  EXPECT_FALSE(result.ok()) << what << "\nrendered: " << result->text
                            << "\nPython: " << expected["error"];
  const ordered_json& raised = expected["raised"];
  if (result.ok() || !raised.is_string()) return;
  EXPECT_NE(std::string(result.status().message()).find(raised.get<std::string>()),
            std::string::npos)
      << what << "\n"
      << result.status() << "\nPython: " << raised;
}

// Every byte of what the conversation holds is marked as such, wherever it comes out in one piece.
void ExpectMarked(const RenderedChat& chat, const std::string& piece, const std::string& what) {
  for (size_t at = chat.text.find(piece); at != std::string::npos;
       at = chat.text.find(piece, at + 1)) {
    const bool marked = std::any_of(
        chat.literal_spans.begin(), chat.literal_spans.end(),
        [&](const TextSpan& span) { return span.begin <= at && at + piece.size() <= span.end; });
    EXPECT_TRUE(marked) << what << ": " << piece << " at " << at << " of " << chat.text;
  }
}

// No special token of the template's own has a byte of the user's in it.
void ExpectWholeTokens(const RenderedChat& chat, const std::string& what) {
  for (const TextSpan& span : chat.literal_spans) {
    ASSERT_LT(span.begin, span.end) << what;
    ASSERT_LE(span.end, chat.text.size()) << what;
    const size_t open = chat.text.rfind("<|", span.begin);
    const size_t close = chat.text.find("|>", span.begin);
    if (open == std::string::npos || close == std::string::npos || open == span.begin) continue;
    const std::string between = chat.text.substr(open + 2, close - open - 2);
    const bool token = !between.empty() && std::all_of(between.begin(), between.end(), [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
    });
    EXPECT_FALSE(token) << what << ": <|" << between << "|> is in part the user's in " << chat.text;
  }
}

ChatTemplate::Inputs ToInputs(const ordered_json& conversation, int64_t now) {
  ChatTemplate::Inputs inputs;
  inputs.messages = Member(conversation, "messages");
  inputs.tools = Member(conversation, "tools");
  inputs.add_generation_prompt = conversation.value("add_generation_prompt", true);
  inputs.continue_final_message = conversation.value("continue_final_message", false);
  inputs.bos_token = "<s>";
  inputs.eos_token = "</s>";
  inputs.extra = conversation.value("extra", ordered_json());
  inputs.now = now;
  return inputs;
}

TEST(ChatTemplateGoldenTest, RendersRealTemplatesAsPythonDoes) {
  std::map<std::string, ChatTemplate> templates;
  const ordered_json sources = ReadGolden("templates.json");
  for (const auto& [name, source] : sources.items()) {
    auto compiled = ChatTemplate::Compile(source.get<std::string>());
    if (compiled.ok()) templates.emplace(name, *std::move(compiled));
  }
  const ordered_json conversations = ReadGolden("conversations.json");
  const int64_t now = ReadGolden("now.json");
  std::ifstream file = OpenGolden("conversations.jsonl");
  int count = 0, texts = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const ordered_json expected = ordered_json::parse(line);
    texts += expected.contains("text");
    const std::string name = expected["template"];
    const std::string conversation = expected["conversation"];
    std::string what = name;
    what.append(" / ").append(conversation);
    const auto it = templates.find(name);
    if (it == templates.end()) {
      EXPECT_FALSE(expected.contains("text")) << what << " does not compile";
      continue;
    }
    const auto result = it->second.Render(ToInputs(conversations[conversation], now));
    ExpectOutcome(result, expected, what);
    if (!result.ok()) continue;
    ExpectMarked(*result, "Hello!", what);
    ExpectMarked(*result, "Sunny", what);
    ExpectMarked(*result, "Zürich", what);
    ExpectWholeTokens(*result, what);
  }
  // 70 templates x 130 conversations, most of which each template takes.
  EXPECT_GE(count, 70 * 130);
  EXPECT_GE(texts, 70 * 90);
}

void RunSnippets(const std::string& name, int at_least) {
  const ordered_json variables = ReadGolden("variables.json");
  const int64_t now = ReadGolden("now.json");
  const ordered_json no_messages = ordered_json::array();
  std::ifstream file = OpenGolden(name);
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const ordered_json expected = ordered_json::parse(line);
    const std::string source = expected["source"];
    auto compiled = ChatTemplate::Compile(source);
    if (!compiled.ok()) {
      ExpectOutcome(compiled.status(), expected, source);
      continue;
    }
    ChatTemplate::Inputs inputs;
    inputs.messages = &no_messages;
    inputs.extra = variables;
    inputs.now = now;
    ExpectOutcome(compiled->Render(inputs), expected, source);
  }
  EXPECT_GE(count, at_least);
}

TEST(ChatTemplateGoldenTest, RendersEveryConstructAsPythonDoes) {
  RunSnippets("snippets.jsonl", 600);
}

TEST(ChatTemplateGoldenTest, RendersRandomTemplatesAsPythonDoes) {
  RunSnippets("generated.jsonl", 5000);
}

}  // namespace
}  // namespace skep::engine
