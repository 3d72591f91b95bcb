#include "engine/output_format/pattern.h"

#include <string>
#include <string_view>

namespace skep::engine::output {
namespace {

using Kind = PatternNode::Kind;

struct Word {
  std::string_view text;
  Kind kind;
};

constexpr Word kWords[] = {
    {"$name", Kind::kName},   {"$id", Kind::kId},         {"$skip", Kind::kSkip},
    {"$json", Kind::kJson},   {"$dict", Kind::kDict},     {"$tree", Kind::kTree},
    {"$key", Kind::kKey},     {"$params", Kind::kParams}, {"$type", Kind::kType},
    {"$value", Kind::kValue},
};

}  // namespace

Pattern CompilePattern(std::string_view source) {
  Pattern pattern;
  size_t group = 0;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) pattern.push_back({.kind = Kind::kLiteral, .literal = literal});
    literal.clear();
  };
  while (!source.empty()) {
    const Word* found = nullptr;
    for (const Word& word : kWords) {
      if (source.starts_with(word.text)) found = &word;
    }
    if (found != nullptr) {
      end_literal();
      pattern.push_back({.kind = found->kind});
      source.remove_prefix(found->text.size());
      continue;
    }
    if (source[0] == '(') {
      end_literal();
      group = pattern.size();
    } else if (source[0] == ')') {
      end_literal();
      pattern[group].skip_to = pattern.size();
    } else if (source[0] == '~') {
      end_literal();
    } else {
      literal += source[0];
    }
    source.remove_prefix(1);
  }
  end_literal();
  return pattern;
}

}  // namespace skep::engine::output
