#include "engine/chat_template/string_format.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

// Digits after the point that anyone could want.
constexpr int64_t kMaxPrecision = 1000;

// How one value is to be written, in either notation.
struct Style {
  std::string fill = " ";
  char align = '\0';  // < > ^ = ; none: numbers right, the rest left
  char sign = '-';    // - + or space
  bool alternate = false;
  bool comma = false;
  int64_t width = 0;
  std::optional<int64_t> precision;
  char type = '\0';
};

std::string Repeat(std::string_view text, int64_t count) {
  std::string out;
  for (int64_t i = 0; i < count; ++i) out.append(text);
  return out;
}

// `prefix` is a sign or 0x, which fill with = goes behind.
std::string Pad(Interpreter& interpreter, const Style& style, std::string_view prefix,
                std::string_view body, bool is_number) {
  const int64_t length = CountCharacters(prefix) + CountCharacters(body);
  const int64_t missing = std::max<int64_t>(style.width - length, 0);
  CheckSize(interpreter, missing, static_cast<int64_t>(style.fill.size()));
  const char align = style.align ? style.align : is_number ? '>' : '<';
  if (align == '=') return StrCat(prefix, Repeat(style.fill, missing), body);
  const int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  return StrCat(Repeat(style.fill, left), prefix, body, Repeat(style.fill, missing - left));
}

std::string Grouped(std::string_view digits) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string SignText(bool negative, char sign) {
  if (negative) return "-";
  return sign == '-' ? "" : std::string(1, sign);
}

std::string FormatInteger(Interpreter& interpreter, const Style& style, int64_t value) {
  const uint64_t magnitude = value < 0 ? -static_cast<uint64_t>(value) : value;
  std::string digits, prefix = SignText(value < 0, style.sign);
  switch (style.type) {
    case 'x':
      digits = absl::StrFormat("%x", magnitude);
      break;
    case 'X':
      digits = absl::StrFormat("%X", magnitude);
      break;
    case 'o':
      digits = absl::StrFormat("%o", magnitude);
      break;
    case 'b':
      for (uint64_t rest = magnitude; rest > 0 || digits.empty(); rest >>= 1) {
        digits.insert(digits.begin(), static_cast<char>('0' + (rest & 1)));
      }
      break;
    default:
      digits = StrCat(magnitude);
      if (style.comma) digits = Grouped(digits);
  }
  if (style.alternate && StrContains("xXob", style.type) && style.type != '\0') {
    StrAppend(&prefix, "0", std::string(1, style.type));
  }
  return Pad(interpreter, style, prefix, digits, /*is_number=*/true);
}

std::string FormatFloat(Interpreter& interpreter, const Style& style, double value) {
  const int64_t precision = style.precision.value_or(6);
  if (precision > kMaxPrecision) Fail("ValueError: precision too big");
  const int digits = static_cast<int>(precision);
  const double magnitude = std::fabs(value);
  std::string body;
  if (!std::isfinite(value)) {
    body = std::isnan(value) ? "nan" : "inf";
  } else if (style.type == '\0' && !style.precision) {
    body = FloatRepr(magnitude);
  } else if (style.type == 'f' || style.type == 'F') {
    body = absl::StrFormat("%.*f", digits, magnitude);
  } else if (style.type == '%') {
    body = absl::StrFormat("%.*f%%", digits, magnitude * 100);
  } else if (style.type == 'e' || style.type == 'E') {
    body = absl::StrFormat("%.*e", digits, magnitude);
  } else {
    body = absl::StrFormat("%.*g", std::max(digits, 1), magnitude);
    if (style.type == '\0' && body.find_first_of(".e") == std::string::npos) body += ".0";
  }
  if (style.type == 'E' || style.type == 'G' || style.type == 'F') {
    body = Upper(body);
  }
  if (style.comma) {
    const size_t point = std::min(body.find_first_of(".e%"), body.size());
    body = Grouped(body.substr(0, point)) + body.substr(point);
  }
  const bool negative = std::signbit(value) && !std::isnan(value);
  return Pad(interpreter, style, SignText(negative, style.sign), body, /*is_number=*/true);
}

std::string FormatText(Interpreter& interpreter, const Style& style, std::string_view text) {
  std::string cut;
  if (style.precision && *style.precision < static_cast<int64_t>(text.size())) {
    cut = Encode(Decode(text).substr(0, *style.precision));
    text = cut;
  }
  return Pad(interpreter, style, "", text, /*is_number=*/false);
}

[[noreturn]] void FailKind(char type, std::string_view wanted, const Value& value) {
  Fail(StrCat("%", std::string(1, type), " format: ", wanted, " is required, not ",
              TypeName(value)));
}

std::string Ascii(std::string_view repr) {
  std::string out;
  for (char32_t c : Decode(repr)) {
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else {
      absl::StrAppendFormat(&out,
                            c < 0x100     ? "\\x%02x"
                            : c < 0x10000 ? "\\u%04x"
                                          : "\\U%08x",
                            static_cast<unsigned>(c));
    }
  }
  return out;
}

// A number at `*i`, which moves behind it; nothing if there is none.
std::optional<int64_t> TakeNumber(std::string_view text, size_t* i) {
  const size_t start = *i;
  while (*i < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[*i]))) ++*i;
  int64_t number = 0;
  if (*i == start) return std::nullopt;
  if (!SimpleAtoi(text.substr(start, *i - start), &number)) {
    Fail("ValueError: a width or precision is too big");
  }
  return number;
}

// One printf-like format with its arguments.
class PercentFormatter final {
 public:
  PercentFormatter(Interpreter& interpreter, std::string_view format, const Arguments& arguments,
                   const Dict* mapping)
      : interpreter_(interpreter), format_(format), arguments_(arguments), mapping_(mapping) {}

  std::string Run() {
    std::string out;
    for (size_t i = 0; i < format_.size();) {
      if (format_[i] != '%') {
        out += format_[i++];
        continue;
      }
      ++i;
      out += Directive(&i);
    }
    if (next_ < arguments_.positional.size() && mapping_ == nullptr) {
      Fail("not all arguments converted during string formatting");
    }
    return out;
  }

 private:
  const Value& NextArgument() {
    if (next_ >= arguments_.positional.size()) Fail("not enough arguments for format string");
    return arguments_.positional[next_++];
  }

  std::optional<int64_t> WidthOrStar(size_t* i, Style& style) {
    if (*i >= format_.size() || format_[*i] != '*') return TakeNumber(format_, i);
    ++*i;
    const int64_t width = RequireInteger(NextArgument(), "* in a format");
    if (width >= 0) return width;
    style.align = '<';
    return width == INT64_MIN ? INT64_MAX : -width;
  }

  std::string Directive(size_t* i) {
    Style style;
    const Value* argument = nullptr;
    if (*i < format_.size() && format_[*i] == '(') {
      const size_t close = format_.find(')', *i);
      if (close == std::string_view::npos) Fail("incomplete format key");
      if (mapping_ == nullptr) Fail("format requires a mapping");
      const std::string_view key = format_.substr(*i + 1, close - *i - 1);
      argument = mapping_->Find(key);
      if (argument == nullptr) Fail(StrCat("KeyError: ", QuoteRepr(key)));
      *i = close + 1;
    }
    bool zero = false, left = false;
    for (; *i < format_.size() && StrContains("#0- +", format_[*i]); ++*i) {
      const char flag = format_[*i];
      if (flag == '#') style.alternate = true;
      if (flag == '0') zero = true;
      if (flag == '-') left = true;
      if (flag == '+' || (flag == ' ' && style.sign != '+')) style.sign = flag;
    }
    style.align = '>';
    style.width = WidthOrStar(i, style).value_or(0);
    if (*i < format_.size() && format_[*i] == '.') {
      ++*i;
      style.precision = WidthOrStar(i, style).value_or(0);
    }
    while (*i < format_.size() && StrContains("hlL", format_[*i])) ++*i;
    if (*i >= format_.size()) Fail("incomplete format");
    const char type = format_[(*i)++];
    if (type == '%') return "%";
    if (left) style.align = '<';
    if (zero && !left && StrContains("diuoxXeEfFgG", type)) {
      style.align = '=';
      style.fill = "0";
    }
    return Convert(style, type, argument ? *argument : NextArgument());
  }

  std::string Convert(Style style, char type, const Value& value) {
    style.type = type;
    switch (type) {
      case 's':
        return FormatText(interpreter_, style, interpreter_.Text(value));
      case 'r':
        return FormatText(interpreter_, style, Repr(value, interpreter_.budget()));
      case 'a':
        return FormatText(interpreter_, style, Ascii(Repr(value, interpreter_.budget())));
      case 'c':
        if (value.is_string() && Length(value) == 1) {
          return FormatText(interpreter_, style, value.text());
        }
        if (value.is_integral() && value.integer() >= 0 && value.integer() < 0x110000) {
          return FormatText(interpreter_, style,
                            Encode(std::u32string(1, static_cast<char32_t>(value.integer()))));
        }
        Fail("%c requires int or char");
      case 'd':
      case 'i':
      case 'u': {
        if (!value.is_number()) FailKind(type, "a real number", value);
        const int64_t integer = value.is_float() ? FloatToInt(value.number()) : value.integer();
        return Integer(style, integer);
      }
      case 'o':
      case 'x':
      case 'X':
        if (!value.is_integral()) FailKind(type, "an integer", value);
        return Integer(style, value.integer());
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (!value.is_number()) Fail(StrCat("must be real number, not ", TypeName(value)));
        return FormatFloat(interpreter_, style, value.number());
      default:
        Fail(StrCat("unsupported format character '", std::string(1, type), "'"));
    }
  }

  // With a precision: at least so many digits.
  std::string Integer(Style style, int64_t value) {
    if (!style.precision) return FormatInteger(interpreter_, style, value);
    Style digits;
    digits.type = style.type;
    digits.width = *style.precision;
    digits.fill = "0";
    const int64_t magnitude = value == INT64_MIN ? INT64_MAX : std::abs(value);
    const std::string body = FormatInteger(interpreter_, digits, magnitude);
    return Pad(interpreter_, style, SignText(value < 0, style.sign), body, /*is_number=*/true);
  }

  Interpreter& interpreter_;
  const std::string_view format_;
  const Arguments& arguments_;
  const Dict* const mapping_;
  size_t next_ = 0;
};

Style ParseSpec(std::string_view spec) {
  Style style;
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

std::string FormatWithSpec(Interpreter& interpreter, const Value& value, std::string_view spec) {
  if (spec.empty()) return interpreter.Text(value);
  Style style = ParseSpec(spec);
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
    return FormatText(interpreter, style, value.text());
  }
  if (!value.is_number()) {
    Fail(StrCat("unsupported format string passed to ", TypeName(value), ".__format__"));
  }
  const bool float_type = style.type != '\0' && StrContains("eEfFgG%", style.type);
  if (value.is_float() || float_type) {
    if (style.type != '\0' && !float_type) unknown();
    return FormatFloat(interpreter, style, value.number());
  }
  if (style.type != '\0' && !StrContains("dxXobn", style.type)) unknown();
  if (style.precision) Fail("Precision not allowed in integer format specifier");
  return FormatInteger(interpreter, style, value.integer());
}

// The fields of str.format: {}, {0}, {name}, {0.attribute}, {name[key]}, with !r and :spec.
class BraceFormatter final {
 public:
  BraceFormatter(Interpreter& interpreter, const Arguments& arguments)
      : interpreter_(interpreter), arguments_(arguments) {}

  std::string Run(std::string_view format, int depth) {
    if (depth > 2) Fail("Max string recursion exceeded");
    std::string out;
    for (size_t i = 0; i < format.size(); ++i) {
      const char c = format[i];
      if (c != '{' && c != '}') {
        out += c;
      } else if (i + 1 < format.size() && format[i + 1] == c) {
        out += c;
        ++i;
      } else if (c == '}') {
        Fail("Single '}' encountered in format string");
      } else {
        const size_t end = FieldEnd(format, i);
        out += Field(format.substr(i + 1, end - i - 1), depth);
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

  std::string Field(std::string_view field, int depth) {
    const size_t name_end = std::min(field.find_first_of("!:"), field.size());
    std::string_view rest = field.substr(name_end);
    Value value = Lookup(field.substr(0, name_end));
    if (!rest.empty() && rest[0] == '!') {
      const char conversion = rest.size() > 1 ? rest[1] : '\0';
      if (conversion == 'r') {
        value = interpreter_.NewText(Repr(value, interpreter_.budget()));
      } else if (conversion == 'a') {
        value = interpreter_.NewText(Ascii(Repr(value, interpreter_.budget())));
      } else if (conversion == 's') {
        value = interpreter_.NewText(interpreter_.Text(value));
      } else {
        Fail("Unknown conversion specifier");
      }
      rest = rest.substr(2);
    }
    if (!rest.empty() && rest[0] != ':') Fail("expected ':' after conversion specifier");
    const std::string spec = rest.empty() ? "" : Run(rest.substr(1), depth + 1);
    return FormatWithSpec(interpreter_, value, spec);
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

std::string PercentFormat(Interpreter& interpreter, std::string_view format,
                          const Arguments& arguments, const Dict* mapping) {
  return PercentFormatter(interpreter, format, arguments, mapping).Run();
}

std::string BraceFormat(Interpreter& interpreter, std::string_view format,
                        const Arguments& arguments) {
  return BraceFormatter(interpreter, arguments).Run(format, /*depth=*/1);
}

}  // namespace skep::engine::jinja
