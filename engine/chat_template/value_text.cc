// Values as Python's str() and repr() write them.
#include "engine/chat_template/number.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"
#include "engine/chat_template/value.h"

namespace skep::engine::jinja {
namespace {

void AppendRepr(const Value& value, Budget& budget, MarkedText& out);

void AppendItems(const std::vector<Value>& items, Budget& budget, MarkedText& out) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.Append(", ");
    AppendRepr(items[i], budget, out);
  }
}

void AppendList(const List& list, Budget& budget, MarkedText& out) {
  switch (list.type) {
    case List::Type::kRange:
      out.Append(list.description);
      return;
    case List::Type::kGenerator:
      out.Append("<generator object>");
      return;
    case List::Type::kTuple:
      out.Append("(");
      AppendItems(list.items, budget, out);
      out.Append(list.items.size() == 1 ? ",)" : ")");
      return;
    case List::Type::kList:
      out.Append("[");
      AppendItems(list.items, budget, out);
      out.Append("]");
      return;
    default:
      out.Append(TypeName(list));
      out.Append("([");
      AppendItems(list.items, budget, out);
      out.Append("])");
  }
}

void AppendRepr(const Value& value, Budget& budget, MarkedText& out) {
  budget.Step();
  DepthGuard guard(budget);
  const size_t before = out.text.size();
  if (value.is_string()) {
    if (value.string().markup) out.Append("Markup(");
    out.Append(QuoteRepr(value.text()), IsMarked(value));
    if (value.string().markup) out.Append(")");
  } else if (value.is_list()) {
    AppendList(value.list(), budget, out);
  } else if (value.is_dict()) {
    out.Append("{");
    bool first = true;
    for (const auto& [key, item] : value.dict().entries()) {
      if (!first) out.Append(", ");
      first = false;
      AppendRepr(key, budget, out);
      out.Append(": ");
      AppendRepr(item, budget, out);
    }
    out.Append("}");
  } else if (value.is_undefined()) {
    out.Append("Undefined");
  } else {
    AppendText(value, budget, out);
  }
  // Containers count their contents again, at every level: an upper bound of the work.
  const int64_t added = static_cast<int64_t>(out.text.size() - before);
  budget.Step(added / 64);
  budget.Allocate(added);
  budget.Release(added);
}

}  // namespace

MarkedText Repr(const Value& value, Budget& budget) {
  MarkedText out;
  AppendRepr(value, budget, out);
  return out;
}

void AppendText(const Value& value, Budget& budget, MarkedText& out) {
  if (value.is_string()) return out.Append(value.string());
  if (value.is_none()) return out.Append("None");
  if (value.is_undefined()) return;
  if (value.is_bool()) return out.Append(value.boolean() ? "True" : "False");
  if (value.is_int()) return out.Append(StrCat(value.integer()));
  if (value.is_float()) return out.Append(FloatRepr(value.number()));
  if (value.is_object()) return out.Append(value.object().Repr(budget));
  AppendRepr(value, budget, out);
}

}  // namespace skep::engine::jinja
