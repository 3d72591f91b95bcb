#include "engine/chat_template/value.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

// What a string costs beyond its bytes.
constexpr int64_t kStringOverhead = 64;

constexpr std::string_view kListTypes[] = {"list",      "tuple",       "range",    "dict_items",
                                           "dict_keys", "dict_values", "generator"};

}  // namespace

StringData::StringData(std::string value, Marks which, bool is_markup, Budget* pays)
    : text(std::move(value)),
      marks(std::move(which)),
      ascii(IsAscii(text)),
      markup(is_markup),
      budget(nullptr) {
  if (pays == nullptr) return;
  pays->Allocate(bytes() + kStringOverhead);
  budget = pays;
}

StringData::~StringData() {
  if (!budget) return;
  budget->Release(bytes() + kStringOverhead);
}

std::string Undefined::message() const {
  if (!missing) return text;
  if (type.empty()) return StrCat(QuoteRepr(text), " is undefined");
  return StrCat("'", type, " object' has no attribute ", QuoteRepr(text));
}

bool Value::SameAs(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_none()) return true;
  if (is_string()) return &string() == &other.string() || text() == other.text();
  if (is_bool() || is_int()) return integer() == other.integer();
  if (is_float()) return number() == other.number();
  if (is_list()) return &list() == &other.list();
  if (is_dict()) return &dict() == &other.dict();
  if (is_object()) return &object() == &other.object();
  return &undefined() == &other.undefined();
}

const Value* Dict::Find(std::string_view key) const {
  if (index_.empty()) {
    for (const Entry& entry : entries_) {
      if (entry.key.is_string() && entry.key.text() == key) return &entry.value;
    }
    return nullptr;
  }
  const auto [begin, end] = index_.equal_range(absl::HashOf(key));
  for (auto it = begin; it != end; ++it) {
    const Entry& entry = entries_[it->second];
    if (entry.key.is_string() && entry.key.text() == key) return &entry.value;
  }
  return nullptr;
}

Value* Dict::Locate(const Value& key) {
  if (key.is_string() && index_.empty()) {
    for (Entry& entry : entries_) {
      if (entry.key.is_string() && entry.key.text() == key.text()) return &entry.value;
    }
    return nullptr;
  }
  const size_t hash = Hash(key);
  Budget unlimited(1 << 20, 0, 0, 64);  // keys are scalars and tuples
  if (index_.empty()) {
    for (Entry& entry : entries_) {
      if (Equal(entry.key, key, unlimited)) return &entry.value;
    }
    return nullptr;
  }
  const auto [begin, end] = index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (Equal(entries_[it->second].key, key, unlimited)) return &entries_[it->second].value;
  }
  return nullptr;
}

const Value* Dict::Find(const Value& key) const {
  if (key.is_string()) return Find(std::string_view(key.text()));
  return const_cast<Dict*>(this)->Locate(key);
}

void Dict::Set(Value key, Value value) {
  if (Value* old = Locate(key)) {
    *old = std::move(value);
    return;
  }
  Append(std::move(key), std::move(value));
}

void Dict::Append(Value key, Value value) {
  entries_.push_back({std::move(key), std::move(value)});
  if (entries_.size() <= kLinear) return;
  const size_t first = index_.empty() ? 0 : entries_.size() - 1;
  for (size_t i = first; i < entries_.size(); ++i) {
    index_.emplace(Hash(entries_[i].key), static_cast<uint32_t>(i));
  }
}

Value Object::Call(Interpreter&, const Arguments&) {
  Fail(StrCat("'", type_name(), "' object is not callable"));
}

const Value* Object::Attribute(Interpreter&, std::string_view) { return nullptr; }

Value Heap::Text(std::string text, bool markup) {
  return Value(std::make_shared<const StringData>(std::move(text), Marks(), markup, &budget_));
}

Value Heap::Text(MarkedText text, bool markup) {
  Marks marks = text.TakeMarks();
  return Value(
      std::make_shared<const StringData>(std::move(text.text), std::move(marks), markup, &budget_));
}

Value Heap::Part(const StringData& string, std::string_view part) {
  if (string.marks.none()) return Text(std::string(part), string.markup);
  MarkedText text;
  text.AppendPart(string, part);
  return Text(std::move(text), string.markup);
}

Value Heap::UserText(std::string text) {
  const Marks marks = text.empty() ? Marks() : Marks::All();
  return Value(std::make_shared<const StringData>(std::move(text), marks, false, &budget_));
}

Value Heap::MakeList(std::vector<Value> items, List::Type type) {
  List* list = New<List>(type);
  budget_.Allocate(static_cast<int64_t>(items.size() * sizeof(Value)));
  list->items = std::move(items);
  return Value(list);
}

void Heap::Insert(Dict& dict, Value key, Value value) {
  budget_.Allocate(sizeof(Dict::Entry));
  dict.Set(std::move(key), std::move(value));
}

Value Heap::FromJson(const nlohmann::ordered_json& json) {
  DepthGuard guard(budget_);
  switch (json.type()) {
    case nlohmann::ordered_json::value_t::null:
      return Value();
    case nlohmann::ordered_json::value_t::boolean:
      return Value(json.get<bool>());
    case nlohmann::ordered_json::value_t::number_integer:
      return Value(json.get<int64_t>());
    case nlohmann::ordered_json::value_t::number_unsigned: {
      const uint64_t number = json.get<uint64_t>();
      if (number >> 63) return Value(static_cast<double>(number));
      return Value(static_cast<int64_t>(number));
    }
    case nlohmann::ordered_json::value_t::number_float:
      return Value(json.get<double>());
    case nlohmann::ordered_json::value_t::string:
      return UserText(json.get_ref<const std::string&>());
    case nlohmann::ordered_json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(FromJson(item));
      return MakeList(std::move(items));
    }
    case nlohmann::ordered_json::value_t::object: {
      Dict* dict = New<Dict>();
      dict->Reserve(json.size());
      for (const auto& [key, item] : json.items()) {
        budget_.Allocate(sizeof(Dict::Entry));
        dict->Append(UserText(key), FromJson(item));
      }
      return Value(dict);
    }
    default:
      Fail("an argument holds binary data, which JSON has none of");
  }
}

void RequireDefined(const Value& value) {
  if (value.is_undefined()) Fail(value.undefined().message());
}

bool Truthy(const Value& value) {
  if (value.is_none() || value.is_undefined()) return false;
  if (value.is_integral()) return value.integer() != 0;
  if (value.is_float()) return value.number() != 0;
  if (value.is_string()) return !value.text().empty();
  if (value.is_list()) {
    return value.list().type == List::Type::kGenerator || !value.list().items.empty();
  }
  if (value.is_dict()) return !value.dict().entries().empty();
  return true;
}

std::string_view TypeName(const List& list) { return kListTypes[static_cast<int>(list.type)]; }

std::string_view TypeName(const Value& value) {
  if (value.is_none()) return "NoneType";
  if (value.is_undefined()) return "Undefined";
  if (value.is_bool()) return "bool";
  if (value.is_int()) return "int";
  if (value.is_float()) return "float";
  if (value.is_string()) return "str";
  if (value.is_list()) return TypeName(value.list());
  if (value.is_dict()) return "dict";
  return value.object().type_name();
}

size_t Hash(const Value& value) {
  if (value.is_string()) return absl::HashOf(std::string_view(value.text()));
  if (value.is_none() || value.is_undefined()) return absl::HashOf(TypeName(value));
  if (value.is_integral()) return absl::HashOf(static_cast<double>(value.integer()));
  if (value.is_float()) return absl::HashOf(value.number());
  if (value.is_object()) return absl::HashOf(&value.object());
  if (value.is_list() && value.list().type == List::Type::kTuple) {
    size_t hash = 0;
    for (const Value& item : value.list().items) hash = absl::HashOf(hash, Hash(item));
    return hash;
  }
  Fail(StrCat("unhashable type: '", TypeName(value), "'"));
}

bool Equal(const Value& a, const Value& b, Budget& budget) {
  budget.Step();
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b) == 0;
  if (a.is_string() && b.is_string()) return a.text() == b.text();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_list() && b.is_list()) {
    if (&a.list() == &b.list()) return true;
    if (a.list().type != b.list().type || a.list().items.size() != b.list().items.size()) {
      return false;
    }
    if (!a.list().is_sequence() && a.list().type != List::Type::kKeys) return false;
    DepthGuard guard(budget);
    for (size_t i = 0; i < a.list().items.size(); ++i) {
      if (!Equal(a.list().items[i], b.list().items[i], budget)) return false;
    }
    return true;
  }
  if (a.is_dict() && b.is_dict()) {
    if (a.dict().entries().size() != b.dict().entries().size()) return false;
    DepthGuard guard(budget);
    for (const auto& [key, value] : a.dict().entries()) {
      const Value* other = b.dict().Find(key);
      if (other == nullptr || !Equal(value, *other, budget)) return false;
    }
    return true;
  }
  return a.is_object() && b.is_object() && &a.object() == &b.object();
}

bool Less(const Value& a, const Value& b, std::string_view op, Budget& budget) {
  budget.Step();
  RequireDefined(a);
  RequireDefined(b);
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b) == -1;
  // UTF-8 sorts as its characters do.
  if (a.is_string() && b.is_string()) return a.text() < b.text();
  if (a.is_list() && b.is_list() && a.list().type == b.list().type &&
      (a.list().type == List::Type::kList || a.list().type == List::Type::kTuple)) {
    DepthGuard guard(budget);
    const auto& left = a.list().items;
    const auto& right = b.list().items;
    for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
      if (!Equal(left[i], right[i], budget)) return Less(left[i], right[i], op, budget);
    }
    return left.size() < right.size();
  }
  Fail(StrCat("'", op, "' not supported between instances of '", TypeName(a), "' and '",
              TypeName(b), "'"));
}

bool Contains(const Value& container, const Value& item, Budget& budget) {
  if (container.is_undefined()) return false;
  if (container.is_string()) {
    if (!item.is_string()) {
      Fail(StrCat("'in <string>' requires string as left operand, not ", TypeName(item)));
    }
    budget.Step(static_cast<int64_t>(container.text().size()) / 64);
    return container.text().find(item.text()) != std::string::npos;
  }
  if (container.is_dict()) return container.dict().Find(item) != nullptr;
  if (container.is_list()) {
    List& list = container.list();
    if (list.type == List::Type::kKeys) Hash(item);  // fails for what cannot be a key
    size_t i = list.next;
    const bool generator = list.type == List::Type::kGenerator;
    for (; i < list.items.size(); ++i) {
      const bool found = Equal(list.items[i], item, budget);
      if (generator) list.next = i + 1;
      if (found) return true;
    }
    if (generator && !list.failure.empty()) Fail(list.failure);
    return false;
  }
  Fail(StrCat("argument of type '", TypeName(container), "' is not iterable"));
}

int64_t Length(const Value& value) {
  if (value.is_string()) {
    return value.string().ascii ? static_cast<int64_t>(value.text().size())
                                : CountCharacters(value.text());
  }
  if (value.is_undefined()) return 0;
  if (value.is_dict()) return static_cast<int64_t>(value.dict().entries().size());
  if (value.is_list() && value.list().type != List::Type::kGenerator) {
    return static_cast<int64_t>(value.list().items.size());
  }
  Fail(StrCat("object of type '", TypeName(value), "' has no len()"));
}

bool IsIterable(const Value& value) {
  return value.is_string() || value.is_list() || value.is_dict() || value.is_undefined();
}

std::vector<Value> Iterate(const Value& value, Heap& heap) {
  std::vector<Value> items;
  if (value.is_list()) {
    List& list = value.list();
    heap.budget().Step(static_cast<int64_t>(list.items.size()));
    if (list.type != List::Type::kGenerator) return list.items;
    items.assign(list.items.begin() + static_cast<int64_t>(list.next), list.items.end());
    list.next = list.items.size();
    if (!list.failure.empty()) Fail(list.failure);
    return items;
  }
  if (value.is_dict()) {
    heap.budget().Step(static_cast<int64_t>(value.dict().entries().size()));
    for (const auto& entry : value.dict().entries()) items.push_back(entry.key);
    return items;
  }
  if (value.is_string()) {
    const std::string& text = value.text();
    for (size_t i = 0, bytes = 0; i < text.size(); i += bytes) {
      heap.budget().Step();
      bytes = CharacterBytes(text, i);
      MarkedText character;  // no markup, even of what is
      character.AppendPart(value.string(), std::string_view(text).substr(i, bytes));
      items.push_back(heap.Text(std::move(character)));
    }
    return items;
  }
  if (value.is_undefined()) return items;
  Fail(StrCat("'", TypeName(value), "' object is not iterable"));
}

}  // namespace skep::engine::jinja
