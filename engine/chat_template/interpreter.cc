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
  for (size_t symbol = 0; symbol < program.symbols.size(); ++symbol) {
    const std::string& name = program.symbols[symbol];
    if (const Function function = FindGlobal(name)) {
      SetSymbol(static_cast<int>(symbol), Value(heap_.New<Callable>(name, function)));
    }
  }
}

void Interpreter::SetVariable(std::string_view name, Value value) {
  const auto it = program_.symbol_ids.find(std::string(name));
  if (it != program_.symbol_ids.end()) SetSymbol(it->second, std::move(value));
}

MarkedText Interpreter::Render() {
  MarkedText text;
  out_ = &text;
  try {
    Execute(program_.body);
  } catch (TemplateError& error) {
    if (error.position.line == 0) error.position = position_;
    throw;
  }
  return text;
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
    Charge(value.text().size());
    return out_->Append(value.string());
  }
  MarkedText text;
  AppendText(value, budget(), text);
  Charge(text.text.size());
  out_->Append(text);
}

// What `body` writes, as text.
MarkedText Interpreter::Capture(const Body& body) {
  MarkedText text;
  MarkedText* const before = std::exchange(out_, &text);
  const auto restore = absl::MakeCleanup([&] { out_ = before; });
  Execute(body);
  return text;
}

Interpreter::Flow Interpreter::Execute(const Body& body) {
  for (const auto& statement : body) {
    if (statement->kind == Kind::kText) {
      Charge(statement->text.size());
      out_->Append(statement->text);
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
      RunLoop(statement, Evaluate(*statement.value), scope_, /*depth=*/0);
      break;
    case Kind::kSet: {
      const Value value = Evaluate(*statement.value);
      position_ = statement.position;
      Assign(*statement.target, value);
      break;
    }
    case Kind::kSetBlock: {
      scope_ = NewScope(outer);
      const Value value = ApplyFilters(statement.value.get(), Capture(statement.body));
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
    case Kind::kFilter:
      scope_ = NewScope(outer);
      Print(ApplyFilters(statement.value.get(), Capture(statement.body)));
      break;
    case Kind::kWith:
      ExecuteWith(statement);
      break;
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
  const Value input = NewText(std::move(text));
  if (chain == nullptr) return input;
  std::vector<const Expression*> filters;
  for (; chain != nullptr; chain = chain->children[0].get()) filters.push_back(chain);
  Value value = input;
  for (auto it = filters.rbegin(); it != filters.rend(); ++it) {
    value = EvaluateFilter(**it, &value);
  }
  return value;
}

void Interpreter::ExecuteWith(const Statement& statement) {
  std::vector<Value> values;
  for (const auto& [target, value] : statement.assignments) values.push_back(Evaluate(*value));
  scope_ = NewScope(scope_);
  for (size_t i = 0; i < values.size(); ++i) {
    Assign(*statement.assignments[i].first, values[i]);
  }
  Execute(statement.body);
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
  Print(Call(callee, arguments));
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

void Interpreter::RunLoop(const Statement& statement, const Value& iterable, Scope* outer,
                          int64_t depth) {
  position_ = statement.value->position;
  std::vector<Value> items = Iterate(iterable, heap_);
  scope_ = outer;
  if (statement.test) items = SelectItems(statement, std::move(items));
  Scope* const scope = NewScope(outer);
  scope_ = scope;
  if (items.empty()) {
    Execute(statement.else_body);
    scope_ = outer;
    return;
  }
  Loop* loop = heap_.New<Loop>();
  loop->statement = &statement;
  loop->outer = outer;
  loop->depth = depth;
  loop->items = std::move(items);
  for (; loop->index < static_cast<int64_t>(loop->items.size()); ++loop->index) {
    budget().Step();
    scope->variables.clear();
    SetSymbol(kLoopSymbol, Value(loop));
    position_ = statement.target->position;
    Assign(*statement.target, loop->items[loop->index]);
    if (Execute(statement.body) == Flow::kBreak) break;
    scope_ = scope;
  }
  scope_ = outer;
}

MarkedText Macro::Repr(Budget&) const {
  if (definition->name.empty()) return MarkedText("<Macro anonymous>");
  return MarkedText(StrCat("<Macro ", QuoteRepr(definition->name), ">"));
}

const Value* Macro::Attribute(Interpreter& interpreter, std::string_view name) {
  if (name == "name") {
    attribute_ = definition->name.empty() ? Value() : interpreter.NewText(definition->name);
  } else if (name == "arguments") {
    std::vector<Value> names;
    for (const auto& parameter : definition->parameter_names) {
      names.push_back(interpreter.NewText(parameter));
    }
    attribute_ = interpreter.heap().MakeList(std::move(names), List::Type::kTuple);
  } else if (name == "caller") {
    attribute_ = Value(definition->uses_caller);
  } else if (name == "catch_kwargs") {
    attribute_ = Value(definition->uses_kwargs);
  } else if (name == "catch_varargs") {
    attribute_ = Value(definition->uses_varargs);
  } else {
    return nullptr;
  }
  return &attribute_;
}

// Sets the parameters in the scope of the call, by the rules of jinja2.runtime.Macro.
void Macro::Bind(Interpreter& interpreter, const Arguments& arguments) {
  const size_t count = definition->parameters.size();
  std::vector<const Value*> values(count);
  for (size_t i = 0; i < std::min(count, arguments.positional.size()); ++i) {
    values[i] = &arguments.positional[i];
  }
  Heap& heap = interpreter.heap();
  Dict* extra = heap.New<Dict>();
  const Value* caller = nullptr;
  for (const auto& [name, value] : arguments.named) {
    const auto& names = definition->parameter_names;
    const size_t place = std::find(names.begin(), names.end(), name) - names.begin();
    const bool taken = place < count && values[place] != nullptr;
    if (place < count && !taken) {
      values[place] = &value;
    } else if (name == "caller" && definition->uses_caller && place == count) {
      caller = &value;
    } else if (definition->uses_kwargs) {
      heap.Insert(*extra, interpreter.NewText(name), value);
    } else {
      Fail(StrCat("macro ", QuoteRepr(definition->name), " takes no keyword argument ",
                  QuoteRepr(name)));
    }
  }
  if (arguments.positional.size() > count && !definition->uses_varargs) {
    Fail(StrCat("macro ", QuoteRepr(definition->name), " takes not more than ", count,
                " argument(s)"));
  }
  const bool explicit_caller =
      std::find(definition->parameters.begin(), definition->parameters.end(), kCallerSymbol) !=
      definition->parameters.end();
  if (definition->uses_caller && !explicit_caller) {
    interpreter.SetSymbol(kCallerSymbol,
                          caller ? *caller : heap.MakeUndefined("No caller defined"));
  }
  if (definition->uses_kwargs) interpreter.SetSymbol(kKwargsSymbol, Value(extra));
  if (definition->uses_varargs) {
    std::vector<Value> rest;
    for (size_t i = count; i < arguments.positional.size(); ++i) {
      rest.push_back(arguments.positional[i]);
    }
    interpreter.SetSymbol(kVarargsSymbol, heap.MakeList(std::move(rest), List::Type::kTuple));
  }
  const size_t without_default = count - definition->defaults.size();
  for (size_t i = 0; i < count; ++i) {
    Value value;
    if (values[i] != nullptr) {
      value = *values[i];
    } else if (i >= without_default) {
      value = interpreter.Evaluate(*definition->defaults[i - without_default]);
    } else {
      value = heap.MakeUndefined(
          StrCat("parameter ", QuoteRepr(definition->parameter_names[i]), " was not provided"));
    }
    interpreter.SetSymbol(definition->parameters[i], std::move(value));
  }
}

Value Macro::Call(Interpreter& interpreter, const Arguments& arguments) {
  DepthGuard guard(interpreter.budget());
  Scope* const before = interpreter.scope_;
  const auto restore = absl::MakeCleanup([&] { interpreter.scope_ = before; });
  interpreter.scope_ = interpreter.NewScope(scope);
  Bind(interpreter, arguments);
  return interpreter.NewText(interpreter.Capture(definition->body));
}

MarkedText Loop::Repr(Budget&) const {
  return MarkedText(StrCat("<LoopContext ", index + 1, "/", items.size(), ">"));
}

Value Loop::Call(Interpreter& interpreter, const Arguments& arguments) {
  if (!statement->recursive) {
    Fail("The loop must have the 'recursive' marker to be called recursively.");
  }
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    Fail("loop() takes the items to loop over");
  }
  DepthGuard guard(interpreter.budget());
  Scope* const before = interpreter.scope_;
  MarkedText text;
  MarkedText* const out = std::exchange(interpreter.out_, &text);
  const auto restore = absl::MakeCleanup([&] {
    interpreter.scope_ = before;
    interpreter.out_ = out;
  });
  interpreter.RunLoop(*statement, arguments.positional[0], outer, depth + 1);
  return interpreter.NewText(std::move(text));
}

namespace {

// loop.cycle(a, b, c) and loop.changed(value): methods of a loop.
Value CycleLoop(Interpreter&, const Value& self, const Arguments& arguments) {
  const auto& loop = static_cast<const Loop&>(self.object());
  const auto& items = arguments.positional;
  if (items.empty()) Fail("no items for cycling given");
  return items[loop.index % static_cast<int64_t>(items.size())];
}

Value ChangedLoop(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  auto& loop = static_cast<Loop&>(self.object());
  bool same = loop.has_changed && loop.last_changed.size() == arguments.positional.size();
  for (size_t i = 0; same && i < loop.last_changed.size(); ++i) {
    same = Equal(loop.last_changed[i], arguments.positional[i], interpreter.budget());
  }
  loop.has_changed = true;
  loop.last_changed = arguments.positional;
  return Value(!same);
}

}  // namespace

const Value* Loop::Attribute(Interpreter& interpreter, std::string_view name) {
  const int64_t count = static_cast<int64_t>(items.size());
  Heap& heap = interpreter.heap();
  if (name == "index") {
    attribute_ = Value(index + 1);
  } else if (name == "index0") {
    attribute_ = Value(index);
  } else if (name == "first") {
    attribute_ = Value(index == 0);
  } else if (name == "last") {
    attribute_ = Value(index + 1 >= count);
  } else if (name == "length") {
    attribute_ = Value(count);
  } else if (name == "revindex") {
    attribute_ = Value(count - index);
  } else if (name == "revindex0") {
    attribute_ = Value(count - index - 1);
  } else if (name == "depth") {
    attribute_ = Value(depth + 1);
  } else if (name == "depth0") {
    attribute_ = Value(depth);
  } else if (name == "previtem") {
    attribute_ = index > 0 ? items[index - 1] : heap.MakeUndefined("there is no previous item");
  } else if (name == "nextitem") {
    attribute_ = index + 1 < count ? items[index + 1] : heap.MakeUndefined("there is no next item");
  } else if (name == "cycle") {
    attribute_ = Value(heap.New<Callable>("cycle", CycleLoop, Value(this)));
  } else if (name == "changed") {
    attribute_ = Value(heap.New<Callable>("changed", ChangedLoop, Value(this)));
  } else {
    return nullptr;
  }
  return &attribute_;
}

}  // namespace skep::engine::jinja
