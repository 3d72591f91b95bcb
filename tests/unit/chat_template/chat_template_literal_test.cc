// Which bytes of a rendered conversation count as the user's.
#include <string>
#include <vector>

#include "engine/chat_template/chat_template.h"
#include "gtest/gtest.h"

namespace skep::engine {
namespace {

using nlohmann::ordered_json;

// The text with what is the user's in «».
std::string Show(const RenderedChat& chat) {
  std::string out;
  size_t at = 0;
  for (const TextSpan& span : chat.literal_spans) {
    EXPECT_LT(span.begin, span.end);
    EXPECT_LE(at, span.begin);
    out += chat.text.substr(at, span.begin - at);
    out += "«" + chat.text.substr(span.begin, span.end - span.begin) + "»";
    at = span.end;
  }
  return out + chat.text.substr(at);
}

std::string Render(const std::string& source, const ordered_json& messages,
                   const ordered_json& extra = nullptr, const ordered_json* tools = nullptr) {
  auto compiled = ChatTemplate::Compile(source);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  if (!compiled.ok()) return "";
  ChatTemplate::Inputs inputs;
  inputs.messages = &messages;
  inputs.tools = tools;
  inputs.extra = extra;
  inputs.bos_token = "<s>";
  auto result = compiled->Render(inputs);
  EXPECT_TRUE(result.ok()) << source << ": " << result.status();
  return result.ok() ? Show(*result) : "";
}

// An expression that sees `u`, which is the user's "Ab<x>", and `v`, "  a b  ".
std::string Expression(const std::string& expression) {
  return Render("{{ " + expression + " }}", ordered_json::array(),
                {{"u", "Ab<x>"},
                 {"v", "  a b  "},
                 {"w", "ä,ö"},
                 {"l", {"p", "q"}},
                 {"d", {{"k", "é"}}},
                 {"n", 5}});
}

TEST(ChatTemplateLiteralTest, TellsTheTemplatesTextFromTheUsers) {
  const ordered_json messages = {{{"role", "user"}, {"content", "Hi"}},
                                 {{"role", "queen"}, {"content", "Buzz"}}};
  EXPECT_EQ(Render("{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>"
                   "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
                   messages),
            "<s><|user|>«Hi»<|end|><|«queen»|>«Buzz»<|end|><|assistant|>");
}

TEST(ChatTemplateLiteralTest, KeepsTheMarksOfWhatIsCopied) {
  const std::pair<const char*, const char*> cases[] = {
      {"'<' ~ u ~ '>'", "<«Ab<x>»>"},
      {"'<' + u + '>'", "<«Ab<x>»>"},
      {"u ~ u", "«Ab<x>Ab<x>»"},
      {"(u + '|') * 2", "«Ab<x>»|«Ab<x>»|"},
      {"('<' + u + '>')[1:-1]", "«Ab<x>»"},
      {"('<' + u + '>')[::-1]", ">«>x<bA»<"},
      {"('<' + u + '>')[0]", "<"},
      {"('<' + u + '>')[1]", "«A»"},
      {"('ü' + w)[1:3]", "«ä,»"},
      {"v|trim", "«a b»"},
      {"v.strip() + '!'", "«a b»!"},
      {"v.split()|join('-')", "«a»-«b»"},
      {"w.split(',')[1] ~ '.'", "«ö»."},
      {"w.partition(',')|join('/')", "«ä»/«,»/«ö»"},
      {"w|replace(',', '; ')", "«ä»; «ö»"},
      {"'a,b'|replace(',', u)", "a«Ab<x>»b"},
      {"('[' ~ v ~ ']')|replace(' ', '')", "[«ab»]"},
      {"l|join(', ')", "«p», «q»"},
      {"','.join(l)", "«p»,«q»"},
      {"u.join(['1', '2'])", "1«Ab<x>»2"},
      {"'%s: %d' % (u, 3)", "«Ab<x>»: 3"},
      {"'%7s|%.2s' % (u, u)", "  «Ab<x>»|«Ab»"},
      {"'<{}|{:>3}>'.format(u, 1)", "<«Ab<x>»|  1>"},
      {"'%s'|format('<s>' ~ u)", "<s>«Ab<x>»"},
      {"u|upper ~ ('a' + u)|lower", "«AB<X>»a«ab<x>»"},
      {"u|list|join('.')", "«A».«b».«<».«x».«>»"},
      {"u|reverse", "«>x<bA»"},
      {"('a ' ~ v)|title", "A «  A B  »"},
      {"u|first ~ 'b' ~ u|last", "«A»b«>»"},
      {"('x\\n' + u)|indent(1)", "x\n «Ab<x>»"},
      {"u|center(7)", " «Ab<x>» "},
      {"u.rjust(7, '*')", "**«Ab<x>»"},
      {"(u ~ ' is long')|truncate(9, true, '…', 0)", "«Ab<x>» is…"},
      {"u|string|safe", "«Ab<x>»"},
      {"u|e", "«Ab&lt;x&gt;»"},
      {"'<b>'|safe + u", "<b>«Ab&lt;x&gt;»"},
      {"u.removeprefix('Ab')", "«<x>»"},
      {"d.items()|map('join', '=')|join", "«k»=«é»"},
      {"u if n > 3 else 'x'", "«Ab<x>»"},
      {"missing|default(u)", "«Ab<x>»"},
      {"u|default('x')", "«Ab<x>»"},
      {"dict(a=u).a", "«Ab<x>»"},
      {"[u, 'x']|sort|last", "x"},
      {"l|map('upper')|join('+')", "«P»+«Q»"},
      {"u|length ~ n ~ (u == 'x')", "55False"},
      {"v.expandtabs()", "«  a b  »"},
      {"'-1'.zfill(3) ~ '7'.zfill(2)", "-0107"},
  };
  for (const auto& [expression, expected] : cases) {
    EXPECT_EQ(Expression(expression), expected) << expression;
  }
}

TEST(ChatTemplateLiteralTest, MarksWhatIsComputedAsAWhole) {
  const std::pair<const char*, const char*> cases[] = {
      {"u|tojson", "«\"Ab<x>\"»"},
      {"{'t': u}|tojson", "{\"t\": «\"Ab<x>\"»}"},
      {"[('a' + u), 'b']|tojson", "[«\"aAb<x>\"», \"b\"]"},
      {"d|tojson", "{«\"k\"»: «\"é\"»}"},
      {"d|tojson(ensure_ascii=true)", "{«\"k\"»: «\"\\u00e9\"»}"},
      {"d|tojson(indent=1)", "{\n «\"k\"»: «\"é\"»\n}"},
      {"[1]|tojson(indent=u)", "«[\nAb<x>1\n]»"},
      {"[u, 1]", "[«'Ab<x>'», 1]"},
      {"['a' ~ u]", "[«'aAb<x>'»]"},
      {"namespace(a=u)", "<Namespace {'a': «'Ab<x>'»}>"},
      {"'%r' % u", "«'Ab<x>'»"},
      {"(u ~ '%s') % 'y'", "«Ab<x>y»"},
      {"(u ~ '{}').format('y')", "«Ab<x>y»"},
      {"('a' ~ u)|capitalize", "«Aab<x>»"},
      {"u|urlencode", "«Ab%3Cx%3E»"},
      {"{'a': u}|urlencode", "a=«Ab%3Cx%3E»"},
  };
  for (const auto& [expression, expected] : cases) {
    EXPECT_EQ(Expression(expression), expected) << expression;
  }
}

TEST(ChatTemplateLiteralTest, FollowsStatements) {
  const ordered_json messages = {{{"role", "user"}, {"content", "U"}}};
  const std::pair<const char*, const char*> cases[] = {
      {"{% set x %}<{{ messages[0].content }}>{% endset %}{{ x }}", "<«U»>"},
      {"{% set x | lower %}<A{{ messages[0].content }}>{% endset %}{{ x }}", "<a«u»>"},
      {"{% filter upper %}a{{ messages[0].content }}{% endfilter %}", "A«U»"},
      {"{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(messages[0].content) }}{{ m('U') }}",
       "<«U»><U>"},
      {"{% macro m() %}<{{ caller() }}>{% endmacro %}"
       "{% call m() %}{{ messages[0].content }}{% endcall %}",
       "<«U»>"},
      {"{% set ns = namespace(t='') %}{% for m in messages * 2 %}"
       "{% set ns.t = ns.t ~ '|' ~ m.content %}{% endfor %}{{ ns.t }}",
       "|«U»|«U»"},
      {"{% generation %}{{ messages[0].content }}.{% endgeneration %}", "«U»."},
      {"{% for x in [{'v': messages[0].content, 'c': []}] recursive %}[{{ x.v }}{{ loop(x.c) }}]"
       "{% endfor %}",
       "[«U»]"},
      {"{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}",
       "«role»=user;«content»=«U»;"},
  };
  for (const auto& [source, expected] : cases) EXPECT_EQ(Render(source, messages), expected);
}

TEST(ChatTemplateLiteralTest, CutsTheMarksWhereTheFinalMessageIsContinued) {
  const ordered_json messages = {{{"role", "assistant"}, {"content", "Dear"}}};
  auto compiled = ChatTemplate::Compile("<|a|>{{ messages[0].content }}<|end|>");
  ASSERT_TRUE(compiled.ok());
  ChatTemplate::Inputs inputs;
  inputs.messages = &messages;
  inputs.add_generation_prompt = false;
  inputs.continue_final_message = true;
  EXPECT_EQ(Show(*compiled->Render(inputs)), "<|a|>«Dear»");
}

TEST(ChatTemplateLiteralTest, ToolsAndArgumentsAreTheUsers) {
  const ordered_json tools = {{{"name", "f"}}};
  EXPECT_EQ(Render("{{ tools[0].name }}{{ tools|tojson }}", ordered_json::array(), nullptr, &tools),
            "«f»[{«\"name\"»: «\"f\"»}]");
}

}  // namespace
}  // namespace skep::engine
