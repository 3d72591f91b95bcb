#include "engine/chat_template/format_style.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "engine/chat_template/builtins.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

// Digits after the point that anyone could want.
constexpr int64_t kMaxPrecision = 1000;

std::string Repeat(std::string_view text, int64_t count) {
  std::string out;
  for (int64_t i = 0; i < count; ++i) out.append(text);
  return out;
}

std::string Grouped(std::string_view digits) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

}  // namespace

std::string SignText(bool negative, char sign) {
  if (negative) return "-";
  return sign == '-' ? "" : std::string(1, sign);
}

std::string Pad(Interpreter& interpreter, const FormatStyle& style, std::string_view prefix,
                std::string_view body, bool is_number) {
  const int64_t length = CountCharacters(prefix) + CountCharacters(body);
  const int64_t missing = std::max<int64_t>(style.width - length, 0);
  CheckSize(interpreter, missing, static_cast<int64_t>(style.fill.size()));
  const char align = style.align ? style.align : is_number ? '>' : '<';
  if (align == '=') return StrCat(prefix, Repeat(style.fill, missing), body);
  const int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  return StrCat(Repeat(style.fill, left), prefix, body, Repeat(style.fill, missing - left));
}

std::string FormatInteger(Interpreter& interpreter, const FormatStyle& style, int64_t value) {
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

std::string FormatFloat(Interpreter& interpreter, const FormatStyle& style, double value) {
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

MarkedText FormatText(Interpreter& interpreter, const FormatStyle& style, const StringData& text) {
  std::string_view kept = text.text;
  if (style.precision && *style.precision < static_cast<int64_t>(kept.size())) {
    size_t bytes = 0;
    for (int64_t i = 0; i < *style.precision && bytes < kept.size(); ++i) {
      bytes += CharacterBytes(kept, bytes);
    }
    kept = kept.substr(0, bytes);
  }
  MarkedText out;
  if (style.width > 0) {
    const int64_t missing = std::max<int64_t>(style.width - CountCharacters(kept), 0);
    CheckSize(interpreter, missing, static_cast<int64_t>(style.fill.size()));
    const int64_t left = style.align == '>' ? missing : style.align == '^' ? missing / 2 : 0;
    out.Append(Repeat(style.fill, left));
    out.AppendPart(text, kept);
    out.Append(Repeat(style.fill, missing - left));
  } else {
    out.AppendPart(text, kept);
  }
  return out;
}

std::string Ascii(std::string_view repr) {
  std::string out;
  for (char32_t c : Decode(repr)) {
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else {
      const auto code = static_cast<unsigned>(c);
      if (c < 0x100) {
        absl::StrAppendFormat(&out, "\\x%02x", code);
      } else if (c < 0x10000) {
        absl::StrAppendFormat(&out, "\\u%04x", code);
      } else {
        absl::StrAppendFormat(&out, "\\U%08x", code);
      }
    }
  }
  return out;
}

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

}  // namespace skep::engine::jinja
