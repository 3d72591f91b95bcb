// Methods of lists and dictionaries.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/chat_template/builtins.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

constexpr std::string_view kListMutators[] = {"append", "clear",  "extend",  "insert",
                                              "pop",    "remove", "reverse", "sort"};
constexpr std::string_view kDictMutators[] = {"clear", "pop", "popitem", "setdefault", "update"};

template <size_t kSize>
bool IsIn(const std::string_view (&names)[kSize], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

template <List::Type kType>
Value DictView(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  BoundArguments("view", arguments, {});
  Heap& heap = interpreter.heap();
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict().entries()) {
    if (kType == List::Type::kItems) {
      items.push_back(heap.MakeList({key, value}, List::Type::kTuple));
    } else {
      items.push_back(kType == List::Type::kKeys ? key : value);
    }
  }
  return heap.MakeList(std::move(items), kType);
}

Value GetFromDict(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("get", arguments, {"key", "default"}, 1);
  const Value* value = self.dict().Find(bound[0]);
  return value ? *value : bound[1];
}

Value CopyDict(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  BoundArguments("copy", arguments, {});
  Dict* copy = interpreter.heap().New<Dict>();
  for (const auto& [key, value] : self.dict().entries()) {
    interpreter.heap().Insert(*copy, key, value);
  }
  return Value(copy);
}

Method FindDictMethod(std::string_view name) {
  if (name == "copy") return CopyDict;
  if (name == "get") return GetFromDict;
  if (name == "items") return DictView<List::Type::kItems>;
  if (name == "keys") return DictView<List::Type::kKeys>;
  if (name == "values") return DictView<List::Type::kValues>;
  return nullptr;
}

Value CountItems(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("count", arguments, {"value"}, 1);
  int64_t count = 0;
  for (const Value& item : self.list().items) {
    count += Equal(item, bound[0], interpreter.budget());
  }
  return Value(count);
}

Value IndexOfItem(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("index", arguments, {"value", "start", "stop"}, 1);
  const int64_t length = Length(self);
  const auto place = [&](size_t i, int64_t otherwise) {
    const int64_t at = bound.Integer(i, otherwise);
    return at < 0 ? std::max<int64_t>(at + length, 0) : std::min(at, length);
  };
  const int64_t stop = place(2, length);
  for (int64_t i = place(1, 0); i < stop; ++i) {
    if (Equal(self.list().items[i], bound[0], interpreter.budget())) return Value(i);
  }
  Fail(StrCat("ValueError: ", Repr(bound[0], interpreter.budget()).text, " is not in list"));
}

Value CopyList(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  BoundArguments("copy", arguments, {});
  return interpreter.heap().MakeList(self.list().items);
}

}  // namespace

Method FindContainerMethod(const Value& self, std::string_view name) {
  if (self.is_dict()) return FindDictMethod(name);
  if (!self.is_list() || !self.list().is_sequence()) return nullptr;
  if (name == "count") return CountItems;
  if (name == "index") return IndexOfItem;
  if (name == "copy" && self.list().type == List::Type::kList) return CopyList;
  return nullptr;
}

bool IsDictMethodName(std::string_view name) {
  return FindDictMethod(name) != nullptr || IsIn(kDictMutators, name);
}

bool IsMutator(const Value& self, std::string_view name) {
  if (self.is_dict()) return IsIn(kDictMutators, name);
  return self.is_list() && self.list().type == List::Type::kList && IsIn(kListMutators, name);
}

}  // namespace skep::engine::jinja
