// Calls as JSON: {"name": "f", "arguments": {...}}, one after the other or in an array.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "engine/output_format/call_parser.h"
#include "engine/output_format/json_scanner.h"

namespace skep::engine::output {
namespace {

constexpr size_t kMaxName = 256;  // bytes

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

class JsonCallParser final : public CallParser {
 public:
  JsonCallParser(const CallSyntax& syntax, bool bare, CallSink& sink)
      : spec_(syntax.spec), bare_(bare), sink_(sink) {}

  Step Push(char c) override {
    if (state_ == State::kObject) return InObject(c);
    return state_ == State::kStart ? BeforeFirst(c) : Between(c);
  }
  size_t unread() const override { return unread_; }
  bool between_calls() const override { return state_ == State::kBetween; }

 private:
  enum class State { kStart, kObject, kBetween };
  enum class Field { kOther, kName, kArguments, kId };

  Step Fail(size_t unread = 1) {
    unread_ = unread;
    return Step::kFailed;
  }

  Step BeforeFirst(char c) {
    if (IsSpace(c)) return Step::kMore;
    if (c == '[' && !in_array_) {
      in_array_ = true;
      return Step::kMore;
    }
    return c == '{' ? BeginObject() : Fail();
  }

  Step BeginObject() {
    state_ = State::kObject;
    scanner_ = JsonScanner();
    scanner_.Push('{');
    name_.clear();
    id_.clear();
    arguments_.clear();
    has_arguments_ = in_value_ = streaming_ = begun_ = false;
    return Step::kMore;
  }

  Step InObject(char c) {
    const bool in_key = scanner_.in_key() && scanner_.in_string();
    const bool value_begins = scanner_.depth() == 1 && scanner_.awaits_value() && !IsSpace(c);
    const JsonScanner::Step step = scanner_.Push(c);
    if (step == JsonScanner::Step::kError) return Fail();
    if (scanner_.depth() == 1 && in_key) {
      if (c != '"' || scanner_.in_string()) {
        key_ += c;
      } else if (!EndKey()) {
        return Fail();
      }
    }
    if (value_begins && !BeginValue(c)) return Fail();
    if (in_value_) {
      const bool over = scanner_.depth() == 0 || (scanner_.depth() == 1 && scanner_.awaits_key());
      if (over ? !EndValue() : !AddToValue()) return Fail();
    }
    return step == JsonScanner::Step::kDone ? EndObject() : Step::kMore;
  }

  bool EndKey() {
    const std::string key = std::exchange(key_, std::string());
    if (spec_.name_is_key) {
      if (begun_ || !sink_.Accepts(key)) return false;
      field_ = Field::kArguments;
      name_ = key;
      Begin();
      return true;
    }
    if (key == "name" || key == "tool_name") {
      field_ = Field::kName;
    } else if (key == "arguments" || key == "parameters") {
      field_ = Field::kArguments;
    } else if (key == "id" || key == "tool_call_id") {
      field_ = Field::kId;
    } else {
      field_ = Field::kOther;
      // An answer that is JSON, but not a call.
      if (bare_ && key != "type") return false;
    }
    // A second name or a second set of arguments.
    return !(field_ == Field::kName && begun_) && !(field_ == Field::kArguments && has_arguments_);
  }

  bool BeginValue(char c) {
    in_value_ = true;
    value_.clear();
    if (field_ == Field::kArguments) {
      if (c != '{' && c != '"' && c != 'n') return false;
      has_arguments_ = true;
      streaming_ = begun_ && c == '{';
    }
    return true;
  }

  bool AddToValue() {
    if (streaming_) {
      if (!scanner_.after_value() || scanner_.depth() > 1) {
        sink_.Arguments(scanner_.written());
      } else if (scanner_.written() == "}") {
        sink_.Arguments("}");
        streaming_ = in_value_ = false;
      }
      return true;
    }
    value_ += scanner_.written();
    return field_ != Field::kName || value_.size() <= kMaxName;
  }

  bool EndValue() {
    in_value_ = false;
    switch (field_) {
      case Field::kName:
        if (!StringValue(name_) || name_.empty() || !sink_.Accepts(name_)) return false;
        Begin();
        return true;
      case Field::kArguments:
        if (!ReadArguments()) return false;
        if (begun_) sink_.Arguments(arguments_);
        return true;
      case Field::kId:
        if (!StringValue(id_)) id_ = std::string(Trim(value_));
        return true;
      case Field::kOther:
        return true;
    }
    return true;
  }

  // Arguments are an object, or that object's text in a string, or nothing.
  bool ReadArguments() {
    std::string text = std::string(Trim(value_));
    if (StringValue(text) && Trim(text).empty()) text = "{}";
    if (text == "null") text = "{}";
    arguments_.clear();
    return ReadJson(text, arguments_) == '{';
  }

  // `value_` as the string that it is.
  bool StringValue(std::string& out) const {
    const auto value = nlohmann::json::parse(value_, /*cb=*/nullptr, /*allow_exceptions=*/false);
    if (!value.is_string()) return false;
    out = value.get<std::string>();
    return true;
  }

  void Begin() {
    begun_ = true;
    sink_.Begin(name_, id_);
    if (!arguments_.empty()) sink_.Arguments(arguments_);
  }

  Step EndObject() {
    if (!begun_ || (bare_ && !has_arguments_)) return Fail(/*unread=*/0);
    if (!has_arguments_) sink_.Arguments("{}");
    sink_.End();
    state_ = State::kBetween;
    return Step::kMore;
  }

  Step Between(char c) {
    if (closing_.read() == 0) {
      if (IsSpace(c) || c == ',' || c == ';') return Step::kMore;
      if (c == '{') return BeginObject();
      if (c == ']' && in_array_) {
        in_array_ = false;
        sink_.Passed();
        return spec_.close.empty() ? Step::kDone : Step::kMore;
      }
    }
    const Step step = closing_.Push(c);
    return step == Step::kFailed ? Fail(closing_.read()) : step;
  }

  const CallSpec& spec_;
  const bool bare_;
  CallSink& sink_;
  State state_ = State::kStart;
  size_t unread_ = 0;
  bool in_array_ = false;
  ClosingMarker closing_{spec_.close};

  // Of the present object.
  JsonScanner scanner_;
  std::string key_;
  std::string value_;
  Field field_ = Field::kOther;
  std::string name_, id_;
  std::string arguments_;  // that came before the name
  bool has_arguments_ = false;
  bool in_value_ = false;
  bool streaming_ = false;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<CallParser> MakeJsonCallParser(const CallSyntax& syntax, bool bare,
                                               CallSink& sink) {
  return std::make_unique<JsonCallParser>(syntax, bare, sink);
}

}  // namespace skep::engine::output
