#include "engine/chat_template/interpreter.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {

using Kind = Statement::Kind;

Interpreter::Interpreter(const Program& program, Budget& budget, int64_t range_length, int64_t now)
    : program_(program),
      range_length_(range_length),
      now_(now),
      heap_(budget),
      variables_(program.symbols.size()),
      is_set_(program.symbols.size()) {
  for (const auto& [symbol, function] : program.globals) {
    SetSymbol(symbol, Value(heap_.New<Callable>(program.symbols[symbol], function)));
  }
}

void Interpreter::SetVariable(std::string_view name, Value value) {
  const auto it = program_.symbol_ids.find(std::string(name));
  if (it != program_.symbol_ids.end()) SetSymbol(it->second, std::move(value));
}

MarkedText Interpreter::Render() {
  Output text;
  out_ = &text;
  try {
    Execute(program_.body);
    return text.Take();
  } catch (TemplateError& error) {
    if (error.position.line == 0) error.position = position_;
    throw;
  }
}

MarkedText Interpreter::Output::Take() {
  if (!failure.empty()) Fail(failure);
  return std::move(marked);
}

Scope* Interpreter::NewScope(Scope* parent) {
  Scope* scope = heap_.New<Scope>();
  scope->parent = parent;
  return scope;
}

void Interpreter::SetSymbol(int symbol, Value value) {
  if (scope_ == nullptr) {
    variables_[symbol] = std::move(value);
    is_set_[symbol] = true;
    return;
  }
  for (auto& [other, old] : scope_->variables) {
    if (other == symbol) {
      old = std::move(value);
      return;
    }
  }
  budget().Allocate(sizeof(Value) + sizeof(int));
  scope_->variables.emplace_back(symbol, std::move(value));
}

// Pays for text before it is written.
void Interpreter::Charge(size_t bytes) {
  budget().Output(static_cast<int64_t>(bytes));
  budget().Step(static_cast<int64_t>(bytes) / 64);
}

Str Interpreter::String(const Value& value) {
  if (value.is_string()) return value.shared_string();
  MarkedText text;
  AppendText(value, budget(), text);
  return NewText(std::move(text)).shared_string();
}

void Interpreter::Print(const Value& value) {
  if (value.is_string()) {
    const size_t marks = IsMarked(value) ? value.string().marks.bytes() + sizeof(TextSpan) : 0;
    Charge(value.text().size() + marks);
    return out_->marked.Append(value.string());
  }
  MarkedText text;
  AppendText(value, budget(), text);
  Charge(text.bytes());
  out_->marked.Append(text);
}

// Jinja writes the result of a filter or a call block as it is, and fails if that is no text.
void Interpreter::Write(const Value& text) {
  if (text.is_string()) return Print(text);
  out_->failure = StrCat("sequence item: expected str instance, ", TypeName(text), " found");
}

// What `body` writes, as text; nothing, if it ends by leaving a loop.
Interpreter::Flow Interpreter::Capture(const Body& body, MarkedText& text) {
  Output output;
  Output* const before = std::exchange(out_, &output);
  const auto restore = absl::MakeCleanup([&] { out_ = before; });
  const Flow flow = Execute(body);
  if (flow == Flow::kNormal) text = output.Take();
  return flow;
}

Interpreter::Flow Interpreter::Execute(const Body& body) {
  for (const auto& statement : body) {
    if (statement->kind == Kind::kText) {
      Charge(statement->text.size());
      out_->marked.Append(statement->text);
      continue;
    }
    const Flow flow = ExecuteStatement(*statement);
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::ExecuteStatement(const Statement& statement) {
  budget().Step();
  DepthGuard guard(budget());
  position_ = statement.position;
  Scope* const outer = scope_;
  const auto restore = absl::MakeCleanup([&] { scope_ = outer; });
  switch (statement.kind) {
    case Kind::kText:  // by Execute
      break;
    case Kind::kPrint:
      Print(Evaluate(*statement.value));
      break;
    case Kind::kIf:
      for (const auto& branch : statement.branches) {
        if (!branch.test || Truthy(Evaluate(*branch.test))) return Execute(branch.body);
      }
      break;
    case Kind::kFor:
      return RunLoop(statement, Evaluate(*statement.value), scope_, /*depth=*/0);
    case Kind::kSet: {
      const Value value = Evaluate(*statement.value);
      position_ = statement.position;
      Assign(*statement.target, value);
      break;
    }
    case Kind::kSetBlock: {
      scope_ = NewScope(outer);
      MarkedText text;
      if (const Flow flow = Capture(statement.body, text); flow != Flow::kNormal) return flow;
      const Value value = ApplyFilters(statement.value.get(), std::move(text));
      scope_ = outer;
      Assign(*statement.target, value);
      break;
    }
    case Kind::kMacro: {
      Macro* macro = heap_.New<Macro>();
      macro->definition = statement.macro.get();
      macro->scope = scope_;
      Assign(*statement.target, Value(macro));
      break;
    }
    case Kind::kCall:
      ExecuteCall(statement);
      break;
    case Kind::kFilter: {
      scope_ = NewScope(outer);
      MarkedText text;
      if (const Flow flow = Capture(statement.body, text); flow != Flow::kNormal) return flow;
      Write(ApplyFilters(statement.value.get(), std::move(text)));
      break;
    }
    case Kind::kWith:
      return ExecuteWith(statement);
    case Kind::kBlock:
      scope_ = NewScope(outer);
      return Execute(statement.body);
    case Kind::kBreak:
      return Flow::kBreak;
    case Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNormal;
}

// A block's text through its filters, the innermost of which has no input of its own.
Value Interpreter::ApplyFilters(const Expression* chain, MarkedText text) {
  Value input = NewText(std::move(text));
  if (chain == nullptr) return input;
  std::vector<const Expression*> filters;
  for (; chain != nullptr; chain = chain->children[0].get()) filters.push_back(chain);
  Value value = input;
  for (auto it = filters.rbegin(); it != filters.rend(); ++it) {
    value = EvaluateFilter(**it, &value);
  }
  return value;
}

Interpreter::Flow Interpreter::ExecuteWith(const Statement& statement) {
  std::vector<Value> values;
  for (const auto& [target, value] : statement.assignments) values.push_back(Evaluate(*value));
  scope_ = NewScope(scope_);
  for (size_t i = 0; i < values.size(); ++i) {
    Assign(*statement.assignments[i].first, values[i]);
  }
  return Execute(statement.body);
}

void Interpreter::ExecuteCall(const Statement& statement) {
  Macro* caller = heap_.New<Macro>();
  caller->definition = statement.macro.get();
  caller->scope = scope_;
  const Expression& call = *statement.value;
  const Value callee = Evaluate(*call.children[0]);
  Arguments arguments = EvaluateArguments(call.arguments);
  arguments.named.emplace_back("caller", Value(caller));
  position_ = call.position;
  Write(Call(callee, arguments));
}

void Interpreter::Assign(const Expression& target, const Value& value) {
  if (target.kind == Expression::Kind::kName) return SetSymbol(target.symbol, value);
  if (target.kind == Expression::Kind::kNamespaceRef) {
    const Value object = Lookup(target);
    auto* space = object.is_object() ? dynamic_cast<Namespace*>(&object.object()) : nullptr;
    if (space == nullptr) Fail("cannot assign attribute on non-namespace object");
    if (target.text[0] == '_') {
      Fail(StrCat("Chat templates cannot store underscore-prefixed attributes on a ",
                  "namespace, but got '", target.text, "'. Please rename the attribute."));
    }
    heap_.Insert(*space->attributes, NewText(target.text), value);
    return;
  }
  RequireDefined(value);
  const std::vector<Value> items = Iterate(value, heap_);
  const size_t expected = target.children.size();
  if (items.size() < expected) {
    Fail(StrCat("not enough values to unpack (expected ", expected, ", got ", items.size(), ")"));
  }
  if (items.size() > expected) {
    Fail(StrCat("too many values to unpack (expected ", expected, ")"));
  }
  for (size_t i = 0; i < expected; ++i) Assign(*target.children[i], items[i]);
}

// The items for which the loop's own `if` holds.
std::vector<Value> Interpreter::SelectItems(const Statement& statement, std::vector<Value> items) {
  std::vector<Value> selected;
  scope_ = NewScope(scope_);
  for (Value& item : items) {
    budget().Step();
    Assign(*statement.target, item);
    if (Truthy(Evaluate(*statement.test))) selected.push_back(std::move(item));
  }
  return selected;
}

Interpreter::Flow Interpreter::RunLoop(const Statement& statement, const Value& iterable,
                                       Scope* outer, int64_t depth) {
  position_ = statement.value->position;
  std::vector<Value> items = Iterate(iterable, heap_);
  scope_ = outer;
  if (statement.test) items = SelectItems(statement, std::move(items));
  Scope* const scope = NewScope(outer);
  scope_ = scope;
  Loop* loop = heap_.New<Loop>();
  loop->statement = &statement;
  loop->outer = outer;
  loop->depth = depth;
  loop->items = std::move(items);
  bool completed = false;  // Jinja: `else` is for loops of which no round came to its end
  for (; loop->index < static_cast<int64_t>(loop->items.size()); ++loop->index) {
    budget().Step();
    scope->variables.clear();
    SetSymbol(kLoopSymbol, Value(loop));
    position_ = statement.target->position;
    Assign(*statement.target, loop->items[loop->index]);
    const Flow flow = Execute(statement.body);
    if (flow == Flow::kBreak) break;
    completed |= flow == Flow::kNormal;
    scope_ = scope;
  }
  scope_ = outer;
  if (completed || statement.else_body.empty()) return Flow::kNormal;
  scope_ = NewScope(outer);
  const Flow flow = Execute(statement.else_body);
  scope_ = outer;
  return flow;
}

}  // namespace skep::engine::jinja
