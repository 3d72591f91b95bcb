// What a tokenizer splits text by: literals and regular expressions in the dialect of
// tokenizer.json (Oniguruma's, with Unicode classes).
//
// Nearly all patterns of real models are alternatives of short sequences of quantified character
// classes. Those run on a scanner of our own (scanner.cc); of the rest, what RE2 can express runs
// on RE2, and what is left on PCRE2 with limits.
#ifndef SKEP_ENGINE_TOKENIZER_PATTERN_H_
#define SKEP_ENGINE_TOKENIZER_PATTERN_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace skep::engine::tokenizer {

struct Range {  // of bytes, [begin, end)
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const Range&) const = default;
};

class Pattern {
 public:
  virtual ~Pattern() = default;
  // Appends all matches in `text`, in order and without overlap; they may be empty.
  // InvalidArgument: the search exceeded its limit of steps.
  virtual absl::Status FindAll(std::string_view text, std::vector<Range>& matches) const = 0;
  // Which engine runs it: "literal", "scanner", "re2", "pcre2".
  virtual std::string_view engine() const = 0;
};

std::unique_ptr<Pattern> MakeLiteralPattern(std::string literal);

// InvalidArgument: none of the engines understands it.
absl::StatusOr<std::unique_ptr<Pattern>> CompilePattern(std::string_view regex);

// The engines behind CompilePattern; nullptr for what they do not express.
std::unique_ptr<Pattern> CompileScanner(std::string_view regex);
std::unique_ptr<Pattern> CompileRe2(std::string_view regex);
absl::StatusOr<std::unique_ptr<Pattern>> CompilePcre2(std::string_view regex);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_PATTERN_H_
