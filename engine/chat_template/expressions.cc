#include <algorithm>
#include <limits>
#include <utility>

#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/string_format.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {

using Kind = Expression::Kind;

Value Interpreter::Evaluate(const Expression& node) {
  budget().Step();
  if (node.kind == Kind::kConstant) return node.constant;
  DepthGuard guard(budget());
  position_ = node.position;
  return EvaluateNode(node);
}

Value Interpreter::EvaluateNode(const Expression& node) {
  switch (node.kind) {
    case Kind::kConstant:
      return node.constant;
    case Kind::kName:
    case Kind::kNamespaceRef:
      return Lookup(node);
    case Kind::kList:
    case Kind::kTuple:
      return EvaluateItems(node);
    case Kind::kDict:
      return EvaluateDict(node);
    case Kind::kAttribute: {
      const Value object = Evaluate(*node.children[0]);
      position_ = node.position;
      return GetAttribute(object, node.text);
    }
    case Kind::kItem: {
      const Value object = Evaluate(*node.children[0]);
      const Value key = Evaluate(*node.children[1]);
      position_ = node.position;
      return GetItem(object, key);
    }
    case Kind::kSlice:
      return EvaluateSlice(node);
    case Kind::kCall: {
      const Value callee = Evaluate(*node.children[0]);
      const Arguments arguments = EvaluateArguments(node.arguments);
      position_ = node.position;
      return Call(callee, arguments);
    }
    case Kind::kFilter:
      return EvaluateFilter(node, nullptr);
    case Kind::kTest:
      return EvaluateTest(node);
    case Kind::kArithmetic:
      return EvaluateArithmetic(node);
    case Kind::kNegate:
    case Kind::kPlus:
      return EvaluateUnary(node);
    case Kind::kNot:
      return Value(!Truthy(Evaluate(*node.children[0])));
    case Kind::kAnd: {
      Value left = Evaluate(*node.children[0]);
      return Truthy(left) ? Evaluate(*node.children[1]) : left;
    }
    case Kind::kOr: {
      Value left = Evaluate(*node.children[0]);
      return Truthy(left) ? left : Evaluate(*node.children[1]);
    }
    case Kind::kCompare:
      return EvaluateCompare(node);
    case Kind::kConcat:
      return EvaluateConcat(node);
    case Kind::kConditional:
      if (Truthy(Evaluate(*node.children[0]))) return Evaluate(*node.children[1]);
      if (node.children[2]) return Evaluate(*node.children[2]);
      return heap_.MakeUndefined(StrCat("the inline if-expression on line ", node.position.line,
                                        " evaluated to false and no else section was defined."));
  }
  Fail("unknown expression");
}

Value Interpreter::Lookup(const Expression& node) {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    for (const auto& [symbol, value] : scope->variables) {
      if (symbol == node.symbol) return value;
    }
  }
  if (is_set_[node.symbol]) return variables_[node.symbol];
  return heap_.MakeUndefined(StrCat(QuoteRepr(program_.symbols[node.symbol]), " is undefined"));
}

Value Interpreter::EvaluateItems(const Expression& node) {
  std::vector<Value> items;
  items.reserve(node.children.size());
  for (const auto& child : node.children) items.push_back(Evaluate(*child));
  return heap_.MakeList(std::move(items),
                        node.kind == Kind::kTuple ? List::Type::kTuple : List::Type::kList);
}

Value Interpreter::EvaluateDict(const Expression& node) {
  Dict* dict = heap_.New<Dict>();
  for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
    Value key = Evaluate(*node.children[i]);
    Value value = Evaluate(*node.children[i + 1]);
    heap_.Insert(*dict, std::move(key), std::move(value));
  }
  return Value(dict);
}

Arguments Interpreter::EvaluateArguments(const ArgumentList& list) {
  Arguments arguments;
  arguments.positional.reserve(list.positional.size());
  for (const auto& argument : list.positional) arguments.positional.push_back(Evaluate(*argument));
  for (const auto& [name, argument] : list.named) {
    arguments.named.emplace_back(name, Evaluate(*argument));
  }
  if (list.star) {
    for (Value& item : Iterate(Evaluate(*list.star), heap_)) {
      arguments.positional.push_back(std::move(item));
    }
  }
  if (list.double_star) {
    const Value dict = Evaluate(*list.double_star);
    if (!dict.is_dict()) Fail("argument after ** must be a mapping");
    for (const auto& [key, value] : dict.dict().entries()) {
      if (!key.is_string()) Fail("keywords must be strings");
      for (const auto& [name, other] : arguments.named) {
        if (name == key.text()) {
          Fail(StrCat("got multiple values for keyword argument '", name, "'"));
        }
      }
      budget().Step();
      arguments.named.emplace_back(key.text(), value);
    }
  }
  return arguments;
}

Value Interpreter::EvaluateFilter(const Expression& node, const Value* input) {
  Value value = input ? *input : Evaluate(*node.children[0]);
  const Arguments arguments = EvaluateArguments(node.arguments);
  position_ = node.position;
  if (node.filter == nullptr) Fail(StrCat("No filter named '", node.text, "' found."));
  return node.filter(*this, value, arguments);
}

Value Interpreter::EvaluateTest(const Expression& node) {
  const Value value = Evaluate(*node.children[0]);
  const Arguments arguments = EvaluateArguments(node.arguments);
  position_ = node.position;
  if (node.test == nullptr) Fail(StrCat("No test named '", node.text, "' found."));
  return Value(node.test(*this, value, arguments));
}

Value Interpreter::Call(const Value& callee, const Arguments& arguments) {
  RequireDefined(callee);
  if (!callee.is_object()) {
    Fail(StrCat("'", TypeName(callee), "' object is not callable"));
  }
  budget().Step();
  return callee.object().Call(*this, arguments);
}

Value Interpreter::EvaluateConcat(const Expression& node) {
  MarkedText text;
  for (const auto& child : node.children) {
    const Value value = Evaluate(*child);
    AppendText(value, budget(), text);
    // What is not yet a value counts as well.
    budget().Allocate(static_cast<int64_t>(text.text.size()));
    budget().Release(static_cast<int64_t>(text.text.size()));
  }
  return NewText(std::move(text));
}

bool Interpreter::Compare(std::string_view op, const Value& left, const Value& right) {
  if (op == "==") return Equal(left, right, budget());
  if (op == "!=") return !Equal(left, right, budget());
  if (op == "in") return Contains(right, left, budget());
  if (op == "not in") return !Contains(right, left, budget());
  if (op == "<") return Less(left, right, op, budget());
  if (op == ">") return Less(right, left, op, budget());
  // Not the negation of the opposite: NaN is neither less, nor equal, nor greater.
  const Value& low = op == "<=" ? left : right;
  const Value& high = op == "<=" ? right : left;
  return Less(low, high, op, budget()) || Equal(low, high, budget());
}

Value Interpreter::EvaluateCompare(const Expression& node) {
  Value left = Evaluate(*node.children[0]);
  for (size_t i = 0; i < node.operators.size(); ++i) {
    Value right = Evaluate(*node.children[i + 1]);
    position_ = node.position;
    if (!Compare(node.operators[i], left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Interpreter::EvaluateUnary(const Expression& node) {
  const Value value = Evaluate(*node.children[0]);
  position_ = node.position;
  RequireDefined(value);
  const bool negate = node.kind == Kind::kNegate;
  if (!value.is_number()) {
    Fail(StrCat("bad operand type for unary ", negate ? "-" : "+", ": '", TypeName(value), "'"));
  }
  if (value.is_float()) return Value(negate ? -value.number() : value.number());
  if (!negate) return Value(value.integer());
  return Arithmetic("-", Value(int64_t{0}), value);
}

Value Interpreter::EvaluateArithmetic(const Expression& node) {
  const Value left = Evaluate(*node.children[0]);
  const Value right = Evaluate(*node.children[1]);
  position_ = node.position;
  const std::string& op = node.text;
  RequireDefined(left);
  if (op == "%" && left.is_string()) {
    Arguments arguments;
    if (right.is_list() && right.list().type == List::Type::kTuple) {
      arguments.positional = right.list().items;
      return NewText(PercentFormat(*this, left.string(), arguments, nullptr));
    }
    arguments.positional = {right};
    return NewText(
        PercentFormat(*this, left.string(), arguments, right.is_dict() ? &right.dict() : nullptr));
  }
  RequireDefined(right);
  if (left.is_number() && right.is_number()) return Arithmetic(op, left, right);
  if (op == "+") return Add(left, right);
  if (op == "*") {
    const auto repeats = [](const Value& v) {
      return v.is_string() || (v.is_list() && (v.list().type == List::Type::kList ||
                                               v.list().type == List::Type::kTuple));
    };
    if (repeats(left) && right.is_integral()) return Repeat(left, right.integer());
    if (repeats(right) && left.is_integral()) return Repeat(right, left.integer());
  }
  if (op == "|" || op == "-" || op == "*" || op == "/" || op == "//" || op == "%" || op == "**") {
    Fail(StrCat("unsupported operand type(s) for ", op == "**" ? "** or pow()" : op, ": '",
                TypeName(left), "' and '", TypeName(right), "'"));
  }
  Fail(StrCat("unknown operator ", op));
}

Value Interpreter::Add(const Value& left, const Value& right) {
  RequireDefined(left);
  RequireDefined(right);
  if (left.is_number() && right.is_number()) return Arithmetic("+", left, right);
  if (left.is_string() && right.is_string()) {
    const bool markup = left.string().markup || right.string().markup;
    MarkedText sum;
    for (const StringData* side : {&left.string(), &right.string()}) {
      if (markup && !side->markup) {
        sum.Append(ConvertText(*side, EscapeHtml));
      } else {
        sum.Append(*side);
      }
    }
    return heap_.Text(std::move(sum), markup);
  }
  if (left.is_list() && right.is_list() && left.list().type == right.list().type &&
      (left.list().type == List::Type::kList || left.list().type == List::Type::kTuple)) {
    std::vector<Value> items = left.list().items;
    items.insert(items.end(), right.list().items.begin(), right.list().items.end());
    budget().Step(static_cast<int64_t>(items.size()));
    return heap_.MakeList(std::move(items), left.list().type);
  }
  if (left.is_string() || left.is_list()) {
    const std::string_view type = TypeName(left);
    Fail(StrCat("can only concatenate ", type, " (not \"", TypeName(right), "\") to ", type));
  }
  Fail(StrCat("unsupported operand type(s) for +: '", TypeName(left), "' and '", TypeName(right),
              "'"));
}

Value Interpreter::Repeat(const Value& sequence, int64_t count) {
  count = std::max<int64_t>(count, 0);
  if (sequence.is_string()) {
    CheckSize(*this, count, static_cast<int64_t>(sequence.text().size()));
    MarkedText text;
    text.text.reserve(sequence.text().size() * count);
    for (int64_t i = 0; !sequence.text().empty() && i < count; ++i) text.Append(sequence.string());
    return NewText(std::move(text));
  }
  const auto& items = sequence.list().items;
  CheckSize(*this, count, static_cast<int64_t>(items.size() * sizeof(Value)));
  std::vector<Value> repeated;
  for (int64_t i = 0; !items.empty() && i < count; ++i) {
    repeated.insert(repeated.end(), items.begin(), items.end());
  }
  return heap_.MakeList(std::move(repeated), sequence.list().type);
}

Value Interpreter::EvaluateSlice(const Expression& node) {
  const Value object = Evaluate(*node.children[0]);
  Value bounds[3];
  for (int i = 0; i < 3; ++i) {
    if (node.children[i + 1]) bounds[i] = Evaluate(*node.children[i + 1]);
  }
  position_ = node.position;
  return Slice(object, bounds[0], bounds[1], bounds[2]);
}

namespace {

// The places that a Python slice picks from `length` items.
struct SlicePlaces {
  int64_t start, step, count;
};

SlicePlaces ResolveSlice(int64_t length, const Value& start, const Value& stop, const Value& step) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  int64_t by = step.is_none() ? 1 : step.integer();
  if (by == 0) Fail("slice step cannot be zero");
  by = std::max(by, -kMost);
  const int64_t low = by > 0 ? 0 : -1, high = by > 0 ? length : length - 1;
  const auto clamp = [&](const Value& bound, int64_t otherwise) {
    if (bound.is_none()) return otherwise;
    int64_t place = bound.integer();
    if (place < 0) place = place < -length ? low : place + length;
    return std::clamp(place, low, high);
  };
  const int64_t first = clamp(start, by > 0 ? low : high);
  const int64_t last = clamp(stop, by > 0 ? high : low);
  int64_t count = 0;
  if (by > 0 && last > first) count = (last - first - 1) / by + 1;
  if (by < 0 && last < first) count = (first - last - 1) / -by + 1;
  return {first, by, count};
}

}  // namespace

Value Interpreter::Slice(const Value& object, const Value& start, const Value& stop,
                         const Value& step) {
  RequireDefined(object);
  const bool sequence = object.is_list() && object.list().is_sequence();
  const bool valid = (object.is_string() || sequence) && (start.is_none() || start.is_integral()) &&
                     (stop.is_none() || stop.is_integral()) &&
                     (step.is_none() || step.is_integral());
  if (!valid) {
    Fail(StrCat("a slice needs a string or a list and integers, got '", TypeName(object), "'"));
  }
  const SlicePlaces places = ResolveSlice(Length(object), start, stop, step);
  budget().Step(places.count);
  if (object.is_string()) {
    const std::string& text = object.text();
    if (object.string().ascii) {
      if (places.step == 1) {
        return heap_.Part(object.string(),
                          std::string_view(text).substr(places.start, places.count));
      }
      MarkedText picked;
      for (int64_t i = 0; i < places.count; ++i) {
        const size_t place = places.start + i * places.step;
        picked.AppendPart(object.string(), std::string_view(text).substr(place, 1));
      }
      return NewText(std::move(picked));
    }
    const std::vector<std::string_view> characters = Characters(text);
    MarkedText picked;
    for (int64_t i = 0; i < places.count; ++i) {
      picked.AppendPart(object.string(), characters[places.start + i * places.step]);
    }
    return NewText(std::move(picked));
  }
  std::vector<Value> items;
  for (int64_t i = 0; i < places.count; ++i) {
    items.push_back(object.list().items[places.start + i * places.step]);
  }
  const auto type = object.list().type;
  return heap_.MakeList(std::move(items), type == List::Type::kTuple ? type : List::Type::kList);
}

Value Interpreter::GetAttribute(const Value& object, std::string_view name) {
  RequireDefined(object);
  if (object.is_object()) {
    if (const Value* value = object.object().Attribute(*this, name)) return *value;
  } else if (name.substr(0, 2) != "__") {
    if (const Method method = FindMethod(object, name)) {
      return Value(heap_.New<Callable>(name, method, object));
    }
    if (IsMutator(object, name)) {
      return heap_.MakeUndefined(
          StrCat("access to attribute '", name, "' of '", TypeName(object), "' object is unsafe."));
    }
    if (object.is_dict()) {
      if (const Value* value = object.dict().Find(name)) return *value;
    }
  }
  return heap_.MakeUndefined(
      StrCat("'", TypeName(object), " object' has no attribute ", QuoteRepr(name)));
}

Value Interpreter::GetItem(const Value& object, const Value& key) {
  RequireDefined(object);
  if (object.is_dict()) {
    const bool hashable = !key.is_dict() && !key.is_list();
    if (hashable || (key.is_list() && key.list().type == List::Type::kTuple)) {
      if (const Value* value = object.dict().Find(key)) return *value;
    }
  } else if (key.is_integral() &&
             (object.is_string() || (object.is_list() && object.list().is_sequence()))) {
    const int64_t length = Length(object);
    int64_t place = key.integer();
    if (place < 0) place += length;
    if (place >= 0 && place < length) {
      if (object.is_list()) return object.list().items[place];
      return Slice(object, Value(place), Value(place + 1), Value());
    }
  }
  if (key.is_string()) return GetAttribute(object, key.text());
  return heap_.MakeUndefined(
      StrCat(TypeName(object), " object has no element ", Repr(key, budget()).text));
}

}  // namespace skep::engine::jinja
