// A template as a tree.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_AST_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_AST_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/chat_template/builtins.h"
#include "engine/chat_template/error.h"
#include "engine/chat_template/value.h"

namespace skep::engine::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<std::unique_ptr<Statement>>;

// The arguments of a call, a filter or a test.
struct ArgumentList {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star;         // *list
  ExpressionPtr double_star;  // **dict
};

struct Expression {
  enum class Kind {
    kConstant,      // constant
    kName,          // symbol
    kList,          // children
    kTuple,         // children
    kDict,          // children: key, value, key, value, ...
    kAttribute,     // children[0].text
    kItem,          // children[0][children[1]]
    kSlice,         // children[0][children[1]:children[2]:children[3]], each bound may be null
    kCall,          // children[0](arguments)
    kFilter,        // children[0] | text(arguments); a null child: the block it stands at
    kTest,          // children[0] is text(arguments)
    kArithmetic,    // children[0] text children[1]
    kNegate,        // -children[0]
    kPlus,          // +children[0]
    kNot,           // not children[0]
    kAnd,           // children[0] and children[1]
    kOr,            // children[0] or children[1]
    kCompare,       // children[0] operators[0] children[1] operators[1] children[2] ...
    kConcat,        // children[0] ~ children[1] ~ ...
    kConditional,   // children[1] if children[0] else children[2], which may be null
    kNamespaceRef,  // symbol.text, as a target of set
  };

  Kind kind = Kind::kConstant;
  Position position;
  int height = 1;  // levels of the tree below and with this one
  int symbol = -1;
  bool hides_entry = false;  // kAttribute: means a dictionary's method, or nothing, but no entry
  std::string text;
  Value constant;
  std::vector<ExpressionPtr> children;
  std::vector<std::string> operators;
  ArgumentList arguments;
  Filter filter = nullptr;  // null: there is none of this name, which fails when it is evaluated
  Test test = nullptr;
};

// The parameters and the body of a macro, or of what a call block hands over.
struct MacroDefinition {
  std::string name;  // empty: a call block's
  std::vector<int> parameters;
  std::vector<std::string> parameter_names;
  std::vector<ExpressionPtr> defaults;  // of the last parameters
  Body body;
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};

struct Statement {
  enum class Kind {
    kText,      // text
    kPrint,     // value
    kIf,        // branches
    kFor,       // for target in value if test: body, else: else_body
    kSet,       // target = value
    kSetBlock,  // target = body | value, a chain of filters or null
    kMacro,     // macro
    kCall,      // call value with macro as its caller
    kFilter,    // body | value
    kWith,      // assignments (target, value), body
    kBlock,     // body in a scope of its own
    kBreak,
    kContinue,
  };
  struct Branch {
    ExpressionPtr test;  // null: else
    Body body;
  };

  Kind kind = Kind::kText;
  Position position;
  std::string text;
  ExpressionPtr target;
  ExpressionPtr value;
  ExpressionPtr test;
  Body body;
  Body else_body;
  bool recursive = false;
  std::vector<Branch> branches;
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> assignments;
  std::unique_ptr<MacroDefinition> macro;
};

// Variables with a meaning of their own; their symbols come first.
enum SpecialSymbol { kLoopSymbol, kCallerSymbol, kVarargsSymbol, kKwargsSymbol };

struct Program {
  std::string source;
  std::vector<std::string> symbols;
  std::vector<std::pair<int, Function>> globals;  // the symbols that every template knows
  absl::flat_hash_map<std::string, int> symbol_ids;
  Body body;
};

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_AST_H_
