// How a text is cut into words: the pre-tokenizers of tokenizer.json.
#ifndef SKEP_ENGINE_TOKENIZER_PRE_TOKENIZER_H_
#define SKEP_ENGINE_TOKENIZER_PRE_TOKENIZER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/tokenizer/pattern.h"

namespace skep::engine::tokenizer {

// What becomes of the matches of a pattern and of what lies between them.
enum class SplitBehavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

struct SplitStep {
  std::shared_ptr<const Pattern> pattern;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;
  std::string source;  // of the pattern: a literal, or a regular expression
  bool is_regex = true;
};
struct WhitespaceStep {};       // \w+|[^\w\s]+
struct WhitespaceSplitStep {};  // white space is removed
struct DelimiterStep {          // so is a character
  std::string delimiter;
};
struct UnicodeScriptsStep {};  // words of one script
struct FixedLengthStep {       // of `length` characters, the last one of fewer
  uint32_t length = 5;
};
struct DigitsStep {
  bool individual = false;
};
struct PunctuationStep {
  SplitBehavior behavior = SplitBehavior::kIsolated;
};
enum class PrependScheme { kAlways, kFirst, kNever };
struct MetaspaceStep {  // spaces become `replacement`
  std::string replacement;
  PrependScheme scheme = PrependScheme::kAlways;
  bool split = true;
};
struct PrefixSpaceStep {};     // a space before words that have none
struct BytesToLettersStep {};  // the byte alphabet, where later steps look at its letters
struct LettersToBytesStep {};  // and back, at the end
using PreTokenizerStep =
    std::variant<SplitStep, WhitespaceStep, WhitespaceSplitStep, DelimiterStep, UnicodeScriptsStep,
                 FixedLengthStep, DigitsStep, PunctuationStep, MetaspaceStep, PrefixSpaceStep,
                 BytesToLettersStep, LettersToBytesStep>;

// Cuts `text` by ranges of matches (in order, not overlapping), dropping empty parts.
std::vector<Range> CutByMatches(size_t text_size, absl::Span<const Range> matches,
                                SplitBehavior behavior, bool invert);

// The words of one text: views of it, or of strings kept in `owned`.
struct Words {
  std::vector<std::string_view> views;
  std::deque<std::string> owned;
  bool first_at_start = false;  // the first word stands at the start of the whole text
};

struct PreTokenizer {
  std::vector<PreTokenizerStep> steps;

  // Turns the words into smaller ones. InvalidArgument: a pattern ran into its limit, or the words
  // into that of growth.h.
  absl::Status Apply(Words& words) const;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_PRE_TOKENIZER_H_
