// The values of a template: Python's, as far as a template can see them.
//
// Strings are shared and immutable. Lists, dictionaries and objects belong to the Heap of their
// render and die with it, so that cycles (a namespace that holds itself) need no care.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_VALUE_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_VALUE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "engine/chat_template/error.h"
#include "engine/chat_template/marked_text.h"
#include "nlohmann/json.hpp"

namespace skep::engine::jinja {

// A string: UTF-8. `markup` marks what the escape and safe filters return.
struct StringData final {
  StringData(std::string text, Marks marks, bool markup, Budget* budget);
  ~StringData();
  StringData(const StringData&) = delete;
  StringData& operator=(const StringData&) = delete;

  // What it takes, beyond this object.
  int64_t bytes() const { return static_cast<int64_t>(text.size() + marks.bytes()); }

  std::string text;
  Marks marks;  // which bytes are the user's
  bool ascii;   // so that bytes are characters
  bool markup;
  Budget* budget;  // gets the memory back; null for a constant of the program
};
using Str = std::shared_ptr<const StringData>;

// A thing that a Heap owns.
struct Cell {
  virtual ~Cell() = default;
};

struct Undefined final : Cell {
  explicit Undefined(std::string why) : text(std::move(why)) {}
  // `name` is no attribute of `type`; of no type: no variable.
  Undefined(std::string_view of, std::string_view name) : text(name), type(of), missing(true) {}
  // What to say when it is used as if it had a value.
  std::string message() const;

  std::string text;
  std::string_view type = {};
  bool missing = false;
};

struct List;
struct Dict;
struct Object;

class Value final {
 public:
  struct None {};

  Value() = default;  // None
  explicit Value(bool value) : data_(value) {}
  explicit Value(int64_t value) : data_(value) {}
  explicit Value(double value) : data_(value) {}
  explicit Value(Str value) : data_(std::move(value)) {}
  explicit Value(List* value) : data_(value) {}
  explicit Value(Dict* value) : data_(value) {}
  explicit Value(Object* value) : data_(value) {}
  explicit Value(const Undefined* value) : data_(value) {}

  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_undefined() const { return std::holds_alternative<const Undefined*>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<int64_t>(data_); }
  bool is_float() const { return std::holds_alternative<double>(data_); }
  bool is_string() const { return std::holds_alternative<Str>(data_); }
  bool is_list() const { return std::holds_alternative<List*>(data_); }
  bool is_dict() const { return std::holds_alternative<Dict*>(data_); }
  bool is_object() const { return std::holds_alternative<Object*>(data_); }
  bool is_integral() const { return is_int() || is_bool(); }  // Python: bool is an int
  bool is_number() const { return is_integral() || is_float(); }

  // Each for its own kind only; integer() and number() for bool too.
  bool boolean() const { return std::get<bool>(data_); }
  int64_t integer() const { return is_bool() ? boolean() : std::get<int64_t>(data_); }
  double number() const {
    return is_float() ? std::get<double>(data_) : static_cast<double>(integer());
  }
  const StringData& string() const { return *std::get<Str>(data_); }
  const Str& shared_string() const { return std::get<Str>(data_); }
  const std::string& text() const { return string().text; }
  List& list() const { return *std::get<List*>(data_); }
  Dict& dict() const { return *std::get<Dict*>(data_); }
  Object& object() const { return *std::get<Object*>(data_); }
  const Undefined& undefined() const { return *std::get<const Undefined*>(data_); }

  // Python's `is`.
  bool SameAs(const Value& other) const;

 private:
  std::variant<None, const Undefined*, bool, int64_t, double, Str, List*, Dict*, Object*> data_;
};

// list, tuple, range, the views of a dictionary, and generators (which are read once).
struct List final : Cell {
  enum class Type { kList, kTuple, kRange, kItems, kKeys, kValues, kGenerator };

  explicit List(Type of) : type(of) {}
  // Has len() and can be indexed.
  bool is_sequence() const {
    return type == Type::kList || type == Type::kTuple || type == Type::kRange;
  }

  Type type;
  std::vector<Value> items;
  size_t next = 0;          // a generator's first item that is still to come
  std::string description;  // of a range: "range(0, 3)"
  std::string failure;      // of a generator: what it fails with behind the last item
};

// A dictionary in the order of insertion. Keys are hashable values.
struct Dict final : Cell {
  struct Entry {
    Value key;
    Value value;
  };
  const Value* Find(const Value& key) const;
  const Value* Find(std::string_view key) const;
  void Set(Value key, Value value);
  // Without a look whether the key is new.
  void Append(Value key, Value value);
  void Reserve(size_t count) { entries_.reserve(count); }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  static constexpr size_t kLinear = 8;  // up to here a search compares them all

  Value* Locate(const Value& key);

  std::vector<Entry> entries_;
  std::unordered_multimap<size_t, uint32_t> index_;  // hash -> place; empty while few
};

class Interpreter;

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Functions, macros, namespaces, loops: what is neither data nor undefined.
struct Object : Cell {
  virtual std::string_view type_name() const = 0;
  virtual MarkedText Repr(Budget& budget) const = 0;
  virtual bool callable() const { return false; }
  virtual Value Call(Interpreter& interpreter, const Arguments& arguments);
  // The attribute, or null if there is none of that name.
  virtual const Value* Attribute(Interpreter& interpreter, std::string_view name);
  virtual bool has_length() const { return false; }
};

// Owns all that one render makes.
class Heap final {
 public:
  explicit Heap(Budget& budget) : budget_(budget) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  Budget& budget() { return budget_; }

  template <typename T, typename... Args>
  T* New(Args&&... args) {
    budget_.Allocate(sizeof(T) + 3 * sizeof(void*));
    cells_.push_back(std::make_unique<T>(std::forward<Args>(args)...));
    return static_cast<T*>(cells_.back().get());
  }
  // Of the template's own making.
  Value Text(std::string text, bool markup = false);
  Value Text(MarkedText text, bool markup = false);
  // A part of `string`, which `part` is a view into.
  Value Part(const StringData& string, std::string_view part);
  Value MakeList(std::vector<Value> items, List::Type type = List::Type::kList);
  Value MakeUndefined(std::string message) { return Value(New<Undefined>(std::move(message))); }
  // `type` lives on: a literal. Most of these are only tested for.
  Value MakeMissing(std::string_view type, std::string_view name) {
    return Value(New<Undefined>(type, name));
  }
  void Insert(Dict& dict, Value key, Value value);
  // What the template is given: all strings in it are the user's.
  Value FromJson(const nlohmann::ordered_json& json);
  Value UserText(std::string text);

 private:
  Budget& budget_;
  std::vector<std::unique_ptr<Cell>> cells_;
};

bool Truthy(const Value& value);
std::string_view TypeName(const List& list);
std::string_view TypeName(const Value& value);  // Python's: "int", "str", ...
size_t Hash(const Value& value);                // Fails for what is unhashable.
bool Equal(const Value& a, const Value& b, Budget& budget);
bool Less(const Value& a, const Value& b, std::string_view op, Budget& budget);  // a < b
bool Contains(const Value& container, const Value& item, Budget& budget);  // item in container
void AppendText(const Value& value, Budget& budget, MarkedText& out);      // str()
MarkedText Repr(const Value& value, Budget& budget);
// Whether any of a string is the user's.
inline bool IsMarked(const Value& value) {
  return value.is_string() && !value.string().marks.none();
}
int64_t Length(const Value& value);  // len(); fails where Python does
bool IsIterable(const Value& value);
// What a for loop sees; uses a generator up.
std::vector<Value> Iterate(const Value& value, Heap& heap);
// The message for an undefined value that is used, else nothing.
void RequireDefined(const Value& value);

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_VALUE_H_
