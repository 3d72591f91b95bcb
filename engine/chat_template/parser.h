// Builds the tree of a template by Jinja's grammar.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_PARSER_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_PARSER_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/chat_template/ast.h"
#include "engine/chat_template/lexer.h"

namespace skep::engine::jinja {

template <typename... Children>
std::vector<ExpressionPtr> Nodes(Children... children) {
  std::vector<ExpressionPtr> list;
  (list.push_back(std::move(children)), ...);
  return list;
}

class Parser final {
 public:
  // Throws TemplateError.
  static std::shared_ptr<const Program> Parse(std::string_view source);

 private:
  using Names = std::initializer_list<std::string_view>;

  // What breaks the rules only where Jinja's compiler looks: unknown filters and tests are errors
  // at once, unless they stand in an if, where they are errors when they are met.
  struct UnknownName {
    std::string message;
    Position position;
  };

  explicit Parser(std::string_view source);

  // Tokens.
  const Token& Current() const { return tokens_[at_]; }
  const Token& Ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token Take();
  bool SkipOperator(std::string_view op);
  bool SkipName(std::string_view name);
  void ExpectOperator(std::string_view op);
  void ExpectName(std::string_view name);
  std::string TakeName();
  void ExpectBlockEnd();
  [[noreturn]] void FailHere(std::string message) const;

  // Statements (parser_statements.cc).
  Body ParseBody(Names ends);
  Body ParseBlockBody(Names ends);  // from the end of the opening tag on
  void ParseStatement(Body& body);
  void ParseFor(Statement& statement);
  void ParseIf(Statement& statement);
  void ParseSet(Statement& statement);
  void ParseWith(Statement& statement);
  void ParseMacro(Statement& statement);
  void ParseCallBlock(Statement& statement);
  void ParseSignature(MacroDefinition& macro);
  void ParseMacroBody(MacroDefinition& macro, std::string_view end);
  Body ParseScopedBody(Names ends);
  [[noreturn]] void FailUnknownTag(const std::string& name, Names ends) const;
  void FailOnUnknown(size_t mark);

  // Expressions (parser.cc, parser_primary.cc), from the loosest binding to the tightest.
  ExpressionPtr ParseExpression(bool with_conditional = true);
  ExpressionPtr ParseConditional();
  ExpressionPtr ParseOr();
  ExpressionPtr ParseAnd();
  ExpressionPtr ParseNot();
  ExpressionPtr ParseCompare();
  ExpressionPtr ParseSum();
  ExpressionPtr ParseConcat();
  ExpressionPtr ParseProduct();
  ExpressionPtr ParsePower();
  ExpressionPtr ParseUnary(bool with_filter);
  ExpressionPtr ParsePrimary(bool with_namespace = false);
  ExpressionPtr ParsePostfix(ExpressionPtr node);
  ExpressionPtr ParseFilterChain(ExpressionPtr node);
  ExpressionPtr ParseFilter(ExpressionPtr node);
  ExpressionPtr ParseTest(ExpressionPtr node);
  ExpressionPtr ParseCall(ExpressionPtr callee);
  ExpressionPtr ParseSubscript(ExpressionPtr node);
  ExpressionPtr ParseSlice(ExpressionPtr node, ExpressionPtr first, Position position);
  ArgumentList ParseArguments();
  struct TupleRules {
    bool simplified = false;  // names and literals only, as in targets
    bool with_conditional = true;
    bool explicit_parentheses = false;
    bool with_namespace = false;
    std::string_view end_name = {};  // a name that ends it, like "in"
  };
  ExpressionPtr ParseTuple(const TupleRules& rules);
  ExpressionPtr ParseTarget(bool with_namespace, std::string_view end_name);
  ExpressionPtr ParseListLiteral();
  ExpressionPtr ParseDictLiteral();
  std::string ParseDottedName();

  ExpressionPtr Make(Expression::Kind kind, Position position);
  ExpressionPtr Make(Expression::Kind kind, Position position, std::vector<ExpressionPtr> children);
  ExpressionPtr MakeConstant(Value value, Position position);
  // Takes the height from the children; refuses trees that are too high.
  ExpressionPtr Finish(ExpressionPtr node) const;
  int Symbol(const std::string& name);

  // Guards the parser's own recursion.
  class Nesting;

  std::shared_ptr<Program> program_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
  int loops_ = 0;  // around this place, within its macro
  std::vector<std::string> open_tags_;
  std::vector<MacroDefinition*> macros_;
  std::vector<UnknownName> unknown_;
};

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_PARSER_H_
