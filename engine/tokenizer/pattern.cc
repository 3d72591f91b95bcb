#include "engine/tokenizer/pattern.h"

#include <algorithm>
#include <utility>

#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

class LiteralPattern final : public Pattern {
 public:
  explicit LiteralPattern(std::string literal) : literal_(std::move(literal)) {}

  absl::Status FindAll(std::string_view text, std::vector<Range>& matches) const override {
    if (literal_.empty()) return FindEmpty(text, matches);
    for (size_t pos = text.find(literal_); pos != std::string_view::npos;
         pos = text.find(literal_, pos + literal_.size())) {
      matches.push_back({pos, pos + literal_.size()});
    }
    return absl::OkStatus();
  }
  std::string_view engine() const override { return "literal"; }

 private:
  // An empty match before each character, and one at the end.
  static absl::Status FindEmpty(std::string_view text, std::vector<Range>& matches) {
    size_t length = 0;
    for (size_t pos = 0; pos < text.size(); pos += length) {
      matches.push_back({pos, pos});
      DecodeUtf8(text, pos, length);
    }
    if (!text.empty()) matches.push_back({text.size(), text.size()});
    return absl::OkStatus();
  }

  std::string literal_;
};

// (?=(\d{3})+(?!\d)): an empty match wherever a multiple of three digits, and then none, follows.
// Written out because a backtracking engine looks at the whole number again at each of its digits.
class ThousandsPattern final : public Pattern {
 public:
  static constexpr std::string_view kRegex = R"((?=(\d{3})+(?!\d)))";

  absl::Status FindAll(std::string_view text, std::vector<Range>& matches) const override {
    std::vector<size_t> digits;  // where the digits of the current number begin
    size_t length = 0;
    for (size_t pos = 0; pos <= text.size(); pos += length) {
      length = 1;
      if (pos < text.size() && (ClassOf(DecodeUtf8(text, pos, length)) & kNd) != 0) {
        digits.push_back(pos);
        continue;
      }
      for (size_t i = digits.size() % 3; i < digits.size(); i += 3) {
        matches.push_back({digits[i], digits[i]});
      }
      digits.clear();
    }
    return absl::OkStatus();
  }
  std::string_view engine() const override { return "scanner"; }
};

}  // namespace

std::unique_ptr<Pattern> MakeLiteralPattern(std::string literal) {
  return std::make_unique<LiteralPattern>(std::move(literal));
}

absl::StatusOr<std::unique_ptr<Pattern>> CompilePattern(std::string_view regex) {
  if (regex == ThousandsPattern::kRegex) return std::make_unique<ThousandsPattern>();
  if (auto scanner = CompileScanner(regex)) return scanner;
  if (auto re2 = CompileRe2(regex)) return re2;
  return CompilePcre2(regex);
}

}  // namespace skep::engine::tokenizer
