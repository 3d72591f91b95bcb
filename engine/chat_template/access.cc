// Attributes, items and slices of values.
#include <algorithm>
#include <limits>

#include "engine/chat_template/builtins.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {

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
  return heap_.MakeMissing(TypeName(object), name);
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
