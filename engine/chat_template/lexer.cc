#include "engine/chat_template/lexer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

using Type = Token::Type;

// One kind of line end, and not the last one: as Jinja does before anything else.
std::string NormalizeNewlines(std::string_view source, bool drop_last) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (drop_last && EndsWith(out, "\n")) out.pop_back();
  return out;
}

class Lexer final {
 public:
  explicit Lexer(std::string_view source) : source_(NormalizeNewlines(source, true)) {
    line_starts_.push_back(0);
    for (size_t i = 0; i < source_.size(); ++i) {
      if (source_[i] == '\n') line_starts_.push_back(i + 1);
    }
  }

  std::vector<Token> Run() {
    while (at_ < source_.size()) LexData();
    Add(Type::kEnd, source_.size());
    return std::move(tokens_);
  }

 private:
  Position PositionAt(size_t offset) const {
    const auto line = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset) - 1;
    return {static_cast<int>(line - line_starts_.begin()) + 1,
            static_cast<int>(offset - *line) + 1};
  }
  [[noreturn]] void FailAt(size_t offset, std::string message) const {
    Fail(std::move(message), PositionAt(offset));
  }
  std::string_view Rest() const { return std::string_view(source_).substr(at_); }
  bool At(std::string_view text) const { return StartsWith(Rest(), text); }
  void Add(Type type, size_t start, std::string text = "") {
    Token& token = tokens_.emplace_back();
    token.type = type;
    token.position = PositionAt(start);
    token.text = std::move(text);
  }
  void SkipSpace() { at_ = source_.size() - StripSpace(Rest(), Side::kLeft).size(); }
  // Takes -, + or nothing after a tag's opening.
  char TakeSign() {
    const char sign = at_ < source_.size() ? source_[at_] : '\0';
    if (sign != '-' && sign != '+') return '\0';
    ++at_;
    return sign;
  }

  void LexData();
  void AddData(size_t start, size_t end, char sign, bool may_lstrip);
  void LexComment(size_t start);
  bool TakeRawBegin();
  void LexRaw(size_t start);
  void LexTag(bool block);
  bool TakeTagEnd(bool block);
  void LexNumber();
  void LexName();
  void LexString();
  void LexOperator();

  const std::string source_;
  std::vector<size_t> line_starts_;
  std::vector<Token> tokens_;
  std::vector<char> brackets_;  // the closing ones that are due
  size_t at_ = 0;
  bool line_starting_ = true;  // the last tag ended a line
};

// Text up to the next tag, and the tag.
void Lexer::LexData() {
  const size_t start = at_;
  size_t open = start;
  while (true) {
    open = source_.find('{', open);
    if (open == std::string::npos || open + 1 >= source_.size()) {
      at_ = source_.size();
      return Add(Type::kData, start, source_.substr(start));
    }
    if (StrContains("%{#", source_[open + 1])) break;
    ++open;
  }
  at_ = open;
  const char kind = source_[open + 1];
  if (kind == '%' && TakeRawBegin()) {
    const char sign = source_[open + 2];
    AddData(start, open, sign, /*may_lstrip=*/true);
    return LexRaw(open);
  }
  at_ = open + 2;
  const char sign = TakeSign();
  AddData(start, open, sign, /*may_lstrip=*/kind != '{');
  if (kind == '#') return LexComment(open);
  Add(kind == '%' ? Type::kBlockBegin : Type::kVariableBegin, open);
  line_starting_ = false;
  LexTag(kind == '%');
}

// The text before a tag whose opening carries `sign`.
void Lexer::AddData(size_t start, size_t end, char sign, bool may_lstrip) {
  std::string_view text = std::string_view(source_).substr(start, end - start);
  if (sign == '-') {
    text = StripSpace(text, Side::kRight);
  } else if (sign != '+' && may_lstrip) {
    const size_t line = text.rfind('\n') + 1;  // npos + 1 == 0
    if ((line > 0 || line_starting_) && StripSpace(text.substr(line), Side::kBoth).empty()) {
      text = text.substr(0, line);
    }
  }
  if (!text.empty()) Add(Type::kData, start, std::string(text));
}

void Lexer::LexComment(size_t start) {
  const size_t body = at_;
  const size_t end = source_.find("#}", body);
  if (end == std::string::npos) FailAt(start, "Missing end of comment tag");
  const char sign = end > body ? source_[end - 1] : '\0';
  at_ = end + 2;
  if (sign == '-') {
    SkipSpace();
  } else if (sign != '+' && At("\n")) {
    ++at_;
  }
  line_starting_ = source_[at_ - 1] == '\n';
}

// {% raw %}: moves past it, if it stands here.
bool Lexer::TakeRawBegin() {
  const size_t start = at_;
  at_ += 2;
  TakeSign();
  SkipSpace();
  if (At("raw")) {
    at_ += 3;
    SkipSpace();
    if (At("%}")) {
      at_ += 2;
      return true;
    }
    if (At("-%}")) {
      at_ += 3;
      SkipSpace();
      return true;
    }
  }
  at_ = start;
  return false;
}

void Lexer::LexRaw(size_t start) {
  line_starting_ = source_[at_ - 1] == '\n';
  const size_t body = at_;
  for (size_t open = source_.find("{%", body); open != std::string::npos;
       open = source_.find("{%", open + 1)) {
    at_ = open + 2;
    const char sign = TakeSign();
    SkipSpace();
    if (!At("endraw")) continue;
    at_ += 6;
    SkipSpace();
    if (!TakeTagEnd(/*block=*/true)) continue;
    tokens_.pop_back();  // the end of a tag that is no tag
    const bool line_starting = std::exchange(line_starting_, source_[body - 1] == '\n');
    AddData(body, open, sign, /*may_lstrip=*/true);
    line_starting_ = line_starting;
    return;
  }
  FailAt(start, "Missing end of raw directive");
}

// The inside of a tag, to its end or the end of the source.
void Lexer::LexTag(bool block) {
  brackets_.clear();
  while (at_ < source_.size()) {
    if (brackets_.empty() && TakeTagEnd(block)) return;
    const unsigned char c = source_[at_];
    const size_t bytes = CharacterBytes(source_, at_);
    const char32_t wide = c < 0x80 ? c : Decode(source_.substr(at_, bytes))[0];
    if (IsSpace(wide)) {
      at_ += bytes;
    } else if (absl::ascii_isdigit(c)) {
      LexNumber();
    } else if (c == '_' || IsAlphanumeric(wide)) {
      LexName();
    } else if (c == '\'' || c == '"') {
      LexString();
    } else {
      LexOperator();
    }
  }
}

bool Lexer::TakeTagEnd(bool block) {
  const size_t start = at_;
  const std::string_view end = block ? "%}" : "}}";
  const char sign = source_[at_ < source_.size() ? at_ : 0];
  const bool signed_end = At(StrCat("-", end)) || (block && At("+%}"));
  if (!signed_end && !At(end)) return false;
  at_ += signed_end ? 3 : 2;
  if (signed_end && sign == '-') {
    SkipSpace();
  } else if (!signed_end && block && At("\n")) {
    ++at_;
  }
  Add(block ? Type::kBlockEnd : Type::kVariableEnd, start);
  line_starting_ = source_[at_ - 1] == '\n';
  return true;
}

void Lexer::LexNumber() {
  const size_t start = at_;
  const std::string_view source = source_;
  // Digits with single underscores between them, from `from` on; `from` if there are none.
  const auto digits = [&](size_t from, std::string_view alphabet) {
    size_t end = from;
    while (end < source.size()) {
      const size_t next = source[end] == '_' && end > from ? end + 1 : end;
      if (next >= source.size() || !StrContains(alphabet, source[next])) break;
      end = next + 1;
    }
    return end;
  };
  constexpr std::string_view kDecimal = "0123456789";
  const auto plain = [&](size_t end) {
    std::string text(source.substr(start, end - start));
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    return text;
  };

  size_t end = digits(start, kDecimal);
  const bool after_dot = start > 0 && source[start - 1] == '.';
  bool is_float = false;
  if (!after_dot && end < source.size()) {
    size_t fraction = end;
    if (source[end] == '.') fraction = digits(end + 1, kDecimal);
    if (fraction > end + 1) is_float = true, end = fraction;
    if (end < source.size() && (source[end] == 'e' || source[end] == 'E')) {
      const size_t sign = end + 1 < source.size() && StrContains("+-", source[end + 1]);
      const size_t exponent = digits(end + 1 + sign, kDecimal);
      if (exponent > end + 1 + sign) is_float = true, end = exponent;
    }
  }
  if (is_float) {
    Add(Type::kFloat, start);
    tokens_.back().number = ParseFloat(plain(end)).value_or(0);
    at_ = end;
    return;
  }
  if (source[start] == '0') {
    const char letter = start + 1 < source.size() ? source[start + 1] | 0x20 : '\0';
    const std::string_view alphabet = letter == 'x'   ? "0123456789abcdefABCDEF"
                                      : letter == 'o' ? "01234567"
                                      : letter == 'b' ? "01"
                                                      : "";
    const size_t skip = start + 2 + (start + 2 < source.size() && source[start + 2] == '_');
    const size_t based = alphabet.empty() ? skip : digits(skip, alphabet);
    end = based > skip ? based : digits(start, "0");
  }
  at_ = end;
  Add(Type::kInteger, start);
  try {
    tokens_.back().integer = ParseInt(plain(end), 0).value_or(0);
  } catch (const TemplateError& error) {
    FailAt(start, error.message);
  }
}

void Lexer::LexName() {
  const size_t start = at_;
  while (at_ < source_.size()) {
    const size_t bytes = CharacterBytes(source_, at_);
    const char32_t c = Decode(source_.substr(at_, bytes))[0];
    if (c != '_' && !IsAlphanumeric(c)) break;
    if (at_ == start && !IsAlpha(c) && c != '_') FailAt(start, "Invalid character in identifier");
    at_ += bytes;
  }
  Add(Type::kName, start, source_.substr(start, at_ - start));
}

void Lexer::LexString() {
  const size_t start = at_;
  const char quote = source_[at_++];
  while (at_ < source_.size() && source_[at_] != quote) at_ += source_[at_] == '\\' ? 2 : 1;
  if (at_ >= source_.size()) FailAt(start, StrCat("unexpected char '", std::string(1, quote), "'"));
  const std::string_view body = std::string_view(source_).substr(start + 1, at_ - start - 1);
  ++at_;
  try {
    Add(Type::kString, start, Unescape(body));
  } catch (const TemplateError& error) {
    FailAt(start, error.message);
  }
}

void Lexer::LexOperator() {
  const size_t start = at_;
  static constexpr std::string_view kOperators[] = {
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  const auto* op = std::find_if(std::begin(kOperators), std::end(kOperators),
                                [&](std::string_view candidate) { return At(candidate); });
  if (op == std::end(kOperators)) {
    const size_t bytes = CharacterBytes(source_, at_);
    FailAt(start, StrCat("unexpected char ", QuoteRepr(source_.substr(at_, bytes))));
  }
  constexpr std::string_view kOpen = "([{", kClose = ")]}";
  const char c = (*op)[0];
  if (const size_t open = kOpen.find(c); open != std::string_view::npos) {
    brackets_.push_back(kClose[open]);
  } else if (kClose.find(c) != std::string_view::npos) {
    if (brackets_.empty()) FailAt(start, StrCat("unexpected '", *op, "'"));
    if (brackets_.back() != c) {
      FailAt(start,
             StrCat("unexpected '", *op, "', expected '", std::string(1, brackets_.back()), "'"));
    }
    brackets_.pop_back();
  }
  at_ += op->size();
  Add(Type::kOperator, start, std::string(*op));
}

}  // namespace

std::string Describe(const Token& token) {
  switch (token.type) {
    case Type::kData:
      return "template data / text";
    case Type::kVariableBegin:
      return "begin of print statement";
    case Type::kVariableEnd:
      return "end of print statement";
    case Type::kBlockBegin:
      return "begin of statement block";
    case Type::kBlockEnd:
      return "end of statement block";
    case Type::kInteger:
      return StrCat(token.integer);
    case Type::kFloat:
      return FloatRepr(token.number);
    case Type::kEnd:
      return "end of template";
    default:
      return token.text;
  }
}

std::vector<Token> Tokenize(std::string_view source) { return Lexer(source).Run(); }

}  // namespace skep::engine::jinja
