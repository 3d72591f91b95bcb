// Python's ways to cut a string into pieces.
#include <algorithm>

#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {

std::vector<std::string_view> SplitLines(std::string_view text, bool keep_ends) {
  const auto is_break = [](char32_t c) {
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
  };
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t i = 0, bytes = 0; i < text.size(); i += bytes) {
    if (!is_break(CharacterAt(text, i, &bytes))) continue;
    if (text.substr(i, 2) == "\r\n") bytes = 2;
    lines.push_back(text.substr(start, i - start + (keep_ends ? bytes : 0)));
    start = i + bytes;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

std::vector<std::string_view> SplitSpace(std::string_view text, int64_t limit, bool from_right) {
  std::vector<std::string_view> words;
  for (size_t i = 0, bytes = 0; i < text.size();) {
    while (i < text.size() && IsSpace(CharacterAt(text, i, &bytes))) i += bytes;
    const size_t start = i;
    while (i < text.size() && !IsSpace(CharacterAt(text, i, &bytes))) i += bytes;
    if (i > start) words.push_back(text.substr(start, i - start));
  }
  if (limit < 0 || static_cast<int64_t>(words.size()) <= limit) return words;
  if (!from_right) {  // the last piece is all the rest, with the space that follows it
    const size_t rest = words[limit].data() - text.data();
    words.resize(limit);
    words.push_back(text.substr(rest));
  } else {
    const std::string_view last = words[words.size() - limit - 1];
    const size_t end = last.data() + last.size() - text.data();
    words.erase(words.begin(), words.end() - limit);
    words.insert(words.begin(), text.substr(0, end));
  }
  return words;
}

std::vector<std::string_view> SplitOn(std::string_view text, std::string_view separator,
                                      int64_t limit, bool from_right) {
  std::vector<std::string_view> parts;
  while (limit != 0) {
    const size_t at = from_right ? text.rfind(separator) : text.find(separator);
    if (at == std::string_view::npos) break;
    if (from_right) {
      parts.push_back(text.substr(at + separator.size()));
      text = text.substr(0, at);
    } else {
      parts.push_back(text.substr(0, at));
      text = text.substr(at + separator.size());
    }
    if (limit > 0) --limit;
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace skep::engine::jinja
