// How one value is written into a text, in Python's two notations alike.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_FORMAT_STYLE_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_FORMAT_STYLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/marked_text.h"
#include "engine/chat_template/value.h"

namespace skep::engine::jinja {

struct FormatStyle {
  std::string fill = " ";
  char align = '\0';  // < > ^ = ; none: numbers right, the rest left
  char sign = '-';    // - + or space
  bool alternate = false;
  bool comma = false;
  int64_t width = 0;
  std::optional<int64_t> precision;
  char type = '\0';
};

std::string SignText(bool negative, char sign);
// Fills to the width. `prefix` is a sign or 0x, which fill with = goes behind.
std::string Pad(Interpreter& interpreter, const FormatStyle& style, std::string_view prefix,
                std::string_view body, bool is_number);
std::string FormatInteger(Interpreter& interpreter, const FormatStyle& style, int64_t value);
std::string FormatFloat(Interpreter& interpreter, const FormatStyle& style, double value);
// Cut to the precision, filled to the width.
MarkedText FormatText(Interpreter& interpreter, const FormatStyle& style, const StringData& text);
// What Python's ascii() makes of a repr().
std::string Ascii(std::string_view repr);
// A number at `*i`, which moves behind it; nothing if there is none.
std::optional<int64_t> TakeNumber(std::string_view text, size_t* i);

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_FORMAT_STYLE_H_
