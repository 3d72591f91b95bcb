#include "engine/chat_template/builtins.h"

#include <algorithm>

#include "absl/time/time.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {

BoundArguments::BoundArguments(std::string_view function, const Arguments& arguments,
                               std::initializer_list<std::string_view> parameters, size_t required)
    : function_(function) {
  const size_t count = std::min(parameters.size(), kMost);
  std::copy_n(parameters.begin(), count, parameters_.begin());
  if (arguments.positional.size() > count) {
    Fail(StrCat(function, "() takes at most ", count, " arguments, got ",
                arguments.positional.size()));
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto end = parameters_.begin() + count;
    const size_t place = std::find(parameters_.begin(), end, name) - parameters_.begin();
    if (place == count) {
      Fail(StrCat(function, "() got an unexpected keyword argument '", name, "'"));
    }
    if (values_[place] != nullptr) {
      Fail(StrCat(function, "() got multiple values for argument '", name, "'"));
    }
    values_[place] = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!Has(i)) {
      Fail(StrCat(function, "() missing required argument: '", parameters_[i], "'"));
    }
  }
}

const Value& BoundArguments::operator[](size_t i) const {
  static const Value kNone;
  return values_[i] ? *values_[i] : kNone;
}

int64_t BoundArguments::Integer(size_t i, int64_t otherwise) const {
  return Has(i) ? RequireInteger(*values_[i], StrCat(function_, "() ", parameters_[i])) : otherwise;
}

bool BoundArguments::Flag(size_t i, bool otherwise) const {
  return Has(i) ? Truthy(*values_[i]) : otherwise;
}

std::string_view BoundArguments::Text(size_t i, std::string_view otherwise) const {
  if (!Has(i)) return otherwise;
  RequireDefined(*values_[i]);
  if (!values_[i]->is_string()) {
    Fail(StrCat(function_, "() argument '", parameters_[i], "' must be str, not ",
                TypeName(*values_[i])));
  }
  return values_[i]->text();
}

int64_t RequireInteger(const Value& value, std::string_view what) {
  RequireDefined(value);
  if (!value.is_integral()) {
    Fail(StrCat(what, ": '", TypeName(value), "' object cannot be interpreted as an integer"));
  }
  return value.integer();
}

void CheckSize(Interpreter& interpreter, int64_t count, int64_t bytes_each) {
  int64_t bytes = 0;
  if (__builtin_mul_overflow(count, bytes_each, &bytes)) {
    FailLimit("the template needs more memory than the limit");
  }
  interpreter.budget().Allocate(bytes);
  interpreter.budget().Release(bytes);
}

Value Callable::Call(Interpreter& interpreter, const Arguments& arguments) {
  return function ? function(interpreter, arguments) : method(interpreter, self, arguments);
}

MarkedText Namespace::Repr(Budget& budget) const {
  MarkedText out("<Namespace ");
  out.Append(jinja::Repr(Value(attributes), budget));
  out.Append(">");
  return out;
}

const Value* Namespace::Attribute(Interpreter&, std::string_view name) {
  return attributes->Find(name);
}

namespace {

// cycler(a, b): next() walks round, current looks, reset() starts again.
struct Cycler final : Object {
  std::string_view type_name() const override { return "Cycler"; }
  MarkedText Repr(Budget&) const override { return MarkedText("<Cycler>"); }
  const Value* Attribute(Interpreter& interpreter, std::string_view name) override;

  std::vector<Value> items;
  size_t place = 0;

 private:
  Value attribute_;
};

Value NextOfCycler(Interpreter&, const Value& self, const Arguments&) {
  auto& cycler = static_cast<Cycler&>(self.object());
  const Value& current = cycler.items[cycler.place];
  cycler.place = (cycler.place + 1) % cycler.items.size();
  return current;
}

Value ResetCycler(Interpreter&, const Value& self, const Arguments&) {
  static_cast<Cycler&>(self.object()).place = 0;
  return Value();
}

const Value* Cycler::Attribute(Interpreter& interpreter, std::string_view name) {
  Heap& heap = interpreter.heap();
  if (name == "current") {
    attribute_ = items[place];
  } else if (name == "next") {
    attribute_ = Value(heap.New<Callable>("next", NextOfCycler, Value(this)));
  } else if (name == "reset") {
    attribute_ = Value(heap.New<Callable>("reset", ResetCycler, Value(this)));
  } else {
    return nullptr;
  }
  return &attribute_;
}

// joiner(", "): empty the first time it is called, then the separator.
struct Joiner final : Object {
  std::string_view type_name() const override { return "Joiner"; }
  MarkedText Repr(Budget&) const override { return MarkedText("<Joiner>"); }
  bool callable() const override { return true; }
  Value Call(Interpreter& interpreter, const Arguments& arguments) override {
    BoundArguments("joiner", arguments, {});
    if (std::exchange(used, true)) return separator;
    return interpreter.NewText("");
  }

  Value separator;
  bool used = false;
};

Value MakeCycler(Interpreter& interpreter, const Arguments& arguments) {
  if (arguments.positional.empty()) Fail("at least one item has to be provided");
  Cycler* cycler = interpreter.heap().New<Cycler>();
  cycler->items = arguments.positional;
  return Value(cycler);
}

Value MakeJoiner(Interpreter& interpreter, const Arguments& arguments) {
  const BoundArguments bound("joiner", arguments, {"sep"});
  Joiner* joiner = interpreter.heap().New<Joiner>();
  joiner->separator = bound.Has(0) ? bound[0] : interpreter.NewText(", ");
  return Value(joiner);
}

Value Range(Interpreter& interpreter, const Arguments& arguments) {
  const auto& given = arguments.positional;
  if (given.empty() || given.size() > 3 || !arguments.named.empty()) {
    Fail(StrCat("range() takes 1 to 3 arguments, got ", given.size()));
  }
  const int64_t first = RequireInteger(given[0], "range()");
  const int64_t start = given.size() > 1 ? first : 0;
  const int64_t stop = given.size() > 1 ? RequireInteger(given[1], "range()") : first;
  const int64_t step = given.size() > 2 ? RequireInteger(given[2], "range()") : 1;
  if (step == 0) Fail("range() arg 3 must not be zero");
  // In 128 bits the distance of any two 64-bit integers is exact.
  const __int128 distance =
      step > 0 ? static_cast<__int128>(stop) - start : static_cast<__int128>(start) - stop;
  const __int128 stride = step > 0 ? step : -static_cast<__int128>(step);
  const __int128 count = distance > 0 ? (distance - 1) / stride + 1 : 0;
  if (count > interpreter.range_length()) {
    Fail(
        StrCat("Range too big: range() makes no more than ", interpreter.range_length(), " items"));
  }
  std::vector<Value> items;
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) items.emplace_back(start + i * step);
  Value value = interpreter.heap().MakeList(std::move(items), List::Type::kRange);
  value.list().description = step == 1 ? StrCat("range(", start, ", ", stop, ")")
                                       : StrCat("range(", start, ", ", stop, ", ", step, ")");
  return value;
}

// dict(mapping or pairs, **more).
Dict* BuildDict(Interpreter& interpreter, const Arguments& arguments) {
  Heap& heap = interpreter.heap();
  Dict* dict = heap.New<Dict>();
  if (arguments.positional.size() > 1) Fail("dict expected at most 1 argument");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    RequireDefined(source);
    if (source.is_dict()) {
      for (const auto& [key, value] : source.dict().entries()) heap.Insert(*dict, key, value);
    } else {
      for (const Value& pair : Iterate(source, heap)) {
        const std::vector<Value> both = Iterate(pair, heap);
        if (both.size() != 2) Fail("dictionary update sequence elements must be pairs");
        heap.Insert(*dict, both[0], both[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) {
    heap.Insert(*dict, interpreter.NewText(name), value);
  }
  return dict;
}

Value MakeDict(Interpreter& interpreter, const Arguments& arguments) {
  return Value(BuildDict(interpreter, arguments));
}

Value MakeNamespace(Interpreter& interpreter, const Arguments& arguments) {
  Dict* attributes = BuildDict(interpreter, arguments);
  for (const auto& [key, value] : attributes->entries()) {
    if (key.is_string() && !key.text().empty() && key.text()[0] == '_') {
      Fail(StrCat("Chat templates cannot store underscore-prefixed attributes on a ",
                  "namespace, but got '", key.text(), "'. Please rename the attribute."));
    }
  }
  Namespace* space = interpreter.heap().New<Namespace>();
  space->attributes = attributes;
  return Value(space);
}

Value RaiseException(Interpreter& interpreter, const Arguments& arguments) {
  const BoundArguments bound("raise_exception", arguments, {"message"}, /*required=*/1);
  Fail(interpreter.String(bound[0])->text);
}

Value StrftimeNow(Interpreter& interpreter, const Arguments& arguments) {
  const BoundArguments bound("strftime_now", arguments, {"format"}, /*required=*/1);
  MarkedText text;
  text.Append(absl::FormatTime(ToAbsl(bound.Text(0, "")), absl::FromUnixSeconds(interpreter.now()),
                               absl::UTCTimeZone()),
              IsMarked(bound[0]));
  return interpreter.NewText(std::move(text));
}

Value Lipsum(Interpreter&, const Arguments&) {
  Fail("lipsum() is random, and a chat template has one result");
}

struct Global {
  std::string_view name;
  Function function;
};
constexpr Global kGlobals[] = {
    {"cycler", MakeCycler},
    {"dict", MakeDict},
    {"joiner", MakeJoiner},
    {"lipsum", Lipsum},
    {"namespace", MakeNamespace},
    {"raise_exception", RaiseException},
    {"range", Range},
    {"strftime_now", StrftimeNow},
};

}  // namespace

Function FindGlobal(std::string_view name) {
  for (const Global& global : kGlobals) {
    if (global.name == name) return global.function;
  }
  return nullptr;
}

}  // namespace skep::engine::jinja
