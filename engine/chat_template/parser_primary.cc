// The inside of an expression: literals, names, and what hangs on them (attributes, calls, filters,
// tests).
#include <algorithm>

#include "engine/chat_template/parser.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

using Kind = Expression::Kind;
using Type = Token::Type;

Value ConstantText(std::string text) {
  return Value(
      std::make_shared<const StringData>(std::move(text), Marks(), /*markup=*/false, nullptr));
}

}  // namespace

ExpressionPtr Parser::ParsePrimary(bool with_namespace) {
  const Position position = Current().position;
  switch (Current().type) {
    case Type::kName: {
      const std::string name = Take().text;
      if (name == "true" || name == "True") return MakeConstant(Value(true), position);
      if (name == "false" || name == "False") return MakeConstant(Value(false), position);
      if (name == "none" || name == "None") return MakeConstant(Value(), position);
      const bool reference = with_namespace && SkipOperator(".");
      ExpressionPtr node = Make(reference ? Kind::kNamespaceRef : Kind::kName, position);
      node->symbol = Symbol(name);
      node->text = reference ? TakeName() : name;
      for (MacroDefinition* macro : macros_) {
        macro->uses_caller |= node->symbol == kCallerSymbol;
        macro->uses_varargs |= node->symbol == kVarargsSymbol;
        macro->uses_kwargs |= node->symbol == kKwargsSymbol;
      }
      return node;
    }
    case Type::kString: {
      std::string text;
      while (Current().type == Type::kString) text += Take().text;
      return MakeConstant(ConstantText(std::move(text)), position);
    }
    case Type::kInteger:
      return MakeConstant(Value(Take().integer), position);
    case Type::kFloat:
      return MakeConstant(Value(Take().number), position);
    default:
      break;
  }
  if (SkipOperator("(")) {
    ExpressionPtr node = ParseTuple({.explicit_parentheses = true});
    ExpectOperator(")");
    return node;
  }
  if (Current().IsOperator("[")) return ParseListLiteral();
  if (Current().IsOperator("{")) return ParseDictLiteral();
  FailHere(StrCat("unexpected '", Describe(Current()), "'"));
}

ExpressionPtr Parser::ParseTuple(const TupleRules& rules) {
  const Position position = Current().position;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (true) {
    if (!items.empty()) ExpectOperator(",");
    const Token& token = Current();
    if (token.type == Type::kVariableEnd || token.type == Type::kBlockEnd ||
        token.IsOperator(")") || (!rules.end_name.empty() && token.IsName(rules.end_name))) {
      break;
    }
    items.push_back(rules.simplified ? ParsePrimary(rules.with_namespace)
                                     : ParseExpression(rules.with_conditional));
    if (!Current().IsOperator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !items.empty()) return std::move(items[0]);
  if (!is_tuple && !rules.explicit_parentheses) {
    FailHere(StrCat("Expected an expression, got '", Describe(Current()), "'"));
  }
  return Make(Kind::kTuple, position, std::move(items));
}

ExpressionPtr Parser::ParseListLiteral() {
  const Position position = Take().position;
  std::vector<ExpressionPtr> items;
  while (!Current().IsOperator("]")) {
    if (!items.empty()) ExpectOperator(",");
    if (Current().IsOperator("]")) break;
    items.push_back(ParseExpression());
  }
  ExpectOperator("]");
  return Make(Kind::kList, position, std::move(items));
}

ExpressionPtr Parser::ParseDictLiteral() {
  const Position position = Take().position;
  std::vector<ExpressionPtr> items;
  while (!Current().IsOperator("}")) {
    if (!items.empty()) ExpectOperator(",");
    if (Current().IsOperator("}")) break;
    items.push_back(ParseExpression());
    ExpectOperator(":");
    items.push_back(ParseExpression());
  }
  ExpectOperator("}");
  return Make(Kind::kDict, position, std::move(items));
}

ExpressionPtr Parser::ParsePostfix(ExpressionPtr node) {
  while (true) {
    if (Current().IsOperator(".") || Current().IsOperator("[")) {
      node = ParseSubscript(std::move(node));
    } else if (Current().IsOperator("(")) {
      node = ParseCall(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr Parser::ParseSubscript(ExpressionPtr node) {
  const Token token = Take();
  if (token.text == ".") {
    const Token name = Take();
    if (name.type == Type::kName) {
      node = Make(Kind::kAttribute, name.position, Nodes(std::move(node)));
      node->text = name.text;
      node->hides_entry = IsDictMethodName(name.text) || StartsWith(name.text, "__");
      return node;
    }
    if (name.type != Type::kInteger) Fail("expected name or number", name.position);
    return Make(Kind::kItem, name.position,
                Nodes(std::move(node), MakeConstant(Value(name.integer), name.position)));
  }
  const Position position = Current().position;
  ExpressionPtr first;
  if (!Current().IsOperator(":") && !Current().IsOperator("]")) first = ParseExpression();
  if (Current().IsOperator(":")) {
    node = ParseSlice(std::move(node), std::move(first), position);
    ExpectOperator("]");
    return node;
  }
  // x[] and x[a, b] ask for a tuple as the key.
  if (!first || Current().IsOperator(",")) {
    std::vector<ExpressionPtr> items;
    if (first) items.push_back(std::move(first));
    while (SkipOperator(",")) items.push_back(ParseExpression());
    first = Make(Kind::kTuple, position, std::move(items));
  }
  ExpectOperator("]");
  return Make(Kind::kItem, position, Nodes(std::move(node), std::move(first)));
}

ExpressionPtr Parser::ParseSlice(ExpressionPtr node, ExpressionPtr first, Position position) {
  ExpressionPtr stop, step;
  const auto at_bound = [&] {
    return !Current().IsOperator(":") && !Current().IsOperator("]") && !Current().IsOperator(",");
  };
  ExpectOperator(":");
  if (at_bound()) stop = ParseExpression();
  if (SkipOperator(":") && at_bound()) step = ParseExpression();
  return Make(Kind::kSlice, position,
              Nodes(std::move(node), std::move(first), std::move(stop), std::move(step)));
}

ExpressionPtr Parser::ParseCall(ExpressionPtr callee) {
  const Position position = callee->position;
  ExpressionPtr node = Make(Kind::kCall, position, Nodes(std::move(callee)));
  node->arguments = ParseArguments();
  return Finish(std::move(node));
}

ArgumentList Parser::ParseArguments() {
  ArgumentList list;
  ExpectOperator("(");
  bool comma = false;
  const auto ensure = [&](bool valid) {
    if (!valid) FailHere("invalid syntax for function call expression");
  };
  while (!Current().IsOperator(")")) {
    if (comma) {
      ExpectOperator(",");
      if (Current().IsOperator(")")) break;
    }
    comma = true;
    if (SkipOperator("*")) {
      ensure(!list.star && !list.double_star);
      list.star = ParseExpression();
    } else if (SkipOperator("**")) {
      ensure(!list.double_star);
      list.double_star = ParseExpression();
    } else if (Current().type == Type::kName && Ahead().IsOperator("=")) {
      ensure(!list.double_star);
      std::string name = Take().text;
      Take();
      for (const auto& [other, value] : list.named) {
        if (other == name) FailHere(StrCat("keyword argument repeated: ", name));
      }
      list.named.emplace_back(std::move(name), ParseExpression());
    } else {
      ensure(!list.star && !list.double_star && list.named.empty());
      list.positional.push_back(ParseExpression());
    }
  }
  ExpectOperator(")");
  return list;
}

ExpressionPtr Parser::ParseFilterChain(ExpressionPtr node) {
  while (true) {
    if (SkipOperator("|")) {
      node = ParseFilter(std::move(node));
    } else if (Current().IsName("is")) {
      node = ParseTest(std::move(node));
    } else if (Current().IsOperator("(")) {
      node = ParseCall(std::move(node));
    } else {
      return node;
    }
  }
}

std::string Parser::ParseDottedName() {
  std::string name = TakeName();
  while (SkipOperator(".")) StrAppend(&name, ".", TakeName());
  return name;
}

ExpressionPtr Parser::ParseFilter(ExpressionPtr node) {
  const Position position = Current().position;
  ExpressionPtr filter = Make(Kind::kFilter, position, Nodes(std::move(node)));
  filter->text = ParseDottedName();
  filter->filter = FindFilter(filter->text);
  if (filter->filter == nullptr) {
    unknown_.push_back({StrCat("No filter named '", filter->text, "'."), position});
  }
  if (Current().IsOperator("(")) filter->arguments = ParseArguments();
  return Finish(std::move(filter));
}

ExpressionPtr Parser::ParseTest(ExpressionPtr node) {
  Take();  // is
  const bool negated = SkipName("not");
  const Position position = Current().position;
  ExpressionPtr test = Make(Kind::kTest, position, Nodes(std::move(node)));
  test->text = ParseDottedName();
  test->test = FindTest(test->text);
  if (test->test == nullptr) {
    unknown_.push_back({StrCat("No test named '", test->text, "'."), position});
  }
  const Token& token = Current();
  const bool literal = token.type == Type::kName || token.type == Type::kString ||
                       token.type == Type::kInteger || token.type == Type::kFloat ||
                       token.IsOperator("[") || token.IsOperator("{");
  if (token.IsOperator("(")) {
    test->arguments = ParseArguments();
  } else if (literal && !token.IsName("else") && !token.IsName("or") && !token.IsName("and")) {
    if (token.IsName("is")) FailHere("You cannot chain multiple tests with is");
    test->arguments.positional.push_back(ParsePostfix(ParsePrimary()));
  }
  test = Finish(std::move(test));
  return negated ? Make(Kind::kNot, position, Nodes(std::move(test))) : std::move(test);
}

ExpressionPtr Parser::ParseTarget(bool with_namespace, std::string_view end_name) {
  ExpressionPtr target =
      ParseTuple({.simplified = true, .with_namespace = with_namespace, .end_name = end_name});
  const auto check = [&](const auto& self, const Expression& node) -> void {
    if (node.kind == Kind::kName || node.kind == Kind::kNamespaceRef) return;
    if (node.kind != Kind::kTuple) Fail("can't assign to this expression", node.position);
    for (const ExpressionPtr& child : node.children) self(self, *child);
  };
  check(check, *target);
  return target;
}

}  // namespace skep::engine::jinja
