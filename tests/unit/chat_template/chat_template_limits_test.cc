// Templates that mean harm, and templates that are broken: an error, in bounded time and memory.
#include <fstream>
#include <random>
#include <string>

#include "engine/chat_template/chat_template.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_path.h"

namespace skep::engine {
namespace {

using nlohmann::ordered_json;

absl::StatusOr<RenderedChat> Render(const std::string& source,
                                    const ChatTemplate::Limits& limits = {}) {
  static const ordered_json messages = {{{"role", "user"}, {"content", "Hello, bee 🐝"}}};
  auto compiled = ChatTemplate::Compile(source);
  if (!compiled.ok()) return compiled.status();
  ChatTemplate::Inputs inputs;
  inputs.messages = &messages;
  inputs.limits = limits;
  return compiled->Render(inputs);
}

std::string Repeat(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(ChatTemplateLimitsTest, ErrorsNameLineAndColumn) {
  EXPECT_EQ(Render("a\n  {{ 1 + }}").status().message(),
            "chat template: line 2, column 10: unexpected 'end of print statement'");
  EXPECT_EQ(Render("\n\n{% if x %}{{ x.y }}{% else %}{{ x.y }}{% endif %}").status().message(),
            "chat template: line 3, column 35: 'x' is undefined");
  EXPECT_EQ(Render("{{ raise_exception('No bees.') }}").status().message(),
            "chat template: line 1, column 4: No bees.");
}

TEST(ChatTemplateLimitsTest, RefusesWhatCostsTooMuch) {
  // NOLINTBEGIN(bugprone-suspicious-missing-comma): long templates take two literals.
  const std::string costly[] = {
      "{{ 'a' * 10**9 }}",
      "{{ [1] * 10**9 }}",
      "{{ 'a'.ljust(10**10) }}",
      "{{ '%999999999999d' % 1 }}",
      "{{ '{:999999999999}'.format(1) }}",
      "{{ 'a'|center(10**12) }}",
      "{{ 'a\nb'|indent(10**12) }}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(x='ab') %}{% for i in range(64) %}{% set ns.x = ns.x * 2 %}{% endfor "
      "%}",
      "{% set ns = namespace(x='ab') %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}"
      "{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}"
      "{% endfor %}",
      "{% set ns = namespace(x='a') %}{% for i in range(64) %}"
      "{% set ns.x = ns.x|replace('a', 'aaaaaaaa') %}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(2000) %}{% set ns.x = [ns.x] %}{% endfor %}"
      "{{ ns.x }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(2000) %}{% set ns.x = [ns.x] %}{% endfor %}"
      "{{ ns.x|tojson }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% endfor %}{{ ns.x|tojson }}",
      "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
      // A span of the user's for every other byte.
      "{{ ('a' ~ messages[0].content[0]) * 10**7 }}",
      "{{ ('ab' * 10**6)|replace('a', messages[0].content[0]) * 9 }}",
      "{{ range(99999)|join(messages[0].content[0]) * 99 }}",
  };
  // NOLINTEND(bugprone-suspicious-missing-comma)
  ChatTemplate::Limits limits;
  limits.steps = 2'000'000;
  limits.memory_bytes = 64 << 20;
  for (const std::string& source : costly) {
    const auto result = Render(source, limits);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted) << source << "\n"
                                                                            << result.status();
  }
  EXPECT_FALSE(Render("{{ range(10**9) }}").ok());
  EXPECT_FALSE(Render("{{ 2 ** 64 }}").ok());
  EXPECT_FALSE(Render("{{ 9223372036854775807 + 1 }}").ok());
  EXPECT_FALSE(Render("{{ 99999999999999999999 }}").ok());
}

TEST(ChatTemplateLimitsTest, CapsTheOutput) {
  ChatTemplate::Limits limits;
  limits.output_bytes = 100;
  EXPECT_TRUE(Render("{{ 'a' * 100 }}", limits).ok());
  EXPECT_EQ(Render("{{ 'a' * 101 }}", limits).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(ChatTemplateLimitsTest, RefusesDeepNesting) {
  for (int depth : {150, 1'000, 100'000}) {
    const std::string sources[] = {
        "{{ " + Repeat("(", depth) + "1" + Repeat(")", depth) + " }}",
        "{{ " + Repeat("[", depth) + Repeat("]", depth) + " }}",
        "{{ " + Repeat("not ", depth) + "1 }}",
        "{{ " + Repeat("-", depth) + "1 }}",
        "{{ 1" + Repeat(" + 1", depth) + " }}",
        "{{ 1" + Repeat("|abs", depth) + " }}",
        "{{ x" + Repeat("[0]", depth) + " }}",
        "{{ " + Repeat("1 if 1 else ", depth) + "1 }}",
        Repeat("{% if 1 %}", depth) + Repeat("{% endif %}", depth),
        Repeat("{% for x in [1] %}", depth) + Repeat("{% endfor %}", depth),
    };
    for (const std::string& source : sources) {
      const auto result = Render(source);
      if (depth > 150) {
        EXPECT_FALSE(result.ok()) << source.substr(0, 40);
      }
    }
  }
  EXPECT_TRUE(Render("{{ " + Repeat("(", 60) + "1" + Repeat(")", 60) + " }}").ok());
}

TEST(ChatTemplateLimitsTest, GivesNoAccessToPython) {
  const std::string sources[] = {
      "{{ ''.__class__.__mro__ }}",
      "{{ [].__class__.__base__ }}",
      "{{ {}.__init__.__globals__ }}",
      "{{ cycler.__init__.__globals__.os }}",
      "{{ ''['__class__']['__mro__'] }}",
      "{{ '{0.__class__.__mro__}'.format('') }}",
      "{{ messages.append(1) }}",
      "{{ messages[0].update({}) }}",
      "{{ ''|attr('__class__')|attr('__mro__') }}",
  };
  for (const std::string& source : sources) EXPECT_FALSE(Render(source).ok()) << source;
}

TEST(ChatTemplateLimitsTest, JudgesItsInputs) {
  auto compiled = ChatTemplate::Compile("{{ messages|length }}{{ extra_value }}");
  ASSERT_TRUE(compiled.ok());
  ChatTemplate::Inputs inputs;
  EXPECT_FALSE(compiled->Render(inputs).ok());
  ordered_json messages = {1, 2};
  inputs.messages = &messages;
  EXPECT_FALSE(compiled->Render(inputs).ok());
  messages = ordered_json::array();
  EXPECT_EQ(compiled->Render(inputs)->text, "0");
  inputs.extra = {{"extra_value", 5}};
  EXPECT_EQ(compiled->Render(inputs)->text, "05");
  inputs.extra = {{"messages", 5}};
  EXPECT_FALSE(compiled->Render(inputs).ok());
  inputs.extra = nullptr;
  inputs.continue_final_message = true;
  EXPECT_FALSE(compiled->Render(inputs).ok());
  ordered_json deep = 1;
  for (int i = 0; i < 1000; ++i) deep = ordered_json::array({deep});
  inputs.continue_final_message = false;
  inputs.extra = {{"extra_value", deep}};
  EXPECT_EQ(compiled->Render(inputs).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(ChatTemplate::Compile("\xff").ok());
}

// Real templates with bytes changed, cut, doubled and moved: an error or a text, nothing else.
TEST(ChatTemplateLimitsTest, SurvivesMutatedTemplates) {
  std::ifstream file(GoldenPath("chat_templates/templates.json"));
  const ordered_json templates = ordered_json::parse(file);
  std::mt19937 random(7);
  const auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
  const std::string pieces[] = {"{%",  "%}", "{{",   "}}",     "{#",    "#}", "(",  ")",
                                "[",   "]",  "{",    "}",      "'",     "\"", "|",  ".",
                                "-",   "+",  "~",    "if",     "else",  "in", "is", "not",
                                "for", ":",  "\\u0", "endfor", "1e999", "%s", "**", "loop"};
  ChatTemplate::Limits limits;
  limits.steps = 200'000;
  int rendered = 0, refused = 0;
  for (const auto& [name, source] : templates.items()) {
    for (int round = 0; round < 25; ++round) {
      std::string text = source.get<std::string>();
      for (size_t edit = 0, edits = 1 + below(4); edit < edits; ++edit) {
        const size_t at = below(text.size()), length = below(20);
        switch (below(5)) {
          case 0:
            text.erase(at, length);
            break;
          case 1:
            text.insert(at, pieces[below(std::size(pieces))]);
            break;
          case 2:
            text.insert(at, text.substr(below(text.size()), length));
            break;
          case 3:
            text.resize(at);
            break;
          default:
            if (!text.empty()) text[at] = static_cast<char>(below(128));
        }
      }
      ++(Render(text, limits).ok() ? rendered : refused);
    }
  }
  EXPECT_GT(rendered, 50);
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace skep::engine
