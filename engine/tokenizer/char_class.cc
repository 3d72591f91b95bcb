#include "engine/tokenizer/char_class.h"

#include <algorithm>

namespace skep::engine::tokenizer {

void CharClass::AddRange(char32_t first, char32_t last) { ranges_.emplace_back(first, last); }
void CharClass::AddBits(uint32_t bits) { bits_ |= bits; }
void CharClass::AddNotBits(uint32_t bits) { not_bits_ |= bits; }
void CharClass::Exclude(uint32_t bits) { excluded_ |= bits; }

void CharClass::AddOtherCase() {
  for (size_t i = 0, n = ranges_.size(); i < n; ++i) {
    const auto [first, last] = ranges_[i];
    for (char32_t c = first; c <= last && c < 128; ++c) {
      const char32_t lower = c | 0x20;
      if (lower < 'a' || lower > 'z') continue;
      ranges_.emplace_back(c ^ 0x20, c ^ 0x20);
      if (lower == 's') ranges_.emplace_back(0x17F, 0x17F);    // ſ folds to s,
      if (lower == 'k') ranges_.emplace_back(0x212A, 0x212A);  // the Kelvin sign to k
    }
  }
}

void CharClass::Finish() {
  std::sort(ranges_.begin(), ranges_.end());
  for (char32_t c = 0; c < 128; ++c) {
    if (ContainsWide(c)) ascii_[c >> 6] |= uint64_t{1} << (c & 63);
  }
}

bool CharClass::ContainsWide(char32_t c) const {
  const uint32_t bits = ClassOf(c);
  bool inside = (bits & bits_) != 0 || (not_bits_ != 0 && (bits & not_bits_) == 0);
  if (!inside && !ranges_.empty()) {
    // The last range that starts at or before c may be nested in an earlier, longer one; patterns
    // have so few of those that going back while they could matter costs nothing.
    auto after =
        std::upper_bound(ranges_.begin(), ranges_.end(), c,
                         [](char32_t value, const auto& range) { return value < range.first; });
    while (after != ranges_.begin() && !inside) {
      --after;
      inside = c <= after->second;
    }
  }
  return (inside && (bits & excluded_) == 0) != negated_;
}

namespace {

bool IsAsciiLetterOrDigit(char32_t c) {
  return c < 128 && ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'));
}

class ClassParser final {
 public:
  ClassParser(std::string_view regex, size_t& pos) : regex_(regex), pos_(pos) {}

  // One element outside brackets.
  bool ParseElement(CharClass& out) {
    if (pos_ >= regex_.size()) return false;
    if (regex_[pos_] == '[') return ParseBrackets(out);
    if (regex_[pos_] == '\\') {
      std::optional<char32_t> literal;
      if (!ParseEscape(out, literal)) return false;
      if (literal) out.AddRange(*literal, *literal);
      return true;
    }
    if (std::string_view("|()?*+{}^$.]").find(regex_[pos_]) != std::string_view::npos) {
      return false;
    }
    const char32_t c = Next();
    out.AddRange(c, c);
    return true;
  }

 private:
  char32_t Next() {
    size_t length = 0;
    const char32_t c = DecodeUtf8(regex_, pos_, length);
    pos_ += length;
    return c;
  }

  // At a backslash: adds a class to `out`, or sets `literal`.
  bool ParseEscape(CharClass& out, std::optional<char32_t>& literal) {
    ++pos_;
    if (pos_ >= regex_.size()) return false;
    const char32_t c = Next();
    switch (c) {
      case 'n':
        literal = '\n';
        return true;
      case 'r':
        literal = '\r';
        return true;
      case 't':
        literal = '\t';
        return true;
      case 'f':
        literal = '\f';
        return true;
      case 'v':
        literal = '\v';
        return true;
      case 's':
        out.AddBits(kSpace);
        return true;
      case 'S':
        out.AddNotBits(kSpace);
        return true;
      case 'd':
        out.AddBits(kNd);
        return true;
      case 'D':
        out.AddNotBits(kNd);
        return true;
      case 'w':
        out.AddBits(kWordBits);
        for (const auto& [first, last] : kWordRanges) out.AddRange(first, last);
        return true;
      case 'p':
        return ParseProperty(out, /*negated=*/false);
      case 'P':
        return ParseProperty(out, /*negated=*/true);
      default:
        break;
    }
    if (IsAsciiLetterOrDigit(c)) return false;  // \b, \x, \w, back references ...
    literal = c;
    return true;
  }

  bool ParseProperty(CharClass& out, bool negated) {
    if (pos_ >= regex_.size() || regex_[pos_] != '{') return false;
    const size_t close = regex_.find('}', pos_);
    if (close == std::string_view::npos) return false;
    const auto bits = ClassByName(regex_.substr(pos_ + 1, close - pos_ - 1));
    if (!bits) return false;
    pos_ = close + 1;
    negated ? out.AddNotBits(*bits) : out.AddBits(*bits);
    return true;
  }

  bool ParseBrackets(CharClass& out) {
    ++pos_;
    bool negated = false;
    if (pos_ < regex_.size() && regex_[pos_] == '^') {
      negated = true;
      ++pos_;
    }
    bool first = true;
    while (pos_ < regex_.size() && (first || regex_[pos_] != ']')) {
      if (regex_[pos_] == '[' || regex_[pos_] == ']') return false;
      if (regex_.substr(pos_).starts_with("&&")) {
        if (negated || !ParseExclusion(out)) return false;
        continue;
      }
      if (!ParseMember(out)) return false;
      first = false;
    }
    if (pos_ >= regex_.size()) return false;
    ++pos_;
    if (negated) out.Negate();
    return true;
  }

  // A class or a range "a-z" inside brackets.
  bool ParseMember(CharClass& out) {
    std::optional<char32_t> low;
    if (!ParseCharacter(out, low)) return false;
    const bool is_range =
        pos_ + 1 < regex_.size() && regex_[pos_] == '-' && regex_[pos_ + 1] != ']';
    if (!is_range) {
      if (low) out.AddRange(*low, *low);
      return true;
    }
    if (!low) return false;
    ++pos_;
    std::optional<char32_t> high;
    if (!ParseCharacter(out, high) || !high || *high < *low) return false;
    out.AddRange(*low, *high);
    return true;
  }

  bool ParseCharacter(CharClass& out, std::optional<char32_t>& literal) {
    if (pos_ >= regex_.size() || regex_[pos_] == '[') return false;
    if (regex_[pos_] == '\\') return ParseEscape(out, literal);
    literal = Next();
    return true;
  }

  // "&&[^\p{Name}]", which must come last.
  bool ParseExclusion(CharClass& out) {
    if (!regex_.substr(pos_).starts_with("&&[^\\p")) return false;
    pos_ += 6;
    CharClass excluded;
    const size_t open = pos_;
    if (!ParseProperty(excluded, /*negated=*/false)) return false;
    const auto bits = ClassByName(regex_.substr(open + 1, pos_ - open - 2));
    if (pos_ + 1 >= regex_.size() || regex_[pos_] != ']' || regex_[pos_ + 1] != ']') return false;
    ++pos_;
    out.Exclude(*bits);
    return true;
  }

  std::string_view regex_;
  size_t& pos_;
};

}  // namespace

std::optional<CharClass> ParseCharClass(std::string_view regex, size_t& pos, bool ignore_case) {
  CharClass result;
  if (!ClassParser(regex, pos).ParseElement(result)) return std::nullopt;
  if (ignore_case) result.AddOtherCase();
  result.Finish();
  return result;
}

}  // namespace skep::engine::tokenizer
