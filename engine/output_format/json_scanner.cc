#include "engine/output_format/json_scanner.h"

#include <string>
#include <string_view>

#include "absl/strings/ascii.h"

namespace skep::engine::output {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

JsonScanner::Step JsonScanner::Push(char c) {
  written_.assign(1, c);
  switch (state_) {
    case State::kString:
    case State::kEscape:
    case State::kUnicode:
      return InString(c);
    case State::kLiteral:
      if (c != literal_[0]) return Fail();
      literal_.remove_prefix(1);
      if (literal_.empty()) state_ = State::kAfterValue;
      return Step::kMore;
    case State::kNumber:
      return InNumber(c);
    default:
      break;
  }
  if (IsSpace(c)) return Step::kMore;
  switch (state_) {
    case State::kFirstElement:
      if (c == ']') return EndValue(c);
      return BeginValue(c);
    case State::kValue:
      return BeginValue(c);
    case State::kFirstKey:
      if (c == '}') return EndValue(c);
      [[fallthrough]];
    case State::kKey:
      if (c != '"') return Fail();
      in_key_ = true;
      state_ = State::kString;
      return Step::kMore;
    case State::kColon:
      if (c != ':') return Fail();
      state_ = State::kValue;
      return Step::kMore;
    default:
      return AfterValue(c);
  }
}

JsonScanner::Step JsonScanner::BeginValue(char c) {
  if (c == '{' || c == '[') return Open(c);
  if (open_.empty()) return Fail();
  if (c == '"') {
    in_key_ = false;
    state_ = State::kString;
  } else if (c == 't' || c == 'f' || c == 'n') {
    literal_ = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
    state_ = State::kLiteral;
  } else if (c == '-' || absl::ascii_isdigit(static_cast<unsigned char>(c))) {
    number_ = c == '-' ? Number::kSign : c == '0' ? Number::kZero : Number::kInteger;
    state_ = State::kNumber;
  } else {
    return Fail();
  }
  return Step::kMore;
}

JsonScanner::Step JsonScanner::Open(char c) {
  if (open_.size() >= kMaxDepth) return Fail();
  open_ += c;
  state_ = c == '{' ? State::kFirstKey : State::kFirstElement;
  return Step::kMore;
}

JsonScanner::Step JsonScanner::EndValue(char c) {
  if (open_.empty() || open_.back() != (c == '}' ? '{' : '[')) return Fail();
  open_.pop_back();
  state_ = State::kAfterValue;
  return open_.empty() ? Step::kDone : Step::kMore;
}

JsonScanner::Step JsonScanner::AfterValue(char c) {
  if (c == '}' || c == ']') return EndValue(c);
  if (c != ',' || open_.empty()) return Fail();
  state_ = open_.back() == '{' ? State::kKey : State::kValue;
  return Step::kMore;
}

// Half of a surrogate pair is refused: it is no character.
bool JsonScanner::EndUnicodeEscape() {
  const bool high = hex_ >= 0xD800 && hex_ < 0xDC00, low = hex_ >= 0xDC00 && hex_ < 0xE000;
  if (low != high_surrogate_) return false;
  high_surrogate_ = high;
  state_ = State::kString;
  return true;
}

JsonScanner::Step JsonScanner::InString(char c) {
  const char due = state_ == State::kString ? '\\' : 'u';
  if (high_surrogate_ && state_ != State::kUnicode && c != due) return Fail();
  if (state_ == State::kUnicode) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return Fail();
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    hex_ = hex_ << 4 | static_cast<uint32_t>(digit);
    if (++hex_digits_ == 4 && !EndUnicodeEscape()) return Fail();
  } else if (state_ == State::kEscape) {
    if (std::string_view("\"\\/bfnrtu").find(c) == std::string_view::npos) return Fail();
    hex_digits_ = 0;
    hex_ = 0;
    state_ = c == 'u' ? State::kUnicode : State::kString;
  } else if (c == '\\') {
    state_ = State::kEscape;
  } else if (c == '"') {
    state_ = in_key_ ? State::kColon : State::kAfterValue;
  } else if (static_cast<unsigned char>(c) < 0x20) {
    written_.clear();
    AppendJsonEscaped(std::string_view(&c, 1), written_);
  }
  return Step::kMore;
}

JsonScanner::Step JsonScanner::InNumber(char c) {
  const bool digit = absl::ascii_isdigit(static_cast<unsigned char>(c));
  const bool e = c == 'e' || c == 'E';
  switch (number_) {
    case Number::kSign:
      if (!digit) return Fail();
      number_ = c == '0' ? Number::kZero : Number::kInteger;
      return Step::kMore;
    case Number::kZero:
    case Number::kInteger:
      if (digit && number_ == Number::kInteger) return Step::kMore;
      if (c == '.') return number_ = Number::kPoint, Step::kMore;
      if (e) return number_ = Number::kE, Step::kMore;
      break;
    case Number::kPoint:
    case Number::kFraction:
      if (digit) return number_ = Number::kFraction, Step::kMore;
      if (number_ == Number::kPoint) return Fail();
      if (e) return number_ = Number::kE, Step::kMore;
      break;
    case Number::kE:
      if (c == '+' || c == '-') return number_ = Number::kESign, Step::kMore;
      [[fallthrough]];
    case Number::kESign:
    case Number::kExponent:
      if (digit) return number_ = Number::kExponent, Step::kMore;
      if (number_ != Number::kExponent) return Fail();
      break;
  }
  state_ = State::kAfterValue;  // the number ended before this byte
  return IsSpace(c) ? Step::kMore : AfterValue(c);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

char ReadJson(std::string_view text, std::string& out) {
  text = Trim(text);
  if (text.empty()) return 0;
  JsonScanner scanner;  // reads it as the only element of an array
  scanner.Push('[');
  for (char c : text) {
    if (scanner.Push(c) != JsonScanner::Step::kMore) return 0;
    if (scanner.depth() == 1 && c == ',' && scanner.awaits_value()) return 0;
    out += scanner.written();
  }
  if (scanner.Push(']') != JsonScanner::Step::kDone) return 0;
  const char first = text[0];
  if (first == '{' || first == '[' || first == '"') return first;
  if (first == 't' || first == 'f') return 't';
  return first == 'n' ? '0' : 'n';
}

void AppendJsonEscaped(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          out += c;
        }
    }
  }
}

}  // namespace skep::engine::output
