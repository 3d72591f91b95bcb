// Filters of sequences and mappings.
#include <algorithm>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/chat_template/attribute_path.h"
#include "engine/chat_template/builtins.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

Value IgnoreCase(Interpreter& interpreter, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is_string()) return value;
  return interpreter.NewText(Lower(value.text()));
}

// Sorts items by their keys; equal keys keep their order, also in reverse.
template <typename Item>
void SortByKey(Interpreter& interpreter, std::vector<std::pair<Value, Item>>& items, bool reverse) {
  // The comparison may fail with an exception: std::sort leaves the vector valid then.
  std::stable_sort(items.begin(), items.end(), [&](const auto& a, const auto& b) {
    return reverse ? Less(b.first, a.first, "<", interpreter.budget())
                   : Less(a.first, b.first, "<", interpreter.budget());
  });
}

Value LengthFilter(Interpreter&, const Value& input, const Arguments& arguments) {
  BoundArguments("length", arguments, {});
  if (input.is_object() && input.object().has_length()) {
    return Value(static_cast<int64_t>(static_cast<Loop&>(input.object()).items.size()));
  }
  return Value(Length(input));
}

Value First(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("first", arguments, {});
  if (input.is_list()) {
    List& list = input.list();
    const size_t place = list.next;
    if (place < list.items.size()) {
      if (list.type == List::Type::kGenerator) ++list.next;
      return list.items[place];
    }
    if (!list.failure.empty()) Fail(list.failure);
  } else if (input.is_string() && !input.text().empty()) {
    return interpreter.GetItem(input, Value(int64_t{0}));
  } else {
    std::vector<Value> items = Iterate(input, interpreter.heap());
    if (!items.empty()) return items[0];
  }
  return interpreter.heap().MakeUndefined("No first item, sequence was empty.");
}

Value Last(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("last", arguments, {});
  if (input.is_list() && input.list().type == List::Type::kGenerator) {
    Fail("'generator' object is not reversible");
  }
  const std::vector<Value> items = Iterate(input, interpreter.heap());
  if (!items.empty()) return items.back();
  return interpreter.heap().MakeUndefined("No last item, sequence was empty.");
}

Value ToList(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("list", arguments, {});
  return interpreter.heap().MakeList(Iterate(input, interpreter.heap()));
}

Value Reverse(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("reverse", arguments, {});
  if (input.is_string()) {
    std::vector<std::string_view> characters = Characters(input.text());
    std::reverse(characters.begin(), characters.end());
    MarkedText reversed;
    for (std::string_view c : characters) reversed.AppendPart(input.string(), c);
    return interpreter.NewText(std::move(reversed));
  }
  const bool was_generator = input.is_list() && input.list().type == List::Type::kGenerator;
  std::vector<Value> items = Iterate(input, interpreter.heap());
  std::reverse(items.begin(), items.end());
  if (was_generator || input.is_undefined()) return interpreter.heap().MakeList(std::move(items));
  return MakeGenerator(interpreter, std::move(items));
}

Value Items(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("items", arguments, {});
  return MakeGenerator(interpreter, [&](std::vector<Value>& items) {
    if (input.is_undefined()) return;
    if (!input.is_dict()) Fail("Can only get item pairs from a mapping.");
    for (const auto& [key, value] : input.dict().entries()) {
      items.push_back(interpreter.heap().MakeList({key, value}, List::Type::kTuple));
    }
  });
}

Value Join(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("join", arguments, {"d", "attribute"});
  const Str separator = bound.Has(0) ? interpreter.String(bound[0]) : nullptr;
  const AttributePath path(interpreter, bound[1]);
  MarkedText text;
  Reservation reservation(interpreter.budget());
  bool first = true;
  for (const Value& item : Iterate(input, interpreter.heap())) {
    if (!std::exchange(first, false) && separator) text.Append(*separator);
    AppendText(path(item), interpreter.budget(), text);
    reservation.GrowTo(text.bytes());
  }
  return interpreter.NewText(std::move(text));
}

Value Attr(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("attr", arguments, {"name"}, 1);
  const std::string_view name = bound.Text(0, "");
  // Attributes only: a dictionary's entries are none.
  if (input.is_dict() && FindMethod(input, name) == nullptr) {
    return interpreter.heap().MakeUndefined(StrCat("no attribute ", QuoteRepr(name)));
  }
  if (input.is_undefined()) RequireDefined(input);
  return interpreter.GetAttribute(input, name);
}

Value DictSort(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string_view by = bound.Text(1, "key");
  if (by != "key" && by != "value") Fail("You can only sort by either \"key\" or \"value\"");
  RequireDefined(input);
  if (!input.is_dict()) Fail(StrCat("dictsort needs a mapping, not ", TypeName(input)));
  std::vector<std::pair<Value, Value>> pairs;
  for (const auto& [key, value] : input.dict().entries()) {
    pairs.emplace_back(IgnoreCase(interpreter, by == "key" ? key : value, bound.Flag(0, false)),
                       interpreter.heap().MakeList({key, value}, List::Type::kTuple));
  }
  SortByKey(interpreter, pairs, bound.Flag(2, false));
  std::vector<Value> items;
  items.reserve(pairs.size());
  for (auto& [key, pair] : pairs) items.push_back(std::move(pair));
  return interpreter.heap().MakeList(std::move(items));
}

Value Sort(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  std::vector<AttributePath> paths;  // "a,b" sorts by a, then by b
  if (bound[2].is_string()) {
    for (std::string_view part : SplitOn(bound[2].text(), ",", -1, /*from_right=*/false)) {
      paths.emplace_back(interpreter, interpreter.NewText(std::string(part)));
    }
  } else {
    paths.emplace_back(interpreter, bound[2]);
  }
  std::vector<std::pair<Value, Value>> items;
  for (const Value& item : Iterate(input, interpreter.heap())) {
    std::vector<Value> keys;
    keys.reserve(paths.size());
    for (const AttributePath& path : paths) {
      keys.push_back(IgnoreCase(interpreter, path(item), bound.Flag(1, false)));
    }
    items.emplace_back(interpreter.heap().MakeList(std::move(keys)), item);
  }
  SortByKey(interpreter, items, bound.Flag(0, false));
  std::vector<Value> sorted;
  sorted.reserve(items.size());
  for (auto& [key, item] : items) sorted.push_back(std::move(item));
  return interpreter.heap().MakeList(std::move(sorted));
}

Value GroupBy(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const AttributePath path(interpreter, bound[0], bound[1]);
  std::vector<std::pair<Value, Value>> items;
  for (const Value& item : Iterate(input, interpreter.heap())) {
    items.emplace_back(IgnoreCase(interpreter, path(item), bound.Flag(2, false)), item);
  }
  SortByKey(interpreter, items, /*reverse=*/false);
  std::vector<Value> groups;
  for (size_t i = 0; i < items.size();) {
    std::vector<Value> members;
    const Value key = items[i].first;
    for (; i < items.size() && Equal(items[i].first, key, interpreter.budget()); ++i) {
      members.push_back(items[i].second);
    }
    Value grouper = path(members[0]);
    groups.push_back(interpreter.heap().MakeList(
        {std::move(grouper), interpreter.heap().MakeList(std::move(members))}, List::Type::kTuple));
  }
  return interpreter.heap().MakeList(std::move(groups));
}

Value Unique(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("unique", arguments, {"case_sensitive", "attribute"});
  return MakeGenerator(interpreter, [&](std::vector<Value>& items) {
    const AttributePath path(interpreter, bound[1]);
    Dict* seen = interpreter.heap().New<Dict>();
    for (const Value& item : Iterate(input, interpreter.heap())) {
      const Value key = IgnoreCase(interpreter, path(item), bound.Flag(0, false));
      if (seen->Find(key) != nullptr) continue;
      interpreter.heap().Insert(*seen, key, Value());
      items.push_back(item);
    }
  });
}

template <bool kMax>
Value Extreme(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound(kMax ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const AttributePath path(interpreter, bound[1]);
  const std::vector<Value> items = Iterate(input, interpreter.heap());
  if (items.empty()) {
    return interpreter.heap().MakeUndefined("No aggregated item, sequence was empty.");
  }
  const bool case_sensitive = bound.Flag(0, false);
  size_t best = 0;
  Value best_key = IgnoreCase(interpreter, path(items[0]), case_sensitive);
  for (size_t i = 1; i < items.size(); ++i) {
    Value key = IgnoreCase(interpreter, path(items[i]), case_sensitive);
    const bool better = kMax ? Less(best_key, key, ">", interpreter.budget())
                             : Less(key, best_key, "<", interpreter.budget());
    if (!better) continue;
    best = i;
    best_key = std::move(key);
  }
  return items[best];
}

Value Sum(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("sum", arguments, {"attribute", "start"});
  const AttributePath path(interpreter, bound[0]);
  Value total = bound.Has(1) ? bound[1] : Value(int64_t{0});
  if (total.is_string()) Fail("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : Iterate(input, interpreter.heap())) {
    total = interpreter.Add(total, path(item));
  }
  return total;
}

void FillBatch(Interpreter& interpreter, const Value& input, const BoundArguments& bound,
               std::vector<Value>& batches) {
  const int64_t size = bound.Integer(0, 0);
  Heap& heap = interpreter.heap();
  std::vector<Value> batch;
  for (Value& item : Iterate(input, heap)) {
    if (static_cast<int64_t>(batch.size()) == size) {
      batches.push_back(heap.MakeList(std::exchange(batch, {})));
    }
    batch.push_back(std::move(item));
  }
  if (!batch.empty()) {
    if (!bound[1].is_none() && static_cast<int64_t>(batch.size()) < size) {
      CheckSize(interpreter, size, sizeof(Value));
      batch.resize(size, bound[1]);
    }
    batches.push_back(heap.MakeList(std::move(batch)));
  }
}

Value Batch(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("batch", arguments, {"linecount", "fill_with"}, 1);
  return MakeGenerator(interpreter, [&](std::vector<Value>& batches) {
    FillBatch(interpreter, input, bound, batches);
  });
}

void FillSlices(Interpreter& interpreter, const Value& input, const BoundArguments& bound,
                std::vector<Value>& result) {
  const int64_t slices = bound.Integer(0, 0);
  const std::vector<Value> items = Iterate(input, interpreter.heap());
  if (slices == 0) Fail("ZeroDivisionError: integer division or modulo by zero");
  const int64_t count = static_cast<int64_t>(items.size());
  for (int64_t i = 0, start = 0; i < slices; ++i) {
    interpreter.budget().Step();
    const int64_t length = count / slices + (i < count % slices ? 1 : 0);
    std::vector<Value> part(items.begin() + start, items.begin() + start + length);
    if (!bound[1].is_none() && i >= count % slices) part.push_back(bound[1]);
    result.push_back(interpreter.heap().MakeList(std::move(part)));
    start += length;
  }
}

Value SliceFilter(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("slice", arguments, {"slices", "fill_with"}, 1);
  return MakeGenerator(interpreter, [&](std::vector<Value>& result) {
    FillSlices(interpreter, input, bound, result);
  });
}

Value Random(Interpreter&, const Value&, const Arguments&) {
  Fail("the filter 'random' is refused: a chat template has one result");
}

struct NamedFilter {
  std::string_view name;
  Filter filter;
};

constexpr NamedFilter kFilters[] = {
    {"attr", Attr},           {"batch", Batch},   {"count", LengthFilter},
    {"dictsort", DictSort},   {"first", First},   {"groupby", GroupBy},
    {"items", Items},         {"join", Join},     {"last", Last},
    {"length", LengthFilter}, {"list", ToList},   {"max", Extreme<true>},
    {"min", Extreme<false>},  {"random", Random}, {"reverse", Reverse},
    {"slice", SliceFilter},   {"sort", Sort},     {"sum", Sum},
    {"unique", Unique},
};

}  // namespace

Filter FindSequenceFilter(std::string_view name) {
  for (const NamedFilter& entry : kFilters) {
    if (entry.name == name) return entry.filter;
  }
  return FindSelectFilter(name);
}

}  // namespace skep::engine::jinja
