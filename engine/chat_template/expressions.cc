#include <algorithm>
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
      if (object.is_dict() && !node.hides_entry) {
        const Value* value = object.dict().Find(node.text);
        return value ? *value : heap_.MakeMissing("dict", node.text);
      }
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
  return heap_.MakeMissing("", program_.symbols[node.symbol]);
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
  Reservation reservation(budget());
  for (const auto& child : node.children) {
    const Value value = Evaluate(*child);
    AppendText(value, budget(), text);
    reservation.GrowTo(text.bytes());
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
    CheckSize(*this, count, sequence.string().bytes());
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

}  // namespace skep::engine::jinja
