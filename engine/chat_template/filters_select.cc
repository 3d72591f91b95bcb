// Filters that pick from a sequence or go through it: map, select, reject and their kin.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "engine/chat_template/attribute_path.h"
#include "engine/chat_template/builtins.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {

AttributePath::AttributePath(Interpreter& interpreter, const Value& attribute, Value otherwise)
    : interpreter_(interpreter), otherwise_(std::move(otherwise)) {
  if (attribute.is_none()) return;
  if (!attribute.is_string()) {
    parts_.push_back(attribute);
    return;
  }
  for (std::string_view part : SplitOn(attribute.text(), ".", -1, /*from_right=*/false)) {
    int64_t index = 0;
    const bool digits = !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
      return absl::ascii_isdigit(static_cast<unsigned char>(c));
    });
    parts_.push_back(digits && SimpleAtoi(part, &index) ? Value(index)
                                                        : interpreter.NewText(std::string(part)));
  }
}

Value AttributePath::operator()(const Value& item) const {
  Value value = item;
  for (const Value& part : parts_) {
    value = interpreter_.GetItem(value, part);
    if (value.is_undefined() && !otherwise_.is_none()) value = otherwise_;
  }
  return value;
}

Value MakeGenerator(Interpreter& interpreter, std::vector<Value> items) {
  return interpreter.heap().MakeList(std::move(items), List::Type::kGenerator);
}

Value MakeGenerator(Interpreter& interpreter, absl::FunctionRef<void(std::vector<Value>&)> fill) {
  std::vector<Value> items;
  std::string failure;
  try {
    fill(items);
  } catch (const TemplateError& error) {
    if (error.limit) throw;
    failure = error.message;
  }
  Value generator = MakeGenerator(interpreter, std::move(items));
  generator.list().failure = std::move(failure);
  return generator;
}

namespace {

// The arguments after the first `skip`, for the filter or test that the first of them names.
Arguments Remaining(const Arguments& arguments, size_t skip) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<int64_t>(skip),
                         arguments.positional.end());
  rest.named = arguments.named;
  return rest;
}

std::string_view NameOf(const Value& name, std::string_view kind) {
  if (!name.is_string()) Fail(StrCat("the name of a ", kind, " must be a string"));
  return name.text();
}

void FillMap(Interpreter& interpreter, const Value& input, const Arguments& arguments,
             std::vector<Value>& items) {
  if (!Truthy(input)) return;
  if (arguments.positional.empty()) {
    const BoundArguments bound("map", arguments, {"attribute", "default"});
    if (!bound.Has(0)) Fail("map requires a filter argument");
    const AttributePath path(interpreter, bound[0], bound[1]);
    for (const Value& item : Iterate(input, interpreter.heap())) items.push_back(path(item));
    return;
  }
  const std::string_view name = NameOf(arguments.positional[0], "filter");
  const Filter filter = FindFilter(name);
  if (filter == nullptr) Fail(StrCat("No filter named '", name, "'."));
  const Arguments rest = Remaining(arguments, 1);
  DepthGuard guard(interpreter.budget());
  for (const Value& item : Iterate(input, interpreter.heap())) {
    items.push_back(filter(interpreter, item, rest));
  }
}

Value Map(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  return MakeGenerator(interpreter, [&](std::vector<Value>& items) {
    FillMap(interpreter, input, arguments, items);
  });
}

// select, reject, selectattr, rejectattr: by a test of the item or of an attribute of it.
template <bool kAttribute, bool kWanted>
void FillSelect(Interpreter& interpreter, const Value& input, const Arguments& arguments,
                std::vector<Value>& items) {
  if (!Truthy(input)) return;
  const size_t used = kAttribute ? 1 : 0;
  if (arguments.positional.size() < used) Fail("Missing parameter for attribute name");
  const AttributePath path(interpreter, kAttribute ? arguments.positional[0] : Value());
  const bool has_test = arguments.positional.size() > used;
  Test test = nullptr;
  Arguments rest;
  if (has_test) {
    const std::string_view name = NameOf(arguments.positional[used], "test");
    test = FindTest(name);
    if (test == nullptr) Fail(StrCat("No test named '", name, "'."));
    rest = Remaining(arguments, used + 1);
  }
  for (Value& item : Iterate(input, interpreter.heap())) {
    const Value value = path(item);
    const bool holds = has_test ? test(interpreter, value, rest) : Truthy(value);
    if (holds == kWanted) items.push_back(std::move(item));
  }
}

template <bool kAttribute, bool kWanted>
Value Select(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  return MakeGenerator(interpreter, [&](std::vector<Value>& items) {
    FillSelect<kAttribute, kWanted>(interpreter, input, arguments, items);
  });
}

}  // namespace

Filter FindSelectFilter(std::string_view name) {
  if (name == "map") return Map;
  if (name == "select") return Select<false, true>;
  if (name == "reject") return Select<false, false>;
  if (name == "selectattr") return Select<true, true>;
  if (name == "rejectattr") return Select<true, false>;
  return nullptr;
}

}  // namespace skep::engine::jinja
