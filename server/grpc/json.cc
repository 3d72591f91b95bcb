#include "server/grpc/json.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error.h"
#include "server/view.h"

namespace skep::server {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;
using nlohmann::ordered_json;

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53

absl::Status Invalid(std::string_view field, std::string_view problem) {
  return engine::MakeError(engine::Reason::kInvalidField,
                           absl::StrCat(View(field), ": ", View(problem)),
                           {.field = std::string(field)});
}

absl::Status TooDeep(std::string_view field) {
  return Invalid(field, absl::StrCat("JSON nested more than ", kMaxJsonDepth, " levels deep"));
}

absl::Status TooWide(std::string_view field) {
  return Invalid(field, absl::StrCat("a JSON object of more than ", kMaxJsonKeys, " keys"));
}

absl::Status Convert(const Value& value, std::string_view field, int depth, ordered_json& out);

absl::Status Convert(const Struct& object, std::string_view field, int depth, ordered_json& out) {
  if (depth > kMaxJsonDepth) return TooDeep(field);
  if (object.fields_size() > kMaxJsonKeys) return TooWide(field);
  out = ordered_json::object();
  std::map<std::string_view, const Value*> sorted;
  for (const auto& [key, value] : object.fields()) sorted.emplace(key, &value);
  for (const auto& [key, value] : sorted) {
    if (absl::Status s = Convert(*value, field, depth + 1, out[std::string(key)]); !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

absl::Status Convert(const Value& value, std::string_view field, int depth, ordered_json& out) {
  if (depth > kMaxJsonDepth) return TooDeep(field);
  switch (value.kind_case()) {
    case Value::kNumberValue: {
      const double number = value.number_value();
      if (!std::isfinite(number)) return Invalid(field, "a number is not finite");
      if (std::trunc(number) == number && std::abs(number) <= kExactIntegers) {
        out = static_cast<int64_t>(number);
      } else {
        out = number;
      }
      return absl::OkStatus();
    }
    case Value::kStringValue:
      out = value.string_value();
      return absl::OkStatus();
    case Value::kBoolValue:
      out = value.bool_value();
      return absl::OkStatus();
    case Value::kStructValue:
      return Convert(value.struct_value(), field, depth, out);
    case Value::kListValue:
      out = ordered_json::array();
      for (const Value& element : value.list_value().values()) {
        out.push_back(nullptr);
        if (absl::Status s = Convert(element, field, depth + 1, out.back()); !s.ok()) return s;
      }
      return absl::OkStatus();
    case Value::kNullValue:
    case Value::KIND_NOT_SET:
      out = nullptr;
      return absl::OkStatus();
  }
  return Invalid(field, "a value of an unknown kind");
}

// Reads a text without keeping it, and gives up where it goes beyond the limits. (A parser's
// callback could tell, too, but looks at all elements so far after each one.)
class LimitChecker final : public nlohmann::json_sax<ordered_json> {
 public:
  bool too_deep() const { return too_deep_; }
  bool too_wide() const { return too_wide_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return Open(); }
  bool key(string_t&) override {
    too_wide_ = ++keys_.back() > kMaxJsonKeys;
    return !too_wide_;
  }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool Open() {
    keys_.push_back(0);
    too_deep_ = keys_.size() > kMaxJsonDepth;
    return !too_deep_;
  }
  bool Close() {
    keys_.pop_back();
    return true;
  }

  std::vector<int> keys_;  // of the objects and arrays that are open
  bool too_deep_ = false;
  bool too_wide_ = false;
};

absl::StatusOr<ordered_json> Parse(const std::string& text, std::string_view field) {
  LimitChecker limits;
  const bool valid = ordered_json::sax_parse(text, &limits);
  if (limits.too_deep()) return TooDeep(field);
  if (limits.too_wide()) return TooWide(field);
  ordered_json parsed;
  if (valid) parsed = ordered_json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Invalid(field, "must be the text of a JSON object");
  return parsed;
}

}  // namespace

absl::StatusOr<ordered_json> ToJson(const v1::JsonObject& object, std::string_view field) {
  switch (object.form_case()) {
    case v1::JsonObject::kText:
      return Parse(object.text(), absl::StrCat(View(field), ".text"));
    case v1::JsonObject::kValue: {
      ordered_json out;
      absl::Status status = Convert(object.value(), absl::StrCat(View(field), ".value"), 1, out);
      if (!status.ok()) return status;
      return out;
    }
    case v1::JsonObject::FORM_NOT_SET:
      return Invalid(field, "needs `value` or `text`");
  }
  return Invalid(field, "needs `value` or `text`");
}

}  // namespace skep::server
