// Macros and the variable `loop`.
#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {

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
  Dict* extra = definition->uses_kwargs ? heap.New<Dict>() : nullptr;
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
  MarkedText text;
  interpreter.Capture(definition->body, text);
  return interpreter.NewText(std::move(text));
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
  Interpreter::Output text;
  Interpreter::Output* const out = std::exchange(interpreter.out_, &text);
  const auto restore = absl::MakeCleanup([&] {
    interpreter.scope_ = before;
    interpreter.out_ = out;
  });
  interpreter.RunLoop(*statement, arguments.positional[0], outer, depth + 1);
  return interpreter.NewText(text.Take());
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
