#include <algorithm>
#include <utility>

#include "engine/chat_template/parser.h"
#include "engine/chat_template/strings.h"

namespace skep::engine::jinja {
namespace {

using Kind = Statement::Kind;
using Type = Token::Type;

constexpr int kMaxOpenTags = 100;

std::string JoinNames(std::initializer_list<std::string_view> names) {
  std::string out;
  for (std::string_view name : names) StrAppend(&out, out.empty() ? "" : "' or '", name);
  return out;
}

}  // namespace

// Text, prints and statements up to a tag that is one of `ends`, which becomes the current token;
// without `ends` to the end of the template.
Body Parser::ParseBody(Names ends) {
  Body body;
  while (Current().type != Type::kEnd) {
    const Token& token = Current();
    auto statement = std::make_unique<Statement>();
    statement->position = token.position;
    if (token.type == Type::kData) {
      statement->text = Take().text;
      body.push_back(std::move(statement));
    } else if (token.type == Type::kVariableBegin) {
      Take();
      statement->kind = Kind::kPrint;
      statement->value = ParseTuple({});
      if (Current().type != Type::kVariableEnd) {
        FailHere(
            StrCat("expected token 'end of print statement', got '", Describe(Current()), "'"));
      }
      Take();
      body.push_back(std::move(statement));
    } else {
      Take();  // the opening of a statement: the lexer leaves nothing else
      if (Current().type == Type::kName &&
          std::find(ends.begin(), ends.end(), Current().text) != ends.end()) {
        return body;
      }
      if (Current().type != Type::kName) FailHere("tag name expected");
      if (open_tags_.size() >= kMaxOpenTags) {
        FailHere(StrCat("more than ", kMaxOpenTags, " tags within each other"));
      }
      open_tags_.push_back(Current().text);
      ParseStatement(body);
      open_tags_.pop_back();
      ExpectBlockEnd();
    }
  }
  if (ends.size() > 0) {
    FailHere(StrCat("Unexpected end of template. Jinja was looking for the following tags: '",
                    JoinNames(ends), "'. The innermost block that needs to be closed is '",
                    open_tags_.back(), "'."));
  }
  return body;
}

void Parser::ExpectBlockEnd() {
  if (Current().type != Type::kBlockEnd) {
    FailHere(StrCat("expected token 'end of statement block', got '", Describe(Current()), "'"));
  }
  Take();
}

Body Parser::ParseBlockBody(Names ends) {
  SkipOperator(":");
  ExpectBlockEnd();
  return ParseBody(ends);
}

// A body that Jinja compiles on its own: unknown filters in it are errors, whatever is around it.
Body Parser::ParseScopedBody(Names ends) {
  const size_t mark = unknown_.size();
  Body body = ParseBlockBody(ends);
  FailOnUnknown(mark);
  return body;
}

void Parser::FailOnUnknown(size_t mark) {
  if (unknown_.size() > mark) Fail(unknown_[mark].message, unknown_[mark].position);
}

void Parser::ParseStatement(Body& body) {
  auto statement = std::make_unique<Statement>();
  statement->position = Current().position;
  const std::string tag = Current().text;
  Take();
  if (tag == "if") {
    ParseIf(*statement);
  } else if (tag == "for") {
    ParseFor(*statement);
  } else if (tag == "set") {
    ParseSet(*statement);
  } else if (tag == "with") {
    ParseWith(*statement);
  } else if (tag == "macro") {
    ParseMacro(*statement);
  } else if (tag == "call") {
    ParseCallBlock(*statement);
  } else if (tag == "filter") {
    statement->kind = Kind::kFilter;
    statement->value = ParseFilter(nullptr);
    while (SkipOperator("|")) statement->value = ParseFilter(std::move(statement->value));
    statement->body = ParseScopedBody({"endfilter"});
    Take();
  } else if (tag == "generation") {
    statement->kind = Kind::kBlock;  // marks the assistant's tokens for training
    const int loops = std::exchange(loops_, 0);
    statement->body = ParseScopedBody({"endgeneration"});
    loops_ = loops;
    Take();
  } else if (tag == "block") {
    statement->kind = Kind::kBlock;
    const std::string name = TakeName();
    SkipName("scoped");
    SkipName("required");
    const int loops = std::exchange(loops_, 0);
    statement->body = ParseScopedBody({"endblock"});
    loops_ = loops;
    Take();
    SkipName(name);
  } else if (tag == "break" || tag == "continue") {
    if (loops_ == 0) {
      Fail(StrCat("'", tag, "' outside loop"), statement->position);
    }
    statement->kind = tag == "break" ? Kind::kBreak : Kind::kContinue;
  } else if (tag == "print") {
    while (Current().type != Type::kBlockEnd) {
      auto print = std::make_unique<Statement>();
      print->kind = Kind::kPrint;
      print->position = Current().position;
      print->value = ParseExpression();
      body.push_back(std::move(print));
      if (Current().type != Type::kBlockEnd) ExpectOperator(",");
    }
    return;
  } else if (tag == "include" || tag == "import" || tag == "from" || tag == "extends") {
    Fail(StrCat("'", tag, "' needs other templates, and a chat template stands alone"),
         statement->position);
  } else if (tag == "autoescape") {
    Fail("'autoescape' is for HTML, which a chat is not", statement->position);
  } else {
    Fail(StrCat("Encountered unknown tag '", tag, "'."), statement->position);
  }
  body.push_back(std::move(statement));
}

void Parser::ParseIf(Statement& statement) {
  statement.kind = Kind::kIf;
  const size_t unknown = unknown_.size();
  while (true) {
    Statement::Branch branch;
    branch.test = ParseTuple({.with_conditional = false});
    branch.body = ParseBlockBody({"elif", "else", "endif"});
    statement.branches.push_back(std::move(branch));
    const std::string tag = Take().text;
    if (tag == "elif") continue;
    if (tag == "else") {
      Statement::Branch otherwise;
      otherwise.body = ParseBlockBody({"endif"});
      statement.branches.push_back(std::move(otherwise));
      Take();
    }
    break;
  }
  unknown_.resize(unknown);
}

void Parser::ParseFor(Statement& statement) {
  statement.kind = Kind::kFor;
  statement.target = ParseTarget(/*with_namespace=*/false, "in");
  const auto check = [](const auto& self, const Expression& target) -> void {
    if (target.symbol == kLoopSymbol) {
      Fail("Can't assign to special loop variable in for-loop target", target.position);
    }
    for (const ExpressionPtr& child : target.children) self(self, *child);
  };
  check(check, *statement.target);
  ExpectName("in");
  statement.value = ParseTuple({.with_conditional = false, .end_name = "recursive"});
  if (SkipName("if")) statement.test = ParseExpression();
  statement.recursive = SkipName("recursive");
  ++loops_;
  statement.body = ParseScopedBody({"endfor", "else"});
  --loops_;
  if (Take().text == "else") {
    statement.else_body = ParseScopedBody({"endfor"});
    Take();
  }
}

void Parser::ParseSet(Statement& statement) {
  statement.target = ParseTarget(/*with_namespace=*/true, "");
  if (SkipOperator("=")) {
    statement.kind = Kind::kSet;
    statement.value = ParseTuple({});
    return;
  }
  statement.kind = Kind::kSetBlock;
  while (SkipOperator("|")) statement.value = ParseFilter(std::move(statement.value));
  statement.body = ParseScopedBody({"endset"});
  Take();
}

void Parser::ParseWith(Statement& statement) {
  statement.kind = Kind::kWith;
  while (Current().type != Type::kBlockEnd) {
    if (!statement.assignments.empty()) ExpectOperator(",");
    ExpressionPtr target = ParseTarget(/*with_namespace=*/false, "");
    ExpectOperator("=");
    ExpressionPtr value = ParseExpression();
    statement.assignments.emplace_back(std::move(target), std::move(value));
  }
  statement.body = ParseScopedBody({"endwith"});
  Take();
}

void Parser::ParseSignature(MacroDefinition& macro) {
  ExpectOperator("(");
  while (!Current().IsOperator(")")) {
    if (!macro.parameters.empty()) ExpectOperator(",");
    const std::string name = TakeName();
    if (std::find(macro.parameter_names.begin(), macro.parameter_names.end(), name) !=
        macro.parameter_names.end()) {
      FailHere(StrCat("duplicate argument '", name, "'"));
    }
    macro.parameters.push_back(Symbol(name));
    macro.parameter_names.push_back(name);
    if (SkipOperator("=")) {
      macro.defaults.push_back(ParseExpression());
    } else if (!macro.defaults.empty()) {
      FailHere("non-default argument follows default argument");
    }
  }
  ExpectOperator(")");
}

void Parser::ParseMacroBody(MacroDefinition& macro, std::string_view end) {
  macros_.push_back(&macro);
  const int loops = std::exchange(loops_, 0);
  macro.body = ParseScopedBody({end});
  loops_ = loops;
  macros_.pop_back();
  Take();
  // A parameter of that name is just a parameter.
  for (int parameter : macro.parameters) {
    if (parameter == kVarargsSymbol) macro.uses_varargs = false;
    if (parameter == kKwargsSymbol) macro.uses_kwargs = false;
    if (parameter != kCallerSymbol) continue;
    const size_t place = std::find(macro.parameters.begin(), macro.parameters.end(), parameter) -
                         macro.parameters.begin();
    if (macro.uses_caller && place + macro.defaults.size() < macro.parameters.size()) {
      FailHere("the special \"caller\" argument must be omitted or be given a default");
    }
  }
}

void Parser::ParseMacro(Statement& statement) {
  statement.kind = Kind::kMacro;
  statement.macro = std::make_unique<MacroDefinition>();
  statement.macro->name = TakeName();
  ExpressionPtr target = std::make_unique<Expression>();
  target->kind = Expression::Kind::kName;
  target->symbol = Symbol(statement.macro->name);
  statement.target = std::move(target);
  ParseSignature(*statement.macro);
  ParseMacroBody(*statement.macro, "endmacro");
}

void Parser::ParseCallBlock(Statement& statement) {
  statement.kind = Kind::kCall;
  statement.macro = std::make_unique<MacroDefinition>();
  if (Current().IsOperator("(")) ParseSignature(*statement.macro);
  statement.value = ParseExpression();
  if (statement.value->kind != Expression::Kind::kCall) {
    Fail("expected call", statement.position);
  }
  ParseMacroBody(*statement.macro, "endcall");
}

}  // namespace skep::engine::jinja
