#include "engine/output_format/loose_literal.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "engine/output_format/json_scanner.h"

namespace skep::engine::output {
namespace {

constexpr size_t kMaxDepth = JsonScanner::kMaxDepth;

bool IsWordByte(char c) {
  return c == '_' || c == '-' || c == '.' || static_cast<unsigned char>(c) >= 0x80 ||
         absl::ascii_isalnum(static_cast<unsigned char>(c));
}

void AppendCodePoint(uint32_t code, std::string& out) {
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
  const auto add = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void AppendJsonString(std::string_view text, std::string& json) {
  json += '"';
  AppendJsonEscaped(text, json);
  json += '"';
}

}  // namespace

bool LooseReader::ReadValue(std::string& json) { return Value(json, /*depth=*/0) && AtEnd(); }

bool LooseReader::ReadKeywordArguments(std::string& json) {
  json += '{';
  bool first = true;
  while (!AtEnd()) {
    std::string name;
    if (!first) json += ", ";
    first = false;
    if (!Word(name) || !Accept("=")) return false;
    AppendJsonString(name, json);
    json += ": ";
    if (!Value(json, /*depth=*/1)) return false;
    if (!Accept(",")) break;
  }
  json += '}';
  return AtEnd();
}

bool LooseReader::Value(std::string& json, size_t depth) {
  if (depth >= kMaxDepth) return false;
  if (Accept("{")) return Dictionary(json, depth + 1);
  if (Accept("[")) return Items(']', json, depth + 1);
  if (Accept("(")) return Items(')', json, depth + 1);
  if (String(json)) return true;
  if (Number(json)) return true;
  std::string word;
  if (!Word(word)) return false;
  if (word == "None" || word == "null") {
    json += "null";
  } else if (word == "True" || word == "true") {
    json += "true";
  } else if (word == "False" || word == "false") {
    json += "false";
  } else {
    return false;
  }
  return true;
}

bool LooseReader::Items(char close, std::string& json, size_t depth) {
  const std::string_view end = close == ']' ? "]" : ")";
  json += '[';
  for (bool first = true; !Accept(end); first = false) {
    if (!first) json += ", ";
    if (!Value(json, depth)) return false;
    if (Accept(",")) continue;
    if (!Accept(end)) return false;
    break;
  }
  json += ']';
  return true;
}

bool LooseReader::Dictionary(std::string& json, size_t depth) {
  json += '{';
  for (bool first = true; !Accept("}"); first = false) {
    if (!first) json += ", ";
    if (!Key(json) || !Accept(":")) return false;
    json += ": ";
    if (!Value(json, depth)) return false;
    if (Accept(",")) continue;
    if (!Accept("}")) return false;
    break;
  }
  json += '}';
  return true;
}

bool LooseReader::Key(std::string& json) {
  if (String(json)) return true;
  std::string number;
  if (quote_.empty()) {
    if (!Number(number)) return false;
  } else if (!Word(number)) {
    return false;
  }
  AppendJsonString(number, json);
  return true;
}

bool LooseReader::String(std::string& json) {
  SkipSpace();
  if (pos_ == text_.size()) return false;
  if (!quote_.empty() && Accept(quote_)) {
    const size_t end = text_.find(quote_, pos_);
    if (end == std::string_view::npos) return false;
    AppendJsonString(text_.substr(pos_, end - pos_), json);
    pos_ = end + quote_.size();
    return true;
  }
  const char quote = text_[pos_];
  if (quote != '\'' && quote != '"') return false;
  ++pos_;
  return QuotedString(quote, json);
}

bool LooseReader::QuotedString(char quote, std::string& json) {
  std::string content;
  while (pos_ < text_.size()) {
    const char c = text_[pos_++];
    if (c == quote) {
      AppendJsonString(content, json);
      return true;
    }
    if (c != '\\') {
      content += c;
    } else if (!Escape(content)) {
      return false;
    }
  }
  return false;
}

// What follows a backslash. A pair of surrogates (JSON's way) is one character.
bool LooseReader::Escape(std::string& text) {
  if (pos_ == text_.size()) return false;
  const char c = text_[pos_++];
  const auto hex = [this](int digits, uint32_t& code) {
    code = 0;
    for (int i = 0; i < digits; ++i) {
      const int digit = pos_ < text_.size() ? HexDigit(text_[pos_]) : -1;
      if (digit < 0) return false;
      code = code << 4 | static_cast<uint32_t>(digit);
      ++pos_;
    }
    return true;
  };
  constexpr std::string_view kNames = "ntrbfav0", kBytes("\n\t\r\b\f\a\v\0", 8);
  if (const size_t at = kNames.find(c); at != std::string_view::npos) {
    text += kBytes[at];
  } else if (c == 'x' || c == 'u' || c == 'U') {
    uint32_t code = 0;
    if (!hex(c == 'x' ? 2 : c == 'u' ? 4 : 8, code)) return false;
    const size_t after = pos_;
    uint32_t low = 0;
    if (code >= 0xD800 && code < 0xDC00 && text_.substr(pos_).starts_with("\\u")) {
      pos_ += 2;
      if (hex(4, low) && low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      } else {
        pos_ = after;
      }
    }
    AppendCodePoint(code, text);
  } else if (c == '\n') {
    // A line that goes on.
  } else if (c == '\\' || c == '\'' || c == '"' || c == '/') {
    text += c;
  } else {  // as Python keeps what is no escape
    text += '\\';
    text += c;
  }
  return true;
}

bool LooseReader::Number(std::string& json) {
  SkipSpace();
  size_t end = pos_;
  while (end < text_.size() && (absl::ascii_isalnum(static_cast<unsigned char>(text_[end])) ||
                                text_[end] == '.' || text_[end] == '-' || text_[end] == '+')) {
    ++end;
  }
  const std::string_view token = text_.substr(pos_, end - pos_);
  std::string value;
  if (token.empty() || ReadJson(token, value) != 'n') return false;
  json += value;
  pos_ = end;
  return true;
}

bool LooseReader::Word(std::string& word) {
  SkipSpace();
  while (pos_ < text_.size() && IsWordByte(text_[pos_])) word += text_[pos_++];
  return !word.empty();
}

void LooseReader::SkipSpace() {
  while (pos_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[pos_])))
    ++pos_;
}

bool LooseReader::Accept(std::string_view token) {
  SkipSpace();
  if (!text_.substr(pos_).starts_with(token)) return false;
  pos_ += token.size();
  return true;
}

bool LooseReader::AtEnd() {
  SkipSpace();
  return pos_ == text_.size();
}

}  // namespace skep::engine::output
