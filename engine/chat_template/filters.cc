// Filters of text and of numbers; those of sequences are in filters_sequence.cc.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "engine/chat_template/builtins.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/json.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/string_format.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

template <std::string (*kConvert)(std::string_view)>
Value Convert(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("filter", arguments, {});
  return interpreter.NewText(ConvertText(*interpreter.String(input), kConvert));
}

// Words begin after space, a hyphen or an opening bracket.
std::string TitleWords(std::string_view text) {
  const auto is_break = [](char32_t c) {
    return IsSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  std::string out, word;
  const auto flush = [&] {
    if (word.empty()) return;
    const size_t first = CharacterBytes(word, 0);
    StrAppend(&out, Upper(std::string_view(word).substr(0, first)),
              Lower(std::string_view(word).substr(first)));
    word.clear();
  };
  for (char32_t c : Decode(text)) {
    if (is_break(c)) {
      flush();
      AppendUtf8(c, out);
    } else {
      AppendUtf8(c, word);
    }
  }
  flush();
  return out;
}

Value Trim(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("trim", arguments, {"chars"});
  const Str text = interpreter.String(input);
  return interpreter.heap().Part(*text, bound[0].is_none()
                                            ? StripSpace(text->text, Side::kBoth)
                                            : StripSet(text->text, bound.Text(0, ""), Side::kBoth));
}

Value ReplaceFilter(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
  const Str text = interpreter.String(input), from = interpreter.String(bound[0]),
            to = interpreter.String(bound[1]);
  const int64_t limit = bound[2].is_none() ? -1 : bound.Integer(2, -1);
  CheckSize(interpreter, CountReplacements(text->text, from->text, limit),
            to->bytes() + ReplacementMarks(Value(text), Value(to)));
  return interpreter.NewText(Replace(*text, from->text, *to, limit));
}

Value Escape(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("escape", arguments, {});
  if (input.is_string() && input.string().markup) return input;
  return interpreter.heap().Text(ConvertText(*interpreter.String(input), EscapeHtml),
                                 /*markup=*/true);
}

Value ForceEscape(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("forceescape", arguments, {});
  return interpreter.heap().Text(ConvertText(*interpreter.String(input), EscapeHtml),
                                 /*markup=*/true);
}

Value Safe(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("safe", arguments, {});
  MarkedText text;
  text.Append(*interpreter.String(input));
  return interpreter.heap().Text(std::move(text), /*markup=*/true);
}

Value ToString(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("string", arguments, {});
  return Value(interpreter.String(input));
}

Value Default(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("default", arguments, {"default_value", "boolean"});
  const bool missing = input.is_undefined() || (bound.Flag(1, false) && !Truthy(input));
  if (!missing) return input;
  return bound.Has(0) ? bound[0] : interpreter.NewText("");
}

Value ToJson(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("tojson", arguments,
                             {"ensure_ascii", "indent", "separators", "sort_keys"});
  bool from_user = IsMarked(bound[1]);
  JsonStyle style;
  style.ensure_ascii = bound.Flag(0, false);
  style.sort_keys = bound.Flag(3, false);
  if (bound[1].is_string()) {
    style.indent = bound[1].text();
  } else if (!bound[1].is_none()) {
    const int64_t width = std::max<int64_t>(bound.Integer(1, 0), 0);
    CheckSize(interpreter, width, 1);
    style.indent = std::string(width, ' ');
  }
  if (style.indent) style.item_separator = ",";
  if (!bound[2].is_none()) {
    const std::vector<Value> both = Iterate(bound[2], interpreter.heap());
    if (both.size() != 2 || !both[0].is_string() || !both[1].is_string()) {
      Fail("tojson() separators must be two strings");
    }
    from_user = from_user || IsMarked(both[0]) || IsMarked(both[1]);
    style.item_separator = both[0].text();
    style.key_separator = both[1].text();
  }
  MarkedText text = DumpJson(input, style, interpreter.budget());
  if (from_user) text.MarkFrom(0);
  return interpreter.NewText(std::move(text));
}

Value Indent(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("indent", arguments, {"width", "first", "blank"});
  RequireDefined(input);
  if (!input.is_string()) Fail(StrCat("indent needs a string, not ", TypeName(input)));
  Value by = bound[0];
  if (!by.is_string()) {
    const int64_t width = std::max<int64_t>(bound.Integer(0, 4), 0);
    CheckSize(interpreter, width, 1);
    by = interpreter.NewText(std::string(width, ' '));
  }
  const std::string_view text = input.text();
  auto lines = SplitLines(text, /*keep_ends=*/false);
  // Jinja splits the text with a "\n" added: an end of line at its end begins one more, unless the
  // two are one.
  const bool ended =
      lines.empty() || lines.back().data() + lines.back().size() != text.data() + text.size();
  if (ended && !EndsWith(text, "\r")) lines.emplace_back();
  CheckSize(interpreter, static_cast<int64_t>(lines.size()),
            static_cast<int64_t>(by.text().size()));
  const bool blank = bound.Flag(2, false);
  MarkedText out;
  if (bound.Flag(1, false)) out.Append(by.string());
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) {
      out.Append("\n");
      if (blank || !lines[i].empty()) out.Append(by.string());
    }
    out.AppendPart(input.string(), lines[i]);
  }
  return interpreter.NewText(std::move(out));
}

Value Center(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("center", arguments, {"width"});
  const Value text(interpreter.String(input));
  Arguments width;
  width.positional.emplace_back(bound.Integer(0, 80));
  return FindMethod(text, "center")(interpreter, text, width);
}

Value Truncate(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const int64_t length = bound.Integer(0, 255);
  const int64_t leeway = bound[3].is_none() ? 5 : bound.Integer(3, 5);
  const std::string_view end = bound.Text(2, "...");
  const int64_t kept = length - CountCharacters(end);
  if (kept < 0 || leeway < 0) Fail("truncate: length and leeway are too small");
  const int64_t count = Length(input);
  if (count <= length || count - length <= leeway) return input;
  if (!input.is_string()) Fail("truncate needs a string");
  std::string_view cut = input.text();
  size_t bytes = 0;
  for (int64_t i = 0; i < kept; ++i) bytes += CharacterBytes(cut, bytes);
  cut = cut.substr(0, bytes);
  if (!bound.Flag(1, false)) cut = SplitOn(cut, " ", 1, /*from_right=*/true)[0];
  MarkedText out;
  out.AppendPart(input.string(), cut);
  out.Append(end, IsMarked(bound[2]));
  return interpreter.NewText(std::move(out));
}

Value WordCount(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("wordcount", arguments, {});
  int64_t count = 0;
  bool in_word = false;
  for (char32_t c : Decode(interpreter.String(input)->text)) {
    const bool word = c == '_' || IsAlphanumeric(c);
    count += word && !in_word;
    in_word = word;
  }
  return Value(count);
}

Value FormatFilter(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    Fail("can't handle positional and keyword arguments at the same time");
  }
  const Str text = interpreter.String(input);
  if (arguments.named.empty()) {
    return interpreter.NewText(PercentFormat(interpreter, *text, arguments, nullptr));
  }
  Dict* mapping = interpreter.heap().New<Dict>();
  for (const auto& [name, value] : arguments.named) {
    interpreter.heap().Insert(*mapping, interpreter.NewText(name), value);
  }
  Arguments one;
  one.positional.emplace_back(mapping);
  return interpreter.NewText(PercentFormat(interpreter, *text, one, mapping));
}

// Percent-encoding of all but letters, digits and `safe`.
std::string Quote(std::string_view text, std::string_view safe, bool plus_for_space) {
  std::string out;
  for (char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || safe.find(c) != safe.npos) {
      out += c;
    } else if (c == ' ' && plus_for_space) {
      out += '+';
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string QuotePath(std::string_view text) {
  return Quote(text, "_.-~/", /*plus_for_space=*/false);
}
std::string QuoteForm(std::string_view text) { return Quote(text, "_.-~", true); }

Value UrlEncode(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  BoundArguments("urlencode", arguments, {});
  if (input.is_string() || !IsIterable(input)) {
    return interpreter.NewText(ConvertText(*interpreter.String(input), QuotePath));
  }
  std::vector<std::pair<Value, Value>> pairs;
  if (input.is_dict()) {
    for (const auto& [key, value] : input.dict().entries()) pairs.emplace_back(key, value);
  } else {
    for (const Value& pair : Iterate(input, interpreter.heap())) {
      const std::vector<Value> both = Iterate(pair, interpreter.heap());
      if (both.size() != 2) Fail("urlencode needs pairs");
      pairs.emplace_back(both[0], both[1]);
    }
  }
  MarkedText out;
  for (const auto& [key, value] : pairs) {
    if (!out.text.empty()) out.Append("&");
    out.Append(ConvertText(*interpreter.String(key), QuoteForm));
    out.Append("=");
    out.Append(ConvertText(*interpreter.String(value), QuoteForm));
  }
  return interpreter.NewText(std::move(out));
}

// What int() and float() make of a value; fails as they do, with the integer too large apart.
Value ToInt(Interpreter&, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("int", arguments, {"default", "base"});
  Value otherwise = bound.Has(0) ? bound[0] : Value(int64_t{0});
  RequireDefined(input);
  if (input.is_integral()) return Value(input.integer());
  if (input.is_float()) {
    return std::isfinite(input.number()) ? Value(FloatToInt(input.number())) : otherwise;
  }
  if (!input.is_string()) return otherwise;
  const int64_t base = bound.Integer(1, 10);
  if (base == 0 || (base >= 2 && base <= 36)) {
    if (const auto number = ParseInt(input.text(), static_cast<int>(base))) return Value(*number);
  }
  const auto number = ParseFloat(input.text());
  return number && std::isfinite(*number) ? Value(FloatToInt(*number)) : otherwise;
}

Value ToFloat(Interpreter&, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("float", arguments, {"default"});
  Value otherwise = bound.Has(0) ? bound[0] : Value(0.0);
  RequireDefined(input);
  if (input.is_number()) return Value(input.number());
  if (!input.is_string()) return otherwise;
  const auto number = ParseFloat(input.text());
  return number ? Value(*number) : otherwise;
}

Value Absolute(Interpreter&, const Value& input, const Arguments& arguments) {
  BoundArguments("abs", arguments, {});
  RequireDefined(input);
  if (!input.is_number()) {
    Fail(StrCat("bad operand type for abs(): '", TypeName(input), "'"));
  }
  if (input.is_float()) return Value(std::fabs(input.number()));
  return input.integer() < 0 ? Arithmetic("-", Value(int64_t{0}), input) : Value(input.integer());
}

Value RoundFilter(Interpreter&, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("round", arguments, {"precision", "method"});
  const std::string_view method = bound.Text(1, "common");
  const int64_t digits = bound.Integer(0, 0);
  RequireDefined(input);
  if (!input.is_number()) Fail(StrCat("cannot round a ", TypeName(input)));
  if (method == "common") return Round(input, digits);
  if (method != "ceil" && method != "floor") Fail("method must be common, ceil or floor");
  const Value unit = Arithmetic("**", Value(int64_t{10}), Value(digits));
  const double scaled = Arithmetic("*", input, unit).number();
  const double rounded = method == "ceil" ? std::ceil(scaled) : std::floor(scaled);
  return Arithmetic("/", Value(FloatToInt(rounded)), unit);
}

Value FileSize(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("filesizeformat", arguments, {"binary"});
  const Value number = ToFloat(interpreter, input, {});
  const double bytes = number.number();
  const bool binary = bound.Flag(0, false);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return interpreter.NewText("1 Byte");
  if (bytes < base) return interpreter.NewText(absl::StrFormat("%d Bytes", FloatToInt(bytes)));
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  size_t i = 0;
  while (i + 1 < kPrefixes.size() && bytes >= unit * base) unit *= base, ++i;
  const char prefix = binary ? absl::ascii_toupper(kPrefixes[i]) : kPrefixes[i];
  return interpreter.NewText(
      absl::StrFormat("%.1f %c%s", bytes / unit, prefix, binary ? "iB" : "B"));
}

struct NamedFilter {
  std::string_view name;
  Filter filter;
};

constexpr NamedFilter kFilters[] = {
    {"abs", Absolute},
    {"capitalize", Convert<Capitalize>},
    {"center", Center},
    {"d", Default},
    {"default", Default},
    {"e", Escape},
    {"escape", Escape},
    {"filesizeformat", FileSize},
    {"float", ToFloat},
    {"forceescape", ForceEscape},
    {"format", FormatFilter},
    {"indent", Indent},
    {"int", ToInt},
    {"lower", Convert<Lower>},
    {"replace", ReplaceFilter},
    {"round", RoundFilter},
    {"safe", Safe},
    {"string", ToString},
    {"title", Convert<TitleWords>},
    {"tojson", ToJson},
    {"trim", Trim},
    {"truncate", Truncate},
    {"upper", Convert<Upper>},
    {"urlencode", UrlEncode},
    {"wordcount", WordCount},
};

}  // namespace

Filter FindFilter(std::string_view name) {
  for (const NamedFilter& entry : kFilters) {
    if (entry.name == name) return entry.filter;
  }
  return FindSequenceFilter(name);
}

}  // namespace skep::engine::jinja
