#include "engine/chat_template/parser.h"

#include <algorithm>

#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

using Kind = Expression::Kind;
using Type = Token::Type;

// Far more than people write; each level costs the parser a dozen stack frames.
constexpr int kMaxNesting = 200;
constexpr int kMaxHeight = 400;

Value ConstantText(std::string text) {
  return Value(std::make_shared<const StringData>(std::move(text), /*markup=*/false, nullptr));
}

template <typename... Children>
std::vector<ExpressionPtr> Nodes(Children... children) {
  std::vector<ExpressionPtr> list;
  (list.push_back(std::move(children)), ...);
  return list;
}

}  // namespace

class Parser::Nesting final {
 public:
  explicit Nesting(Parser& parser) : parser_(parser) {
    if (++parser_.nesting_ > kMaxNesting) {
      parser_.FailHere(StrCat("nested more than ", kMaxNesting, " levels deep"));
    }
  }
  ~Nesting() { --parser_.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Parser& parser_;
};

Parser::Parser(std::string_view source)
    : program_(std::make_shared<Program>()), tokens_(Tokenize(source)) {
  program_->source = std::string(source);
  for (const char* name : {"loop", "caller", "varargs", "kwargs"}) Symbol(name);
}

std::shared_ptr<const Program> Parser::Parse(std::string_view source) {
  Parser parser(source);
  parser.program_->body = parser.ParseBody({});
  parser.FailOnUnknown(0);
  return parser.program_;
}

Token Parser::Take() {
  Token token = Current();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

void Parser::FailHere(std::string message) const { Fail(std::move(message), Current().position); }

bool Parser::SkipOperator(std::string_view op) {
  if (!Current().IsOperator(op)) return false;
  Take();
  return true;
}

bool Parser::SkipName(std::string_view name) {
  if (!Current().IsName(name)) return false;
  Take();
  return true;
}

void Parser::ExpectOperator(std::string_view op) {
  if (!SkipOperator(op)) {
    FailHere(StrCat("expected token '", op, "', got '", Describe(Current()), "'"));
  }
}

void Parser::ExpectName(std::string_view name) {
  if (!SkipName(name)) {
    FailHere(StrCat("expected token '", name, "', got '", Describe(Current()), "'"));
  }
}

std::string Parser::TakeName() {
  if (Current().type != Type::kName) {
    FailHere(StrCat("expected token 'name', got '", Describe(Current()), "'"));
  }
  return Take().text;
}

int Parser::Symbol(const std::string& name) {
  const auto [it, added] =
      program_->symbol_ids.try_emplace(name, static_cast<int>(program_->symbols.size()));
  if (added) program_->symbols.push_back(name);
  return it->second;
}

ExpressionPtr Parser::Make(Kind kind, Position position) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->position = position;
  return node;
}

ExpressionPtr Parser::Make(Kind kind, Position position, std::vector<ExpressionPtr> children) {
  ExpressionPtr node = Make(kind, position);
  node->children = std::move(children);
  return Finish(std::move(node));
}

ExpressionPtr Parser::MakeConstant(Value value, Position position) {
  ExpressionPtr node = Make(Kind::kConstant, position);
  node->constant = std::move(value);
  return node;
}

ExpressionPtr Parser::Finish(ExpressionPtr node) const {
  const auto above = [&](const ExpressionPtr& child) {
    if (child) node->height = std::max(node->height, child->height + 1);
  };
  for (const ExpressionPtr& child : node->children) above(child);
  for (const ExpressionPtr& child : node->arguments.positional) above(child);
  for (const auto& [name, child] : node->arguments.named) above(child);
  above(node->arguments.star);
  above(node->arguments.double_star);
  if (node->height > kMaxHeight) {
    Fail(StrCat("an expression of more than ", kMaxHeight, " levels"), node->position);
  }
  return node;
}

ExpressionPtr Parser::ParseExpression(bool with_conditional) {
  return with_conditional ? ParseConditional() : ParseOr();
}

ExpressionPtr Parser::ParseConditional() {
  Nesting nesting(*this);
  const Position position = Current().position;
  const size_t unknown = unknown_.size();
  ExpressionPtr node = ParseOr();
  while (SkipName("if")) {
    ExpressionPtr test = ParseOr();
    ExpressionPtr otherwise;
    if (SkipName("else")) otherwise = ParseConditional();
    node = Make(Kind::kConditional, position,
                Nodes(std::move(test), std::move(node), std::move(otherwise)));
    unknown_.resize(unknown);
  }
  return node;
}

ExpressionPtr Parser::ParseOr() {
  ExpressionPtr left = ParseAnd();
  while (Current().IsName("or")) {
    const Position position = Take().position;
    ExpressionPtr right = ParseAnd();
    left = Make(Kind::kOr, position, Nodes(std::move(left), std::move(right)));
  }
  return left;
}

ExpressionPtr Parser::ParseAnd() {
  ExpressionPtr left = ParseNot();
  while (Current().IsName("and")) {
    const Position position = Take().position;
    ExpressionPtr right = ParseNot();
    left = Make(Kind::kAnd, position, Nodes(std::move(left), std::move(right)));
  }
  return left;
}

ExpressionPtr Parser::ParseNot() {
  if (!Current().IsName("not")) return ParseCompare();
  Nesting nesting(*this);
  const Position position = Take().position;
  return Make(Kind::kNot, position, Nodes(ParseNot()));
}

ExpressionPtr Parser::ParseCompare() {
  const Position position = Current().position;
  std::vector<ExpressionPtr> operands = Nodes(ParseSum());
  std::vector<std::string> operators;
  while (true) {
    const Token& token = Current();
    const bool comparison = token.type == Type::kOperator &&
                            (token.text == "==" || token.text == "!=" || token.text == "<" ||
                             token.text == "<=" || token.text == ">" || token.text == ">=");
    if (comparison) {
      operators.push_back(Take().text);
    } else if (SkipName("in")) {
      operators.push_back("in");
    } else if (token.IsName("not") && Ahead().IsName("in")) {
      Take();
      Take();
      operators.push_back("not in");
    } else {
      break;
    }
    operands.push_back(ParseSum());
  }
  if (operators.empty()) return std::move(operands[0]);
  ExpressionPtr node = Make(Kind::kCompare, position, std::move(operands));
  node->operators = std::move(operators);
  return node;
}

ExpressionPtr Parser::ParseSum() {
  ExpressionPtr left = ParseConcat();
  while (Current().IsOperator("+") || Current().IsOperator("-")) {
    const Token op = Take();
    ExpressionPtr right = ParseConcat();
    left = Make(Kind::kArithmetic, op.position, Nodes(std::move(left), std::move(right)));
    left->text = op.text;
  }
  return left;
}

ExpressionPtr Parser::ParseConcat() {
  const Position position = Current().position;
  std::vector<ExpressionPtr> operands = Nodes(ParseProduct());
  while (SkipOperator("~")) operands.push_back(ParseProduct());
  if (operands.size() == 1) return std::move(operands[0]);
  return Make(Kind::kConcat, position, std::move(operands));
}

ExpressionPtr Parser::ParseProduct() {
  ExpressionPtr left = ParsePower();
  while (Current().IsOperator("*") || Current().IsOperator("/") || Current().IsOperator("//") ||
         Current().IsOperator("%")) {
    const Token op = Take();
    ExpressionPtr right = ParsePower();
    left = Make(Kind::kArithmetic, op.position, Nodes(std::move(left), std::move(right)));
    left->text = op.text;
  }
  return left;
}

// Unlike Python's, Jinja's power groups from the left in the tree; its compiler then writes each
// pair in parentheses.
ExpressionPtr Parser::ParsePower() {
  ExpressionPtr left = ParseUnary(/*with_filter=*/true);
  while (Current().IsOperator("**")) {
    const Token op = Take();
    ExpressionPtr right = ParseUnary(/*with_filter=*/true);
    left = Make(Kind::kArithmetic, op.position, Nodes(std::move(left), std::move(right)));
    left->text = op.text;
  }
  return left;
}

ExpressionPtr Parser::ParseUnary(bool with_filter) {
  Nesting nesting(*this);
  const Position position = Current().position;
  ExpressionPtr node;
  if (SkipOperator("-")) {
    node = Make(Kind::kNegate, position, Nodes(ParseUnary(/*with_filter=*/false)));
  } else if (SkipOperator("+")) {
    node = Make(Kind::kPlus, position, Nodes(ParseUnary(/*with_filter=*/false)));
  } else {
    node = ParsePrimary();
  }
  node = ParsePostfix(std::move(node));
  return with_filter ? ParseFilterChain(std::move(node)) : std::move(node);
}

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
