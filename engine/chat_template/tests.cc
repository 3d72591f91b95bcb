#include <algorithm>

#include "engine/chat_template/builtins.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

bool IsOdd(Interpreter&, const Value& value, const Arguments&) {
  RequireDefined(value);
  if (!value.is_number()) Fail(StrCat("not a number: ", TypeName(value)));
  return Truthy(Arithmetic("%", value, Value(int64_t{2})));
}

bool IsEven(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  return !IsOdd(interpreter, value, arguments);
}

bool IsDivisibleBy(Interpreter&, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("divisibleby", arguments, {"num"}, 1);
  RequireDefined(value);
  RequireDefined(bound[0]);
  if (!value.is_number() || !bound[0].is_number()) Fail("divisibleby needs two numbers");
  return !Truthy(Arithmetic("%", value, bound[0]));
}

bool IsSequence(Interpreter&, const Value& value, const Arguments&) {
  if (value.is_list()) return value.list().is_sequence();
  // An undefined value has a length; asking it for __getitem__ works too.
  return value.is_string() || value.is_dict() || value.is_undefined();
}

bool HasCase(Interpreter& interpreter, const Value& value, bool upper) {
  const Value text = Value(interpreter.String(value));
  const Method method = FindMethod(text, upper ? "isupper" : "islower");
  return Truthy(method(interpreter, text, {}));
}

bool IsSameAs(Interpreter&, const Value& value, const Arguments& arguments) {
  return value.SameAs(BoundArguments("sameas", arguments, {"other"}, 1)[0]);
}

bool IsIn(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("in", arguments, {"seq"}, 1);
  return Contains(bound[0], value, interpreter.budget());
}

// The comparisons, as tests: value op argument.
enum class Order { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

template <Order kOrder>
bool Compares(Interpreter& interpreter, const Value& left, const Arguments& arguments) {
  const BoundArguments bound("comparison", arguments, {"other"}, 1);
  const Value& right = bound[0];
  Budget& budget = interpreter.budget();
  switch (kOrder) {
    case Order::kEqual:
      return Equal(left, right, budget);
    case Order::kNotEqual:
      return !Equal(left, right, budget);
    case Order::kLess:
      return Less(left, right, "<", budget);
    case Order::kLessEqual:
      return Less(left, right, "<=", budget) || Equal(left, right, budget);
    case Order::kGreater:
      return Less(right, left, ">", budget);
    case Order::kGreaterEqual:
      return Less(right, left, ">=", budget) || Equal(left, right, budget);
  }
  return false;
}

bool Defined(Interpreter&, const Value& v, const Arguments&) { return !v.is_undefined(); }
bool NotDefined(Interpreter&, const Value& v, const Arguments&) { return v.is_undefined(); }
bool IsNone(Interpreter&, const Value& v, const Arguments&) { return v.is_none(); }
bool IsBoolean(Interpreter&, const Value& v, const Arguments&) { return v.is_bool(); }
bool IsTrue(Interpreter&, const Value& v, const Arguments&) { return v.is_bool() && v.boolean(); }
bool IsFalse(Interpreter&, const Value& v, const Arguments&) { return v.is_bool() && !v.boolean(); }
bool IsInteger(Interpreter&, const Value& v, const Arguments&) { return v.is_int(); }
bool IsFloat(Interpreter&, const Value& v, const Arguments&) { return v.is_float(); }
bool IsNumber(Interpreter&, const Value& v, const Arguments&) { return v.is_number(); }
bool IsString(Interpreter&, const Value& v, const Arguments&) { return v.is_string(); }
bool IsMapping(Interpreter&, const Value& v, const Arguments&) { return v.is_dict(); }
bool Iterable(Interpreter&, const Value& v, const Arguments&) {
  return jinja::IsIterable(v) || (v.is_object() && v.object().has_length());
}
bool IsCallable(Interpreter&, const Value& v, const Arguments&) {
  return v.is_undefined() || (v.is_object() && v.object().callable());
}
bool IsEscaped(Interpreter&, const Value& v, const Arguments&) {
  return v.is_string() && v.string().markup;
}
bool IsUpperCase(Interpreter& i, const Value& v, const Arguments&) { return HasCase(i, v, true); }
bool IsLowerCase(Interpreter& i, const Value& v, const Arguments&) { return HasCase(i, v, false); }
bool IsFilterName(Interpreter&, const Value& v, const Arguments&) {
  Hash(v);  // fails for what cannot be a name
  return v.is_string() && FindFilter(v.text()) != nullptr;
}
bool IsTestName(Interpreter&, const Value& v, const Arguments&) {
  Hash(v);
  return v.is_string() && FindTest(v.text()) != nullptr;
}

// A test that takes no argument refuses one, as Python's function would.
template <Test kTest>
bool Alone(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  BoundArguments("test", arguments, {});
  return kTest(interpreter, value, arguments);
}

struct NamedTest {
  std::string_view name;
  Test test;
};

constexpr NamedTest kTests[] = {
    {"!=", Compares<Order::kNotEqual>},
    {"<", Compares<Order::kLess>},
    {"<=", Compares<Order::kLessEqual>},
    {"==", Compares<Order::kEqual>},
    {">", Compares<Order::kGreater>},
    {">=", Compares<Order::kGreaterEqual>},
    {"boolean", Alone<IsBoolean>},
    {"callable", Alone<IsCallable>},
    {"defined", Alone<Defined>},
    {"divisibleby", IsDivisibleBy},
    {"eq", Compares<Order::kEqual>},
    {"equalto", Compares<Order::kEqual>},
    {"escaped", Alone<IsEscaped>},
    {"even", Alone<IsEven>},
    {"false", Alone<IsFalse>},
    {"filter", Alone<IsFilterName>},
    {"float", Alone<IsFloat>},
    {"ge", Compares<Order::kGreaterEqual>},
    {"greaterthan", Compares<Order::kGreater>},
    {"gt", Compares<Order::kGreater>},
    {"in", IsIn},
    {"integer", Alone<IsInteger>},
    {"iterable", Alone<Iterable>},
    {"le", Compares<Order::kLessEqual>},
    {"lessthan", Compares<Order::kLess>},
    {"lower", Alone<IsLowerCase>},
    {"lt", Compares<Order::kLess>},
    {"mapping", Alone<IsMapping>},
    {"ne", Compares<Order::kNotEqual>},
    {"none", Alone<IsNone>},
    {"number", Alone<IsNumber>},
    {"odd", Alone<IsOdd>},
    {"sameas", IsSameAs},
    {"sequence", Alone<IsSequence>},
    {"string", Alone<IsString>},
    {"test", Alone<IsTestName>},
    {"true", Alone<IsTrue>},
    {"undefined", Alone<NotDefined>},
    {"upper", Alone<IsUpperCase>},
};

}  // namespace

Test FindTest(std::string_view name) {
  for (const NamedTest& entry : kTests) {
    if (entry.name == name) return entry.test;
  }
  return nullptr;
}

}  // namespace skep::engine::jinja
