// The scanner for alternatives of sequences of quantified character classes:
//
//   regex    := sequence ('|' sequence)*
//   sequence := item+ ["(?!\S)"]
//   item     := (class | group) quantifier?       a group only without quantifier or with '?'
//   group    := '(?:' words ')' | '(?i:' words ')'   words: alternatives of classes, each once
//
// It finds what a backtracking engine finds (first alternative that matches, greedy quantifiers),
// without recursion into the text: the depth is that of the pattern.
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "engine/tokenizer/char_class.h"
#include "engine/tokenizer/pattern.h"
#include "engine/tokenizer/steps.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

constexpr size_t kNoMatch = SIZE_MAX;
constexpr uint32_t kUnbounded = UINT32_MAX;
constexpr size_t kMaxItems = 16;
constexpr size_t kMaxAlternatives = 64;

struct Item {
  CharClass chars;
  std::vector<std::vector<CharClass>> words;  // a group, when not empty
  uint32_t min = 1;
  uint32_t max = 1;
  bool possessive = false;
};

struct Sequence {
  std::vector<Item> items;
  bool not_before_text = false;  // (?!\S)
};

// ---- Parsing ----

class SequenceParser final {
 public:
  explicit SequenceParser(std::string_view regex) : regex_(regex) {}

  std::optional<std::vector<Sequence>> Parse() {
    std::vector<Sequence> result;
    do {
      Sequence sequence;
      if (!ParseSequence(sequence) || result.size() == kMaxAlternatives) return std::nullopt;
      result.push_back(std::move(sequence));
    } while (Consume("|"));
    if (pos_ != regex_.size()) return std::nullopt;
    return result;
  }

 private:
  bool Consume(std::string_view token) {
    if (!regex_.substr(pos_).starts_with(token)) return false;
    pos_ += token.size();
    return true;
  }

  bool ParseSequence(Sequence& sequence) {
    while (pos_ < regex_.size() && regex_[pos_] != '|') {
      if (Consume("(?!\\S)")) {
        sequence.not_before_text = true;
        break;
      }
      Item item;
      if (!ParseItem(item) || sequence.items.size() == kMaxItems) return false;
      sequence.items.push_back(std::move(item));
    }
    return !sequence.items.empty();
  }

  bool ParseItem(Item& item) {
    if (Consume("(?i:")) return ParseGroup(item, /*ignore_case=*/true);
    if (Consume("(?:")) return ParseGroup(item, /*ignore_case=*/false);
    std::optional<CharClass> chars = ParseCharClass(regex_, pos_, /*ignore_case=*/false);
    if (!chars) return false;
    item.chars = *std::move(chars);
    return ParseQuantifier(item);
  }

  bool ParseGroup(Item& item, bool ignore_case) {
    do {
      std::vector<CharClass> word;
      while (pos_ < regex_.size() && regex_[pos_] != '|' && regex_[pos_] != ')') {
        std::optional<CharClass> chars = ParseCharClass(regex_, pos_, ignore_case);
        if (!chars) return false;
        word.push_back(*std::move(chars));
      }
      if (word.empty()) return false;
      item.words.push_back(std::move(word));
    } while (Consume("|"));
    if (!Consume(")")) return false;
    if (Consume("?")) item.min = 0;
    return AtItemEnd();
  }

  // No second quantifier may follow ("+?" is lazy; this scanner knows greedy and possessive only).
  bool AtItemEnd() const {
    return pos_ >= regex_.size() ||
           std::string_view("?*+{").find(regex_[pos_]) == std::string_view::npos;
  }

  bool ParseQuantifier(Item& item) {
    bool quantified = true;
    if (Consume("?")) {
      item.min = 0;
    } else if (Consume("*")) {
      item.min = 0;
      item.max = kUnbounded;
    } else if (Consume("+")) {
      item.max = kUnbounded;
    } else if (Consume("{")) {
      if (!ParseCounts(item)) return false;
      return AtItemEnd();
    } else {
      quantified = false;
    }
    if (quantified && Consume("+")) item.possessive = true;
    return AtItemEnd();
  }

  static bool ParseCount(std::string_view digits, uint32_t& count) {
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    return result.ec == std::errc() && result.ptr == digits.data() + digits.size();
  }

  bool ParseCounts(Item& item) {
    const size_t close = regex_.find('}', pos_);
    if (close == std::string_view::npos) return false;
    const std::string_view counts = regex_.substr(pos_, close - pos_);
    pos_ = close + 1;
    const size_t comma = counts.find(',');
    if (!ParseCount(counts.substr(0, comma), item.min)) return false;
    if (comma == std::string_view::npos) {
      item.max = item.min;
    } else if (comma + 1 == counts.size()) {
      item.max = kUnbounded;
    } else if (!ParseCount(counts.substr(comma + 1), item.max)) {
      return false;
    }
    return item.min <= item.max;
  }

  std::string_view regex_;
  size_t pos_ = 0;
};

// ---- Matching ----

// One search in one text.
class Matcher final {
 public:
  Matcher(const std::vector<Sequence>& alternatives, const uint64_t (&first)[128],
          std::string_view text, uint64_t max_steps)
      : alternatives_(alternatives), first_(first), text_(text), max_steps_(max_steps) {}

  // The end of the match that begins at `pos`.
  size_t MatchAt(size_t pos) {
    const uint8_t byte = static_cast<uint8_t>(text_[pos]);
    uint64_t candidates = byte < 128 ? first_[byte] : ~uint64_t{0};
    for (size_t i = 0; i < alternatives_.size(); ++i, candidates >>= 1) {
      if ((candidates & 1) == 0) continue;
      const size_t end = MatchItems(alternatives_[i], /*index=*/0, pos);
      if (end != kNoMatch) return end;
    }
    return kNoMatch;
  }

  bool exhausted() const { return steps_ > max_steps_; }
  uint64_t steps() const { return steps_; }

 private:
  char32_t Read(size_t pos, size_t& length) {
    ++steps_;
    const uint8_t byte = static_cast<uint8_t>(text_[pos]);
    if (byte < 128) {
      length = 1;
      return byte;
    }
    return DecodeUtf8(text_, pos, length);
  }

  // The start of the character that ends at `pos`, not before `begin`.
  size_t StepBack(size_t begin, size_t pos) {
    ++steps_;
    for (size_t width = 2; width <= 4 && width <= pos - begin; ++width) {
      size_t length = 0;
      const char32_t c = DecodeUtf8(text_, pos - width, length);
      if (length == width && c < kInvalidByte) return pos - width;
    }
    return pos - 1;
  }

  size_t MatchItems(const Sequence& sequence, size_t index, size_t pos) {
    if (index == sequence.items.size()) {
      if (!sequence.not_before_text || pos == text_.size()) return pos;
      size_t length = 0;
      return (ClassOf(Read(pos, length)) & kSpace) != 0 ? pos : kNoMatch;
    }
    const Item& item = sequence.items[index];
    if (!item.words.empty()) return MatchGroup(sequence, index, pos);

    size_t end = pos;
    uint32_t count = 0;
    while (count < item.max && end < text_.size()) {
      size_t length = 0;
      if (!item.chars.Contains(Read(end, length))) break;
      end += length;
      ++count;
    }
    if (count < item.min) return kNoMatch;
    while (true) {
      const size_t result = MatchItems(sequence, index + 1, end);
      if (result != kNoMatch || count == item.min || item.possessive) return result;
      if (exhausted()) return kNoMatch;
      end = StepBack(pos, end);
      --count;
    }
  }

  size_t MatchGroup(const Sequence& sequence, size_t index, size_t pos) {
    const Item& item = sequence.items[index];
    for (const std::vector<CharClass>& word : item.words) {
      size_t end = pos;
      size_t matched = 0;
      while (matched < word.size() && end < text_.size()) {
        size_t length = 0;
        if (!word[matched].Contains(Read(end, length))) break;
        end += length;
        ++matched;
      }
      if (matched < word.size()) continue;
      const size_t result = MatchItems(sequence, index + 1, end);
      if (result != kNoMatch) return result;
    }
    return item.min == 0 ? MatchItems(sequence, index + 1, pos) : kNoMatch;
  }

  const std::vector<Sequence>& alternatives_;
  const uint64_t (&first_)[128];
  std::string_view text_;
  uint64_t max_steps_;
  uint64_t steps_ = 0;
};

class Scanner final : public Pattern {
 public:
  explicit Scanner(std::vector<Sequence> alternatives) : alternatives_(std::move(alternatives)) {
    for (size_t i = 0; i < alternatives_.size(); ++i) {
      for (char32_t c = 0; c < 128; ++c) {
        if (MayStartWith(alternatives_[i], c)) first_[c] |= uint64_t{1} << i;
      }
      matches_nothing_ |= MayBeEmpty(alternatives_[i]);
    }
  }

  absl::Status FindAll(std::string_view text, std::vector<Range>& matches) const override {
    // The patterns of real models take a few steps a character; those that would take quadratically
    // many are stopped.
    const uint64_t max_steps = 256 * (uint64_t{text.size()} + 1024);
    Matcher matcher(alternatives_, first_, text, max_steps);
    size_t pos = 0;
    size_t last_end = kNoMatch;  // right behind a match, an empty one does not count
    while (pos < text.size() && !matcher.exhausted()) {
      const size_t end = matcher.MatchAt(pos);
      if (end != kNoMatch && end > pos) {
        matches.push_back({pos, end});
        pos = last_end = end;
        continue;
      }
      if (end == pos && end != last_end) matches.push_back({pos, pos});
      size_t length = 0;
      DecodeUtf8(text, pos, length);
      pos += length;
    }
    CountSteps(matcher.steps());
    if (matcher.exhausted()) {
      return absl::InvalidArgumentError(Concat("splitting a text of ", text.size(),
                                               " bytes took more than ", max_steps, " steps"));
    }
    if (matches_nothing_ && pos != last_end && !text.empty()) matches.push_back({pos, pos});
    return absl::OkStatus();
  }

  std::string_view engine() const override { return "scanner"; }

 private:
  static bool MayStartWith(const Sequence& sequence, char32_t c) {
    for (const Item& item : sequence.items) {
      if (item.words.empty()) {
        if (item.chars.Contains(c)) return true;
      } else {
        for (const auto& word : item.words) {
          if (word[0].Contains(c)) return true;
        }
      }
      if (item.min > 0) return false;
    }
    return true;  // may match nothing
  }

  static bool MayBeEmpty(const Sequence& sequence) {
    for (const Item& item : sequence.items) {
      if (item.min > 0) return false;
    }
    return true;
  }

  std::vector<Sequence> alternatives_;
  bool matches_nothing_ = false;  // some alternative matches the empty text
  uint64_t first_[128] = {};      // bit i: alternative i may start with this ASCII character
};

}  // namespace

std::unique_ptr<Pattern> CompileScanner(std::string_view regex) {
  std::optional<std::vector<Sequence>> alternatives = SequenceParser(regex).Parse();
  if (!alternatives) return nullptr;
  return std::make_unique<Scanner>(*std::move(alternatives));
}

}  // namespace skep::engine::tokenizer
