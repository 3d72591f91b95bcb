#include "engine/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/growth.h"
#include "engine/tokenizer/library_classes.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

struct Part {
  Range range;
  bool is_match;
};

// Matches and the gaps between them, in order. Empty matches stay: they cut.
std::vector<Part> WithGaps(size_t text_size, absl::Span<const Range> matches, bool invert) {
  std::vector<Part> parts;
  parts.reserve(2 * matches.size() + 1);
  size_t done = 0;
  for (const Range& match : matches) {
    if (done < match.begin) parts.push_back({{done, match.begin}, invert});
    parts.push_back({match, !invert});
    done = match.end;
  }
  if (done < text_size) parts.push_back({{done, text_size}, invert});
  return parts;
}

// A match joins the part before it, unless that is a match, too.
std::vector<Range> MergeWithPrevious(const std::vector<Part>& parts) {
  std::vector<Range> result;
  bool previous_match = false;
  for (const Part& part : parts) {
    if (part.is_match && !previous_match && !result.empty()) {
      result.back().end = part.range.end;
    } else {
      result.push_back(part.range);
    }
    previous_match = part.is_match;
  }
  return result;
}

std::vector<Range> MergeWithNext(const std::vector<Part>& parts) {
  std::vector<Range> result;
  bool next_match = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->is_match && !next_match && !result.empty()) {
      result.back().begin = part->range.begin;
    } else {
      result.push_back(part->range);
    }
    next_match = part->is_match;
  }
  std::reverse(result.begin(), result.end());
  return result;
}

std::vector<Range> MergeContiguous(const std::vector<Part>& parts) {
  std::vector<Range> result;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0 && parts[i].is_match == parts[i - 1].is_match) {
      result.back().end = parts[i].range.end;
    } else {
      result.push_back(parts[i].range);
    }
  }
  return result;
}

void AppendCut(std::string_view word, absl::Span<const Range> matches, SplitBehavior behavior,
               bool invert, std::vector<std::string_view>& out) {
  for (const Range& range : CutByMatches(word.size(), matches, behavior, invert)) {
    out.push_back(word.substr(range.begin, range.end - range.begin));
  }
}

// Isolated matches, the case of nearly all models, without the detour through parts.
void AppendIsolated(std::string_view word, const std::vector<Range>& matches,
                    std::vector<std::string_view>& out) {
  size_t done = 0;
  for (const Range& match : matches) {
    if (done < match.begin) out.push_back(word.substr(done, match.begin - done));
    if (match.begin < match.end) out.push_back(word.substr(match.begin, match.end - match.begin));
    done = match.end;
  }
  if (done < word.size()) out.push_back(word.substr(done));
}

// The ranges of single characters that `predicate` (of a code point) holds for.
template <typename Predicate>
std::vector<Range> FindCharacters(std::string_view text, const Predicate& predicate) {
  std::vector<Range> matches;
  size_t length = 0;
  for (size_t pos = 0; pos < text.size(); pos += length) {
    if (predicate(DecodeUtf8(text, pos, length))) matches.push_back({pos, pos + length});
  }
  return matches;
}

bool IsPunctuation(char32_t c) { return (LibraryClassOf(c) & kLibraryPunctuation) != 0; }
bool IsNumber(char32_t c) { return (LibraryClassOf(c) & kLibraryNumber) != 0; }
bool IsSpace(char32_t c) { return (ClassOf(c) & kSpace) != 0; }

// What UnicodeScripts calls one script; 0 never cuts.
uint8_t ScriptIn(std::string_view text, size_t pos, size_t& length) {
  return ScriptOf(DecodeUtf8(text, pos, length));
}

// Applies one step to all words.
class StepRunner final {
 public:
  explicit StepRunner(Words& words) : words_(words) {}

  absl::Status operator()(const SplitStep& step) {
    std::vector<std::string_view> result;
    std::vector<Range> matches;
    for (std::string_view word : words_.views) {
      matches.clear();
      if (absl::Status status = step.pattern->FindAll(word, matches); !status.ok()) return status;
      if (step.behavior == SplitBehavior::kIsolated) {
        AppendIsolated(word, matches, result);
      } else {
        AppendCut(word, matches, step.behavior, step.invert, result);
      }
    }
    return Take(std::move(result));
  }

  // Runs of word characters, runs of others, and nothing of white space.
  absl::Status operator()(const WhitespaceStep&) {
    std::vector<std::string_view> result;
    for (std::string_view word : words_.views) {
      size_t begin = 0, length = 0;
      int kind = 0;  // of the run from `begin` on: 0 space, 1 word, 2 other
      for (size_t pos = 0; pos < word.size(); pos += length) {
        const char32_t c = DecodeUtf8(word, pos, length);
        const int next = IsRustWord(c) ? 1 : (IsSpace(c) ? 0 : 2);
        if (next == kind) continue;
        if (kind != 0) result.push_back(word.substr(begin, pos - begin));
        begin = pos;
        kind = next;
      }
      if (kind != 0) result.push_back(word.substr(begin));
    }
    return Take(std::move(result));
  }

  absl::Status operator()(const WhitespaceSplitStep&) {
    return CutAtCharacters(IsSpace, SplitBehavior::kRemoved);
  }

  absl::Status operator()(const DelimiterStep& step) {
    return CutAtLiteral(step.delimiter, SplitBehavior::kRemoved);
  }

  // As the library has it, what stands before the first character of a script is dropped.
  absl::Status operator()(const UnicodeScriptsStep&) {
    std::vector<std::string_view> result;
    for (std::string_view word : words_.views) {
      size_t begin = 0, length = 0;
      uint8_t script = 0;
      for (size_t pos = 0; pos < word.size(); pos += length) {
        const uint8_t next = ScriptIn(word, pos, length);
        if (next == 0 || next == script) continue;
        if (script != 0) result.push_back(word.substr(begin, pos - begin));
        begin = pos;
        script = next;
      }
      if (script != 0) result.push_back(word.substr(begin));
    }
    return Take(std::move(result));
  }

  absl::Status operator()(const FixedLengthStep& step) {
    std::vector<std::string_view> result;
    for (std::string_view word : words_.views) {
      size_t begin = 0, length = 0;
      uint32_t count = 0;
      for (size_t pos = 0; pos < word.size(); pos += length) {
        DecodeUtf8(word, pos, length);
        if (count++ < step.length) continue;
        result.push_back(word.substr(begin, pos - begin));
        begin = pos;
        count = 1;
      }
      result.push_back(word.substr(begin));
    }
    return Take(std::move(result));
  }

  absl::Status operator()(const DigitsStep& step) {
    return CutAtCharacters(IsNumber,
                           step.individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
  }

  absl::Status operator()(const PunctuationStep& step) {
    return CutAtCharacters(IsPunctuation, step.behavior);
  }

  absl::Status operator()(const MetaspaceStep& step) {
    bool first = true;
    for (std::string_view& word : words_.views) {
      std::string text = ReplaceAll(word, " ", step.replacement);
      const bool prepend = step.scheme == PrependScheme::kAlways ||
                           (step.scheme == PrependScheme::kFirst && first && words_.first_at_start);
      if (prepend && !text.starts_with(step.replacement)) text.insert(0, step.replacement);
      word = Own(std::move(text));
      first = false;
    }
    if (!step.split) return absl::OkStatus();
    return CutAtLiteral(step.replacement, SplitBehavior::kMergedWithNext);
  }

  absl::Status operator()(const PrefixSpaceStep&) {
    for (std::string_view& word : words_.views) {
      if (!word.starts_with(" ")) word = Own(Concat(" ", word));
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const BytesToLettersStep&) {
    for (std::string_view& word : words_.views) word = Own(BytesToLetters(word));
    return absl::OkStatus();
  }

  absl::Status operator()(const LettersToBytesStep&) {
    for (std::string_view& word : words_.views) {
      // Steps in between only cut between letters, so that every letter is one.
      if (auto bytes = LettersToBytes(word)) word = Own(*std::move(bytes));
    }
    return absl::OkStatus();
  }

 private:
  template <typename Predicate>
  absl::Status CutAtCharacters(const Predicate& predicate, SplitBehavior behavior) {
    std::vector<std::string_view> result;
    for (std::string_view word : words_.views) {
      AppendCut(word, FindCharacters(word, predicate), behavior, /*invert=*/false, result);
    }
    return Take(std::move(result));
  }

  absl::Status CutAtLiteral(const std::string& literal, SplitBehavior behavior) {
    std::vector<std::string_view> result;
    std::vector<Range> matches;
    for (std::string_view word : words_.views) {
      matches.clear();
      for (size_t at = word.find(literal); at != std::string_view::npos;
           at = word.find(literal, at + literal.size())) {
        matches.push_back({at, at + literal.size()});
      }
      AppendCut(word, matches, behavior, /*invert=*/false, result);
    }
    return Take(std::move(result));
  }

  // Parts of the words take their place.
  absl::Status Take(std::vector<std::string_view> parts) {
    if (parts.empty() || words_.views.empty() ||
        parts.front().data() != words_.views.front().data()) {
      words_.first_at_start = false;
    }
    words_.views = std::move(parts);
    return absl::OkStatus();
  }

  std::string_view Own(std::string text) {
    words_.owned.push_back(std::move(text));
    return words_.owned.back();
  }

  Words& words_;
};

}  // namespace

std::vector<Range> CutByMatches(size_t text_size, absl::Span<const Range> matches,
                                SplitBehavior behavior, bool invert) {
  const std::vector<Part> parts = WithGaps(text_size, matches, invert);
  std::vector<Range> result;
  switch (behavior) {
    case SplitBehavior::kIsolated:
      for (const Part& part : parts) result.push_back(part.range);
      break;
    case SplitBehavior::kRemoved:
      for (const Part& part : parts) {
        if (!part.is_match) result.push_back(part.range);
      }
      break;
    case SplitBehavior::kMergedWithPrevious:
      result = MergeWithPrevious(parts);
      break;
    case SplitBehavior::kMergedWithNext:
      result = MergeWithNext(parts);
      break;
    case SplitBehavior::kContiguous:
      result = MergeContiguous(parts);
      break;
  }
  result.erase(std::remove_if(result.begin(), result.end(),
                              [](const Range& range) { return range.begin == range.end; }),
               result.end());
  return result;
}

absl::Status PreTokenizer::Apply(Words& words) const {
  size_t text_bytes = 0, owned_bytes = 0;
  for (std::string_view word : words.views) text_bytes += word.size();
  for (const PreTokenizerStep& step : steps) {
    const size_t owned = words.owned.size();
    absl::Status status = std::visit(StepRunner(words), step);
    if (!status.ok()) return status;
    for (size_t i = owned; i < words.owned.size(); ++i) owned_bytes += words.owned[i].size();
    if (owned_bytes > MaxGrownBytes(text_bytes)) return GrownTooMuch(text_bytes);
  }
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
