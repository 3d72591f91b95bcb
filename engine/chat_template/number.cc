#include "engine/chat_template/number.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/ascii.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

[[noreturn]] void FailOverflow() {
  Fail("integer overflow: integers of a chat template are 64 bits wide");
}

[[noreturn]] void FailDivision(std::string_view what) { Fail(StrCat("ZeroDivisionError: ", what)); }

int64_t FloorDivide(int64_t a, int64_t b) {
  if (b == 0) FailDivision("integer division or modulo by zero");
  if (a == std::numeric_limits<int64_t>::min() && b == -1) FailOverflow();
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

int64_t FloorModulo(int64_t a, int64_t b) {
  if (b == 0) FailDivision("integer modulo by zero");
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

int64_t IntegerPower(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) FailOverflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) FailOverflow();
  }
  return result;
}

double FloatModulo(double a, double b) {
  if (b == 0) FailDivision("float modulo");
  double rest = std::fmod(a, b);
  if (rest != 0) return (rest < 0) != (b < 0) ? rest + b : rest;
  return std::copysign(0.0, b);
}

double FloatFloorDivide(double a, double b) {
  if (b == 0) FailDivision("float floor division by zero");
  const double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

double FloatPower(double a, double b) {
  if (a == 0 && b < 0) FailDivision("0.0 cannot be raised to a negative power");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && std::floor(b) != b) {
    Fail("a negative number to a fractional power is complex, which templates have no use for");
  }
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
    Fail("OverflowError: Numerical result out of range");
  }
  return result;
}

Value IntegerArithmetic(std::string_view op, int64_t a, int64_t b) {
  int64_t result = 0;
  if (op == "+") {
    if (__builtin_add_overflow(a, b, &result)) FailOverflow();
  } else if (op == "-") {
    if (__builtin_sub_overflow(a, b, &result)) FailOverflow();
  } else if (op == "*") {
    if (__builtin_mul_overflow(a, b, &result)) FailOverflow();
  } else if (op == "//") {
    result = FloorDivide(a, b);
  } else if (op == "%") {
    result = FloorModulo(a, b);
  } else if (op == "/") {
    if (b == 0) FailDivision("division by zero");
    return Value(static_cast<double>(static_cast<long double>(a) / b));
  } else {
    if (b < 0) return Value(FloatPower(static_cast<double>(a), static_cast<double>(b)));
    result = IntegerPower(a, b);
  }
  return Value(result);
}

// Digits with single underscores between them, which are dropped. False: misplaced ones.
bool DropUnderscores(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    const auto is_digit = [&](size_t at) {
      return at < text.size() && absl::ascii_isalnum(static_cast<unsigned char>(text[at]));
    };
    if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) return false;
  }
  return true;
}

}  // namespace

std::string FloatRepr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto scientific =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  const std::string_view text(buffer, scientific.ptr - buffer);
  const size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(),
                  exponent);
  if (exponent < -4 || exponent >= 16) {
    const std::string digits = StrCat(std::abs(exponent));
    return StrCat(text.substr(0, e), "e", exponent < 0 ? "-" : "+", digits.size() < 2 ? "0" : "",
                  digits);
  }
  char fixed[64];
  const auto end = std::to_chars(fixed, fixed + sizeof(fixed), value, std::chars_format::fixed);
  std::string out(fixed, end.ptr - fixed);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

std::optional<int64_t> ParseInt(std::string_view raw, int base) {
  std::string_view text = StripSpace(raw, Side::kBoth);
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const auto prefix = [&](char letter, int of) {
    if ((base != of && base != 0) || text.size() < 2 || text[0] != '0') return false;
    return (text[1] | 0x20) == letter;
  };
  if (prefix('x', 16) || prefix('o', 8) || prefix('b', 2)) {
    const char letter = text[1] | 0x20;
    base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
    text.remove_prefix(2);
    if (!text.empty() && text[0] == '_') text.remove_prefix(1);
  } else if (base == 0) {
    base = 10;
    if (text.size() > 1 && text[0] == '0' && text.find_first_not_of("0_") != text.npos) return {};
  }
  std::string digits;
  if (base < 2 || base > 36 || !DropUnderscores(text, digits) || digits.empty()) return {};
  uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (end != digits.data() + digits.size()) return {};
  if (error != std::errc()) FailOverflow();
  const uint64_t most = uint64_t{1} << 63;
  if (magnitude > most || (magnitude == most && !negative)) FailOverflow();
  return negative ? static_cast<int64_t>(-magnitude) : static_cast<int64_t>(magnitude);
}

std::optional<double> ParseFloat(std::string_view raw) {
  std::string digits;
  const std::string_view text = StripSpace(raw, Side::kBoth);
  if (!DropUnderscores(text, digits)) return {};
  // Hexadecimal floats and "nan(...)" are C's, not Python's.
  if (digits.find_first_of("xXpP(") != std::string::npos) return {};
  double value = 0;
  if (!SimpleAtod(digits, &value)) return {};
  return value;
}

int64_t FloatToInt(double value) {
  if (std::isnan(value)) Fail("ValueError: cannot convert float NaN to integer");
  if (std::isinf(value)) Fail("OverflowError: cannot convert float infinity to integer");
  constexpr double kLimit = 9223372036854775808.0;
  if (!(value >= -kLimit && value < kLimit)) FailOverflow();
  return static_cast<int64_t>(value);
}

Value Round(const Value& value, int64_t digits) {
  if (value.is_integral()) {
    if (digits >= 0) return Value(value.integer());
    if (digits < -18) return Value(int64_t{0});
    const int64_t unit = IntegerPower(10, -digits);
    const int64_t rest = FloorModulo(value.integer(), unit);
    int64_t low = 0;
    if (__builtin_sub_overflow(value.integer(), rest, &low)) FailOverflow();
    const bool up = rest > unit - rest || (rest == unit - rest && FloorDivide(low, unit) % 2 != 0);
    if (up && __builtin_add_overflow(low, unit, &low)) FailOverflow();
    return Value(low);
  }
  const double number = value.number();
  if (!std::isfinite(number) || digits > 323) return value;
  if (digits < -308) return Value(std::copysign(0.0, number));
  if (digits < 0) {  // half to even on the exact decimal value, as the printed digits show it
    const double unit = std::pow(10.0, static_cast<double>(-digits));
    return Value(std::nearbyint(number / unit) * unit);
  }
  char buffer[1200];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::fixed,
                                 static_cast<int>(digits));
  double rounded = 0;
  if (!SimpleAtod(std::string_view(buffer, end.ptr - buffer), &rounded)) return value;
  return Value(rounded);
}

Value Arithmetic(std::string_view op, const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) {
    return IntegerArithmetic(op, left.integer(), right.integer());
  }
  const double a = left.number(), b = right.number();
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  if (op == "//") return Value(FloatFloorDivide(a, b));
  if (op == "%") return Value(FloatModulo(a, b));
  if (op == "**") return Value(FloatPower(a, b));
  if (b == 0) FailDivision("float division by zero");
  return Value(a / b);
}

int CompareNumbers(const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) {
    return left.integer() < right.integer() ? -1 : left.integer() > right.integer();
  }
  // Wide enough to hold every 64-bit integer and every double exactly.
  const auto wide = [](const Value& v) {
    return v.is_float() ? static_cast<long double>(v.number())
                        : static_cast<long double>(v.integer());
  };
  const long double a = wide(left), b = wide(right);
  if (std::isnan(a) || std::isnan(b)) return 2;
  return a < b ? -1 : a > b;
}

}  // namespace skep::engine::jinja
