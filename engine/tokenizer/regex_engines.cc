// The regular expressions that the scanner does not express: RE2, whose time is linear, and PCRE2
// with limits for those that look around or refer back.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "engine/tokenizer/pattern.h"
#include "engine/tokenizer/pattern_budget.h"
#include "engine/tokenizer/steps.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

// The two spellings of "all white space but the last character, when text follows" that end the
// alternatives of most pre-tokenizers.
constexpr std::string_view kSpacesThenRest = R"(|\s+(?!\S)|\s+)";
constexpr std::string_view kSpacesOnly = R"(|\s+(?!\S))";

// RE2's \s, \d, \w and $ know ASCII and the text's end only; Oniguruma's know Unicode and lines.
// Empty when `regex` negates one of them inside brackets, which has no such spelling.
std::string SpellOutClasses(std::string_view regex) {
  constexpr std::string_view kSpaceSet = R"(\t-\r\x{85}\p{Z})";
  constexpr std::string_view kWordSet =
      R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE}\x{24B6}-\x{24E9})"
      R"(\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";
  std::string out;
  bool in_brackets = false;
  for (size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '[' && in_brackets) return "";  // Oniguruma reads a nested set, RE2 a bracket
    if (c == '[') in_brackets = true;
    if (c == ']') in_brackets = false;
    if (c == '&' && in_brackets && i + 1 < regex.size() && regex[i + 1] == '&') return "";
    if (c == '$' && !in_brackets) {
      out.append("(?m:$)");
      continue;
    }
    if (c != '\\' || i + 1 == regex.size()) {
      out.push_back(c);
      continue;
    }
    const char next = regex[++i];
    const std::string_view set = (next | 0x20) == 's'   ? kSpaceSet
                                 : (next | 0x20) == 'w' ? kWordSet
                                 : (next | 0x20) == 'd' ? std::string_view(R"(\p{Nd})")
                                                        : std::string_view();
    const bool negated = next >= 'A' && next <= 'Z';
    if (set.empty() && (next == 'b' || next == 'B')) return "";  // RE2's are ASCII
    if (set.empty()) {
      out.append(regex, i - 1, 2);
    } else if (in_brackets) {
      if (negated) return "";
      out.append(set);
    } else {
      out.append(negated ? "[^" : "[").append(set).append("]");
    }
  }
  return out;
}

bool HasCapture(std::string_view regex) {
  bool in_brackets = false;
  for (size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] == '\\') {
      ++i;
    } else if (in_brackets) {
      in_brackets = regex[i] != ']';
    } else if (regex[i] == '[') {
      in_brackets = true;
    } else if (regex[i] == '(' && (i + 1 == regex.size() || regex[i + 1] != '?')) {
      return true;
    }
  }
  return false;
}

class Re2Pattern final : public Pattern {
 public:
  // With `keep_last_space`, group 1 is white space whose last character is left to what follows;
  // `spaces_may_stand_alone`: unless it is the only one.
  Re2Pattern(std::string_view regex, const RE2::Options& options, bool keep_last_space,
             bool spaces_may_stand_alone)
      : regex_(re2::StringPiece(regex.data(), regex.size()), options),
        keep_last_space_(keep_last_space),
        spaces_may_stand_alone_(spaces_may_stand_alone) {}

  bool ok() const { return regex_.ok(); }

  absl::Status FindAll(std::string_view text, std::vector<Range>& matches) const override {
    const re2::StringPiece input(text.data(), text.size());
    size_t pos = 0;
    while (pos <= text.size()) {
      re2::StringPiece groups[2];
      if (!regex_.Match(input, pos, text.size(), RE2::UNANCHORED, groups, 2)) break;
      const size_t begin = static_cast<size_t>(groups[0].data() - text.data());
      size_t end = begin + groups[0].size();
      if (keep_last_space_ && groups[1].data() != nullptr && end < text.size()) {
        const size_t shorter = LastCharacter(text, begin, end);
        if (shorter > begin) {
          end = shorter;
        } else if (!spaces_may_stand_alone_) {
          pos = end;
          continue;
        }
      }
      matches.push_back({begin, end});
      pos = end > begin ? end : NextCharacter(text, end);
    }
    return absl::OkStatus();
  }
  std::string_view engine() const override { return "re2"; }

 private:
  static bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }
  static size_t LastCharacter(std::string_view text, size_t begin, size_t end) {
    do {
      --end;
    } while (end > begin && IsContinuation(text[end]));
    return end;
  }
  static size_t NextCharacter(std::string_view text, size_t pos) {
    do {
      ++pos;
    } while (pos < text.size() && IsContinuation(text[pos]));
    return pos;
  }

  RE2 regex_;
  bool keep_last_space_;
  bool spaces_may_stand_alone_;
};

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

std::string Pcre2Message(int code) {
  PCRE2_UCHAR buffer[256] = {};
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

// Counts what a search does, item by item.
class Pcre2Meter final {
 public:
  explicit Pcre2Meter(PatternBudget& budget) : budget_(budget) {}

  static int Count(pcre2_callout_block* block, void* meter) {
    return static_cast<Pcre2Meter*>(meter)->CountItem(block->current_position);
  }

 private:
  int CountItem(size_t position) {
    const size_t passed = position > position_ ? position - position_ : 0;
    position_ = position;
    CountSteps(1 + passed);
    return budget_.Take(1 + passed) ? 0 : PCRE2_ERROR_CALLOUT;
  }

  PatternBudget& budget_;
  size_t position_ = 0;
};

// How many bytes are UTF-8.
size_t ValidPrefix(std::string_view text) {
  size_t length = 0;
  for (size_t pos = 0; pos < text.size(); pos += length) {
    if (DecodeUtf8(text, pos, length) >= kInvalidByte) return pos;
  }
  return text.size();
}

class Pcre2Pattern final : public Pattern {
 public:
  Pcre2Pattern(std::unique_ptr<pcre2_code, FreeCode> code,
               std::unique_ptr<pcre2_match_context, FreeContext> context)
      : code_(std::move(code)), context_(std::move(context)) {}

  // The parts of the text that are UTF-8, one by one: looking for them is left to us, as PCRE2
  // would look at all that is left of the text in each search.
  absl::Status FindAll(std::string_view text, std::vector<Range>& matches) const override {
    Search search;
    search.data.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    search.context.reset(pcre2_match_context_copy(context_.get()));
    if (search.data == nullptr || search.context == nullptr) {
      return absl::ResourceExhaustedError("no memory for a PCRE2 match");
    }
    PatternBudget* const shared = PatternBudget::current();
    PatternBudget own(text.size());
    Pcre2Meter meter(shared == nullptr ? own : *shared);
    pcre2_set_callout(search.context.get(), Pcre2Meter::Count, &meter);
    for (size_t begin = 0; begin <= text.size(); ++begin) {
      const size_t size = ValidPrefix(text.substr(begin));
      search.text = text.substr(begin, size);
      search.options = PCRE2_NO_UTF_CHECK | (begin > 0 ? PCRE2_NOTBOL : 0) |
                       (begin + size < text.size() ? PCRE2_NOTEOL : 0);
      const int error = FindInPart(search, begin, matches);
      if (error < 0) return Error(text, error);
      begin += size;
    }
    return absl::OkStatus();
  }
  std::string_view engine() const override { return "pcre2"; }

 private:
  struct Search {
    std::unique_ptr<pcre2_match_data, FreeMatch> data;
    std::unique_ptr<pcre2_match_context, FreeContext> context;
    std::string_view text;
    uint32_t options = 0;
  };

  // Appends the matches in a part that begins at `begin`. An error of PCRE2's, or 0.
  int FindInPart(const Search& search, size_t begin, std::vector<Range>& matches) const {
    const std::string_view text = search.text;
    size_t pos = 0;
    uint32_t options = 0;
    while (pos <= text.size()) {
      const int result =
          pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), pos,
                      options | search.options, search.data.get(), search.context.get());
      if (result == PCRE2_ERROR_NOMATCH) {
        if (options == 0) break;
        options = 0;  // nothing but the empty match at `pos`: go on behind the next character
        do {
          ++pos;
        } while (pos < text.size() && (static_cast<uint8_t>(text[pos]) & 0xC0) == 0x80);
        continue;
      }
      if (result < 0) return result;
      const PCRE2_SIZE* ovector = pcre2_get_ovector_pointer(search.data.get());
      const size_t start = std::min<size_t>(ovector[0], ovector[1]);  // \K may turn them round
      const size_t end = ovector[1];
      matches.push_back({begin + start, begin + end});
      options = start == end ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
      pos = end;
    }
    return 0;
  }

  static absl::Status Error(std::string_view text, int error) {
    return absl::InvalidArgumentError(
        Concat("splitting a text of ", text.size(), " bytes by a regular expression: ",
               error == PCRE2_ERROR_CALLOUT ? "it takes too many steps" : Pcre2Message(error)));
  }

  std::unique_ptr<pcre2_code, FreeCode> code_;
  std::unique_ptr<pcre2_match_context, FreeContext> context_;
};

}  // namespace

std::unique_ptr<Pattern> CompileRe2(std::string_view regex) {
  const bool then_rest = regex.ends_with(kSpacesThenRest);
  const bool spaces_only = !then_rest && regex.ends_with(kSpacesOnly);
  std::string rewritten;
  if (then_rest || spaces_only) {
    const std::string_view idiom = then_rest ? kSpacesThenRest : kSpacesOnly;
    const std::string_view head = regex.substr(0, regex.size() - idiom.size());
    // Group 1 tells the idiom's match from the others, so the head must not capture.
    if (HasCapture(head)) return nullptr;
    rewritten = Concat(head, R"(|(\s+))");
  } else {
    rewritten = std::string(regex);
  }
  const std::string spelled_out = SpellOutClasses(rewritten);
  if (spelled_out.empty()) return nullptr;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(int64_t{16} << 20);
  auto pattern = std::make_unique<Re2Pattern>(spelled_out, options, then_rest || spaces_only,
                                              /*spaces_may_stand_alone=*/then_rest);
  if (!pattern->ok()) return nullptr;
  return pattern;
}

absl::StatusOr<std::unique_ptr<Pattern>> CompilePcre2(std::string_view regex) {
  constexpr uint32_t kMaxMatchSteps = 1'000'000;
  constexpr uint32_t kMaxDepth = 100'000;
  constexpr uint32_t kMaxHeapKib = 32 << 10;
  int error = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<pcre2_code, FreeCode> code(pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE,
      &error, &offset, nullptr));
  if (code == nullptr) {
    return absl::InvalidArgumentError(
        Concat("regular expression '", regex, "', position ", offset, ": ", Pcre2Message(error)));
  }
  std::unique_ptr<pcre2_match_context, FreeContext> context(pcre2_match_context_create(nullptr));
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for a PCRE2 context");
  pcre2_set_match_limit(context.get(), kMaxMatchSteps);
  pcre2_set_depth_limit(context.get(), kMaxDepth);
  pcre2_set_heap_limit(context.get(), kMaxHeapKib);
  return std::make_unique<Pcre2Pattern>(std::move(code), std::move(context));
}

}  // namespace skep::engine::tokenizer
