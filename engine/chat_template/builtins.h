// The names every template knows: filters, tests, functions, and the methods of strings, lists and
// dictionaries.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_BUILTINS_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_BUILTINS_H_

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/chat_template/value.h"

namespace skep::engine::jinja {

class Interpreter;

using Filter = Value (*)(Interpreter&, const Value& input, const Arguments&);
using Test = bool (*)(Interpreter&, const Value& input, const Arguments&);
using Method = Value (*)(Interpreter&, const Value& self, const Arguments&);
using Function = Value (*)(Interpreter&, const Arguments&);

// By name; null if there is none.
Filter FindFilter(std::string_view name);
Filter FindSequenceFilter(std::string_view name);  // parts of FindFilter in files of their own
Filter FindSelectFilter(std::string_view name);
Test FindTest(std::string_view name);
Function FindGlobal(std::string_view name);
// Methods of a string, list or dictionary that change nothing.
Method FindMethod(const Value& self, std::string_view name);
Method FindContainerMethod(const Value& self, std::string_view name);  // its part for containers
// Whether dictionaries have a method of that name, which hides an entry: d.items.
bool IsDictMethodName(std::string_view name);
// Methods that would change a list or dictionary: the sandbox refuses them.
bool IsMutator(const Value& self, std::string_view name);

// A function as a value; bound to `self` where it is a method.
struct Callable final : Object {
  Callable(std::string_view of, Function called) : name(of), function(called) {}
  Callable(std::string_view of, Method called, Value bound)
      : name(of), method(called), self(std::move(bound)) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  MarkedText Repr(Budget&) const override { return MarkedText("<built-in function " + name + ">"); }
  bool callable() const override { return true; }
  Value Call(Interpreter& interpreter, const Arguments& arguments) override;

  std::string name;
  Function function = nullptr;
  Method method = nullptr;
  Value self;
};

struct Namespace final : Object {
  std::string_view type_name() const override { return "Namespace"; }
  MarkedText Repr(Budget& budget) const override;
  const Value* Attribute(Interpreter& interpreter, std::string_view name) override;

  Dict* attributes = nullptr;
};

// Sorts out a call's arguments by Python's rules: by place, then by name. Fails on too many, on
// unknown names, and on fewer than `required`.
class BoundArguments final {
 public:
  BoundArguments(std::string_view function, const Arguments& arguments,
                 std::initializer_list<std::string_view> parameters, size_t required = 0);

  bool Has(size_t i) const { return values_[i] != nullptr; }  // i < kMost
  // The argument; None if it was not given.
  const Value& operator[](size_t i) const;
  // With a default, and a failure where the kind is wrong.
  int64_t Integer(size_t i, int64_t otherwise) const;
  bool Flag(size_t i, bool otherwise) const;
  std::string_view Text(size_t i, std::string_view otherwise) const;

 private:
  static constexpr size_t kMost = 4;  // parameters of a function

  std::string_view function_;
  std::array<std::string_view, kMost> parameters_;
  std::array<const Value*, kMost> values_{};
};

// Integer arguments: bool is an int, anything else fails.
int64_t RequireInteger(const Value& value, std::string_view what);
// `base` to `pad` bytes more than the limit allows fails before anything is allocated.
void CheckSize(Interpreter& interpreter, int64_t count, int64_t bytes_each);
// The most that the marks of one replacement in `text` by `to` take.
inline int64_t ReplacementMarks(const Value& text, const Value& to) {
  const bool marked = IsMarked(text) || IsMarked(to);
  return marked ? static_cast<int64_t>(2 * sizeof(TextSpan) + to.string().marks.bytes()) : 0;
}

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_BUILTINS_H_
