// Against jinja2 in the environment of transformers (tests/golden/chat_templates.py).
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "engine/chat_template/chat_template.h"
#include "gtest/gtest.h"

namespace skep::engine {
namespace {

using nlohmann::ordered_json;

std::ifstream OpenGolden(const std::string& name) {
  const char* folder = std::getenv("SKEP_GOLDEN_DIR");
  std::ifstream file(std::string(folder ? folder : ".") + "/chat_templates/" + name);
  EXPECT_TRUE(file.good()) << name;
  return file;
}

const ordered_json* Member(const ordered_json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

// What Python returned must come out; where it raised, an error, with raise_exception's own words.
void ExpectOutcome(const absl::StatusOr<std::string>& result, const ordered_json& expected,
                   const std::string& what) {
  if (const ordered_json* text = Member(expected, "text")) {
    ASSERT_TRUE(result.ok()) << what << "\n" << result.status() << "\nwanted: " << *text;
    EXPECT_EQ(*result, text->get<std::string>()) << what;
    return;
  }
  EXPECT_FALSE(result.ok()) << what << "\nrendered: " << *result
                            << "\nPython: " << expected["error"];
  const ordered_json& raised = expected["raised"];
  if (result.ok() || !raised.is_string()) return;
  EXPECT_NE(std::string(result.status().message()).find(raised.get<std::string>()),
            std::string::npos)
      << what << "\n"
      << result.status() << "\nPython: " << raised;
}

TEST(ChatTemplateGoldenTest, RendersRealTemplatesAsPythonDoes) {
  std::ifstream templates_file = OpenGolden("templates.json");
  std::map<std::string, ChatTemplate> templates;
  const ordered_json sources = ordered_json::parse(templates_file);
  for (const auto& [name, source] : sources.items()) {
    auto compiled = ChatTemplate::Compile(source.get<std::string>());
    if (compiled.ok()) templates.emplace(name, *std::move(compiled));
  }
  std::ifstream file = OpenGolden("conversations.jsonl");
  int count = 0, texts = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const ordered_json expected = ordered_json::parse(line);
    texts += expected.contains("text");
    const std::string name = expected["template"];
    const std::string what = name + " / " + expected["conversation"].get<std::string>();
    const auto it = templates.find(name);
    if (it == templates.end()) {
      EXPECT_FALSE(expected.contains("text")) << what << " does not compile";
      continue;
    }
    ChatTemplate::Inputs inputs;
    inputs.messages = Member(expected, "messages");
    inputs.tools = Member(expected, "tools");
    inputs.add_generation_prompt = expected.value("add_generation_prompt", true);
    inputs.continue_final_message = expected.value("continue_final_message", false);
    inputs.bos_token = "<s>";
    inputs.eos_token = "</s>";
    inputs.extra = expected.value("extra", ordered_json());
    inputs.now = expected["now"];
    ExpectOutcome(it->second.Render(inputs), expected, what);
  }
  // 70 templates x 43 conversations, most of which each template takes.
  EXPECT_GE(count, 70 * 40);
  EXPECT_GE(texts, 70 * 30);
}

TEST(ChatTemplateGoldenTest, RendersEveryConstructAsPythonDoes) {
  std::ifstream file = OpenGolden("snippets.jsonl");
  const ordered_json no_messages = ordered_json::array();
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
    inputs.extra = expected["variables"];
    inputs.now = expected["now"];
    ExpectOutcome(compiled->Render(inputs), expected, source);
  }
  EXPECT_GE(count, 600);
}

}  // namespace
}  // namespace skep::engine
