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
  if (added) {
    program_->symbols.push_back(name);
    if (const Function function = FindGlobal(name)) {
      program_->globals.emplace_back(it->second, function);
    }
  }
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

}  // namespace skep::engine::jinja
