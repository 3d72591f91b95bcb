// Python's strings on UTF-8: characters, case, white space. Invalid bytes count as one character.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_TEXT_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skep::engine::jinja {

bool IsAscii(std::string_view text);
bool IsValidUtf8(std::string_view text);
void AppendUtf8(char32_t character, std::string& out);
std::u32string Decode(std::string_view text);
std::string Encode(std::u32string_view text);
std::vector<std::string_view> Characters(std::string_view text);
int64_t CountCharacters(std::string_view text);
// The character that starts at `offset`, and its bytes, at least 1.
char32_t CharacterAt(std::string_view text, size_t offset, size_t* bytes);
size_t CharacterBytes(std::string_view text, size_t offset);

bool IsSpace(char32_t c);      // str.isspace
bool IsPrintable(char32_t c);  // str.isprintable
bool IsAlpha(char32_t c);
bool IsAlphanumeric(char32_t c);
bool IsNumeric(char32_t c);
bool IsDigit(char32_t c);
bool IsDecimal(char32_t c);
bool IsUpper(char32_t c);
bool IsLower(char32_t c);
bool IsTitle(char32_t c);

std::string Upper(std::string_view text);
std::string Lower(std::string_view text);
std::string Capitalize(std::string_view text);
std::string Title(std::string_view text);
std::string SwapCase(std::string_view text);

enum class Side { kBoth, kLeft, kRight };
std::string_view StripSpace(std::string_view text, Side side);
std::string_view StripSet(std::string_view text, std::string_view set, Side side);
std::vector<std::string_view> SplitLines(std::string_view text, bool keep_ends);
// str.split and str.rsplit; `limit` < 0: none.
std::vector<std::string_view> SplitSpace(std::string_view text, int64_t limit, bool from_right);
std::vector<std::string_view> SplitOn(std::string_view text, std::string_view separator,
                                      int64_t limit, bool from_right);
// How often str.replace finds `from`; `limit` < 0: all.
int64_t CountReplacements(std::string_view text, std::string_view from, int64_t limit);
std::string QuoteRepr(std::string_view text);  // repr()
std::string EscapeHtml(std::string_view text);

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_TEXT_H_
