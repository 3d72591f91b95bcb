#include "absl/strings/ascii.h"
#include "engine/chat_template/lexer.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

char32_t TakeHex(std::string_view text, size_t* i, int digits) {
  char32_t value = 0;
  for (int d = 0; d < digits; ++d, ++*i) {
    const unsigned char c = *i < text.size() ? text[*i] : 0;
    if (!absl::ascii_isxdigit(c)) Fail("truncated escape in a string");
    value = value * 16 + (absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10);
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
    Fail("an escape in a string is not a Unicode character");
  }
  return value;
}

}  // namespace

std::string Unescape(std::string_view text) {
  constexpr std::string_view kLetters = "\\'\"abfnrtv";
  constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    const char c = text[++i];  // LexString has seen that there is one
    const size_t known = kLetters.find(c);
    if (c == '\n') {
      ++i;
    } else if (known != std::string_view::npos) {
      out += kMeanings[known];
      ++i;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      AppendUtf8(TakeHex(text, &++i, c == 'x' ? 2 : c == 'u' ? 4 : 8), out);
    } else if (c >= '0' && c <= '7') {
      char32_t value = 0;
      for (int d = 0; d < 3 && i < text.size() && text[i] >= '0' && text[i] <= '7'; ++d, ++i) {
        value = value * 8 + (text[i] - '0');
      }
      AppendUtf8(value, out);
    } else if (c == 'N') {
      Fail("characters by name (\\N{...}) are not supported in strings");
    } else {
      out += '\\';
    }
  }
  return out;
}

}  // namespace skep::engine::jinja
