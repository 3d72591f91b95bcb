// Python's numbers: printing, reading, arithmetic. Integers are 64 bits; more is an error.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_NUMBER_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_NUMBER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/chat_template/value.h"

namespace skep::engine::jinja {

std::string FloatRepr(double value);
// int(text, base) and float(text): nothing if Python raises ValueError. Underscores, signs and
// surrounding space as Python reads them.
std::optional<int64_t> ParseInt(std::string_view text, int base);
std::optional<double> ParseFloat(std::string_view text);
int64_t FloatToInt(double value);                 // int(); fails out of range
Value Round(const Value& value, int64_t digits);  // round(), half to even
// One of + - * / // % ** on two numbers.
Value Arithmetic(std::string_view op, const Value& left, const Value& right);
int CompareNumbers(const Value& left, const Value& right);  // -1, 0, 1; 2: unordered (NaN)

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_NUMBER_H_
