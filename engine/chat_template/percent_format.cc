// format % arguments.
#include <algorithm>
#include <optional>

#include "engine/chat_template/builtins.h"
#include "engine/chat_template/format_style.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/string_format.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

[[noreturn]] void FailKind(char type, std::string_view wanted, const Value& value) {
  Fail(StrCat("%", std::string(1, type), " format: ", wanted, " is required, not ",
              TypeName(value)));
}

// One printf-like format with its arguments.
class PercentFormatter final {
 public:
  PercentFormatter(Interpreter& interpreter, const StringData& format, const Arguments& arguments,
                   const Dict* mapping)
      : interpreter_(interpreter),
        format_(format.text),
        data_(format),
        arguments_(arguments),
        mapping_(mapping) {}

  MarkedText Run() {
    MarkedText out;
    for (size_t i = 0; i < format_.size();) {
      const size_t percent = std::min(format_.find('%', i), format_.size());
      out.AppendPart(data_, format_.substr(i, percent - i));
      i = percent + 1;
      if (percent == format_.size()) break;
      const size_t begin = out.text.size();
      out.Append(Directive(&i));
      if (!data_.marks.none()) out.MarkFrom(begin);
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

  std::optional<int64_t> WidthOrStar(size_t* i, FormatStyle& style) {
    if (*i >= format_.size() || format_[*i] != '*') return TakeNumber(format_, i);
    ++*i;
    const int64_t width = RequireInteger(NextArgument(), "* in a format");
    if (width >= 0) return width;
    style.align = '<';
    return width == INT64_MIN ? INT64_MAX : -width;
  }

  MarkedText Directive(size_t* i) {
    FormatStyle style;
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
    if (type == '%') return MarkedText("%");
    if (left) style.align = '<';
    if (zero && !left && StrContains("diuoxXeEfFgG", type)) {
      style.align = '=';
      style.fill = "0";
    }
    return Convert(style, type, argument ? *argument : NextArgument());
  }

  MarkedText Convert(FormatStyle style, char type, const Value& value) {
    style.type = type;
    switch (type) {
      case 's':
        return FormatText(interpreter_, style, *interpreter_.String(value));
      case 'r':
      case 'a': {
        const Value repr = interpreter_.NewText(Repr(value, interpreter_.budget()));
        if (type == 'r') return FormatText(interpreter_, style, repr.string());
        return FormatText(interpreter_, style,
                          interpreter_.NewText(ConvertText(repr.string(), Ascii)).string());
      }
      case 'c':
        if (value.is_string() && Length(value) == 1) {
          return FormatText(interpreter_, style, value.string());
        }
        if (value.is_integral() && value.integer() >= 0 && value.integer() < 0x110000) {
          const Value character = interpreter_.NewText(
              Encode(std::u32string(1, static_cast<char32_t>(value.integer()))));
          return FormatText(interpreter_, style, character.string());
        }
        Fail("%c requires int or char");
      default:
        return MarkedText(Number(style, type, value));
    }
  }

  std::string Number(const FormatStyle& style, char type, const Value& value) {
    switch (type) {
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
  std::string Integer(const FormatStyle& style, int64_t value) {
    if (!style.precision) return FormatInteger(interpreter_, style, value);
    FormatStyle digits;
    digits.type = style.type;
    digits.width = *style.precision;
    digits.fill = "0";
    const int64_t magnitude = value == INT64_MIN ? INT64_MAX : std::abs(value);
    const std::string body = FormatInteger(interpreter_, digits, magnitude);
    return Pad(interpreter_, style, SignText(value < 0, style.sign), body, /*is_number=*/true);
  }

  Interpreter& interpreter_;
  const std::string_view format_;
  const StringData& data_;  // of format_
  const Arguments& arguments_;
  const Dict* const mapping_;
  size_t next_ = 0;
};

}  // namespace

MarkedText PercentFormat(Interpreter& interpreter, const StringData& format,
                         const Arguments& arguments, const Dict* mapping) {
  return PercentFormatter(interpreter, format, arguments, mapping).Run();
}

}  // namespace skep::engine::jinja
