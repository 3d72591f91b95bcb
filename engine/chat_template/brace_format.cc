// format.format(*arguments).
#include <algorithm>

#include "engine/chat_template/format_style.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/string_format.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

FormatStyle ParseSpec(std::string_view spec) {
  FormatStyle style;
  size_t i = 0;
  const auto is_align = [&](size_t at) {
    return at < spec.size() && StrContains("<>^=", spec[at]);
  };
  const size_t first = spec.empty() ? 0 : CharacterBytes(spec, 0);
  if (first > 0 && is_align(first)) {
    style.fill = std::string(spec.substr(0, first));
    style.align = spec[first];
    i = first + 1;
  } else if (is_align(0)) {
    style.align = spec[0];
    i = 1;
  }
  if (i < spec.size() && StrContains("+- ", spec[i])) style.sign = spec[i++];
  if (i < spec.size() && spec[i] == '#') style.alternate = true, ++i;
  if (i < spec.size() && spec[i] == '0' && !style.align) {
    style.align = '=';
    style.fill = "0";
    ++i;
  }
  style.width = TakeNumber(spec, &i).value_or(0);
  if (i < spec.size() && spec[i] == ',') style.comma = true, ++i;
  if (i < spec.size() && spec[i] == '.') {
    ++i;
    style.precision = TakeNumber(spec, &i);
    if (!style.precision) Fail("Format specifier missing precision");
  }
  if (i < spec.size()) style.type = spec[i++];
  if (i < spec.size()) Fail(StrCat("Invalid format specifier ", QuoteRepr(spec)));
  return style;
}

MarkedText FormatWithSpec(Interpreter& interpreter, const Value& value, std::string_view spec) {
  if (spec.empty()) {
    MarkedText text;
    AppendText(value, interpreter.budget(), text);
    return text;
  }
  FormatStyle style = ParseSpec(spec);
  const auto unknown = [&] {
    Fail(StrCat("Unknown format code '", std::string(1, style.type), "' for object of type '",
                TypeName(value), "'"));
  };
  if (value.is_string()) {
    if (style.type != '\0' && style.type != 's') unknown();
    if (style.align == '=') {
      if (style.fill != "0") Fail("'=' alignment not allowed in string format specifier");
      style.align = '<';
    }
    return FormatText(interpreter, style, value.string());
  }
  if (!value.is_number()) {
    Fail(StrCat("unsupported format string passed to ", TypeName(value), ".__format__"));
  }
  const bool float_type = style.type != '\0' && StrContains("eEfFgG%", style.type);
  if (value.is_float() || float_type) {
    if (style.type != '\0' && !float_type) unknown();
    return MarkedText(FormatFloat(interpreter, style, value.number()));
  }
  if (style.type != '\0' && !StrContains("dxXobn", style.type)) unknown();
  if (style.precision) Fail("Precision not allowed in integer format specifier");
  return MarkedText(FormatInteger(interpreter, style, value.integer()));
}

// The fields of str.format: {}, {0}, {name}, {0.attribute}, {name[key]}, with !r and :spec.
class BraceFormatter final {
 public:
  BraceFormatter(Interpreter& interpreter, const Arguments& arguments)
      : interpreter_(interpreter), arguments_(arguments) {}

  // `format` is a view into `data`.
  MarkedText Run(const StringData& data, std::string_view format, int depth) {
    if (depth > 2) Fail("Max string recursion exceeded");
    MarkedText out;
    for (size_t i = 0; i < format.size(); ++i) {
      const char c = format[i];
      if (c != '{' && c != '}') {
        const size_t end = std::min(format.find_first_of("{}", i), format.size());
        out.AppendPart(data, format.substr(i, end - i));
        i = end - 1;
      } else if (i + 1 < format.size() && format[i + 1] == c) {
        out.AppendPart(data, format.substr(i, 1));
        ++i;
      } else if (c == '}') {
        Fail("Single '}' encountered in format string");
      } else {
        const size_t end = FieldEnd(format, i), begin = out.text.size();
        out.Append(Field(data, format.substr(i + 1, end - i - 1), depth));
        if (!data.marks.none()) out.MarkFrom(begin);
        i = end;
      }
    }
    return out;
  }

 private:
  static size_t FieldEnd(std::string_view format, size_t open) {
    int level = 0;
    for (size_t i = open; i < format.size(); ++i) {
      if (format[i] == '{') ++level;
      if (format[i] == '}' && --level == 0) return i;
    }
    Fail("expected '}' before end of string");
  }

  MarkedText Field(const StringData& data, std::string_view field, int depth) {
    const size_t name_end = std::min(field.find_first_of("!:"), field.size());
    std::string_view rest = field.substr(name_end);
    Value value = Lookup(field.substr(0, name_end));
    if (!rest.empty() && rest[0] == '!') {
      const char conversion = rest.size() > 1 ? rest[1] : '\0';
      if (conversion == 'r') {
        value = interpreter_.NewText(Repr(value, interpreter_.budget()));
      } else if (conversion == 'a') {
        const Value repr = interpreter_.NewText(Repr(value, interpreter_.budget()));
        value = interpreter_.NewText(ConvertText(repr.string(), Ascii));
      } else if (conversion == 's') {
        value = Value(interpreter_.String(value));
      } else {
        Fail("Unknown conversion specifier");
      }
      rest = rest.substr(2);
    }
    if (!rest.empty() && rest[0] != ':') Fail("expected ':' after conversion specifier");
    if (rest.empty()) return FormatWithSpec(interpreter_, value, "");
    const MarkedText spec = Run(data, rest.substr(1), depth + 1);
    MarkedText text = FormatWithSpec(interpreter_, value, spec.text);
    if (!spec.spans.empty()) text.MarkFrom(0);
    return text;
  }

  Value Lookup(std::string_view name) {
    size_t i = std::min(name.find_first_of(".["), name.size());
    Value value = First(name.substr(0, i));
    while (i < name.size()) {
      if (name[i] == '.') {
        const size_t end = std::min(name.find_first_of(".[", i + 1), name.size());
        value = interpreter_.GetAttribute(value, name.substr(i + 1, end - i - 1));
        i = end;
      } else {
        const size_t end = name.find(']', i);
        if (name[i] != '[' || end == std::string_view::npos) Fail("Missing ']' in format string");
        const std::string_view key = name.substr(i + 1, end - i - 1);
        int64_t index = 0;
        const bool number = SimpleAtoi(key, &index) && key[0] != '-';
        value = interpreter_.GetItem(
            value, number ? Value(index) : interpreter_.NewText(std::string(key)));
        i = end + 1;
      }
    }
    return value;
  }

  const Value& First(std::string_view name) {
    int64_t index = 0;
    if (name.empty()) {
      index = automatic_++;
    } else if (!SimpleAtoi(name, &index) || name[0] == '-') {
      for (const auto& [key, value] : arguments_.named) {
        if (key == name) return value;
      }
      Fail(StrCat("KeyError: ", QuoteRepr(name)));
    }
    if (index >= static_cast<int64_t>(arguments_.positional.size())) {
      Fail(StrCat("Replacement index ", index, " out of range for positional args tuple"));
    }
    return arguments_.positional[index];
  }

  Interpreter& interpreter_;
  const Arguments& arguments_;
  int64_t automatic_ = 0;
};

}  // namespace

MarkedText BraceFormat(Interpreter& interpreter, const StringData& format,
                       const Arguments& arguments) {
  return BraceFormatter(interpreter, arguments).Run(format, format.text, /*depth=*/1);
}

}  // namespace skep::engine::jinja
