// Walks the tree of a template. One render, one thread.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_INTERPRETER_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_INTERPRETER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/chat_template/ast.h"
#include "engine/chat_template/error.h"
#include "engine/chat_template/value.h"

namespace skep::engine::jinja {

// The variables of a loop's body, a macro, a block. The outermost holds them by symbol.
struct Scope final : Cell {
  Scope* parent = nullptr;
  std::vector<std::pair<int, Value>> variables;
};

class Interpreter final {
 public:
  Interpreter(const Program& program, Budget& budget, int64_t range_length, int64_t now);

  // A variable of the template's outermost scope.
  void SetVariable(std::string_view name, Value value);
  // The text of the template. Throws TemplateError, with its position.
  MarkedText Render();

  Heap& heap() { return heap_; }
  Budget& budget() { return heap_.budget(); }
  int64_t range_length() const { return range_length_; }
  int64_t now() const { return now_; }

  // What filters and methods need.
  Value GetAttribute(const Value& object, std::string_view name);  // object.name
  Value GetItem(const Value& object, const Value& key);            // object[key]
  Value Call(const Value& callee, const Arguments& arguments);
  Value Add(const Value& left, const Value& right);
  // str(value), without a copy where it is a string.
  Str String(const Value& value);
  Value NewText(std::string text) { return heap_.Text(std::move(text)); }
  Value NewText(MarkedText text) { return heap_.Text(std::move(text)); }

 private:
  friend struct Macro;
  friend struct Loop;

  // Where text goes. What is no text among it fails when all of it is put together.
  struct Output {
    MarkedText marked;
    std::string failure;
    MarkedText Take();
  };

  enum class Flow { kNormal, kBreak, kContinue };

  // Statements (interpreter.cc).
  Flow Execute(const Body& body);
  Flow ExecuteStatement(const Statement& statement);
  void ExecuteFor(const Statement& statement);
  Flow RunLoop(const Statement& statement, const Value& iterable, Scope* outer, int64_t depth);
  std::vector<Value> SelectItems(const Statement& statement, std::vector<Value> items);
  Flow ExecuteWith(const Statement& statement);
  void ExecuteCall(const Statement& statement);
  Value ApplyFilters(const Expression* chain, MarkedText text);
  Flow Capture(const Body& body, MarkedText& text);
  void Charge(size_t bytes);
  void Print(const Value& value);
  void Write(const Value& text);
  void Assign(const Expression& target, const Value& value);
  void SetSymbol(int symbol, Value value);
  Scope* NewScope(Scope* parent);

  // Expressions (expressions.cc).
  Value Evaluate(const Expression& node);
  Value EvaluateNode(const Expression& node);
  Value Lookup(const Expression& node);
  Value EvaluateItems(const Expression& node);
  Value EvaluateDict(const Expression& node);
  Value EvaluateSlice(const Expression& node);
  Value EvaluateArithmetic(const Expression& node);
  Value EvaluateUnary(const Expression& node);
  Value EvaluateCompare(const Expression& node);
  Value EvaluateConcat(const Expression& node);
  Value EvaluateFilter(const Expression& node, const Value* input);
  Value EvaluateTest(const Expression& node);
  Arguments EvaluateArguments(const ArgumentList& list);
  bool Compare(std::string_view op, const Value& left, const Value& right);
  Value Repeat(const Value& sequence, int64_t count);
  Value Slice(const Value& object, const Value& start, const Value& stop, const Value& step);

  const Program& program_;
  const int64_t range_length_;
  const int64_t now_;
  Heap heap_;
  // The outermost variables, by symbol; those that are not set have no value.
  std::vector<Value> variables_;
  std::vector<bool> is_set_;
  Scope* scope_ = nullptr;  // the innermost, null: the outermost
  Output* out_ = nullptr;
  Position position_;  // of what is being evaluated
};

// A macro with the scope that it was defined in.
struct Macro final : Object {
  std::string_view type_name() const override { return "Macro"; }
  MarkedText Repr(Budget& budget) const override;
  bool callable() const override { return true; }
  Value Call(Interpreter& interpreter, const Arguments& arguments) override;
  const Value* Attribute(Interpreter& interpreter, std::string_view name) override;

  const MacroDefinition* definition = nullptr;
  Scope* scope = nullptr;

 private:
  void Bind(Interpreter& interpreter, const Arguments& arguments);

  Value attribute_;
};

// The variable `loop`.
struct Loop final : Object {
  std::string_view type_name() const override { return "LoopContext"; }
  MarkedText Repr(Budget& budget) const override;
  bool callable() const override { return true; }
  bool has_length() const override { return true; }
  Value Call(Interpreter& interpreter, const Arguments& arguments) override;
  const Value* Attribute(Interpreter& interpreter, std::string_view name) override;

  const Statement* statement = nullptr;
  Scope* outer = nullptr;
  std::vector<Value> items;
  int64_t index = 0;  // from 0
  int64_t depth = 0;
  std::vector<Value> last_changed;
  bool has_changed = false;

 private:
  Value attribute_;
};

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_INTERPRETER_H_
