// What happens to a text before it is split: the normalizers of tokenizer.json.
#ifndef SKEP_ENGINE_TOKENIZER_NORMALIZER_H_
#define SKEP_ENGINE_TOKENIZER_NORMALIZER_H_

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "engine/tokenizer/pattern.h"

namespace skep::engine::tokenizer {

struct NfcNormalizer {};
struct PrependNormalizer {  // not to empty texts
  std::string text;
};
struct ReplaceNormalizer {
  std::shared_ptr<const Pattern> pattern;
  std::string content;
  std::string source;  // of the pattern: a literal, or a regular expression
  bool is_regex = false;
};
struct StripNormalizer {  // white space
  bool left = true;
  bool right = true;
};
using NormalizerStep =
    std::variant<NfcNormalizer, PrependNormalizer, ReplaceNormalizer, StripNormalizer>;

struct Normalizer {
  std::vector<NormalizerStep> steps;

  // InvalidArgument: a pattern ran into its limit.
  absl::Status Apply(std::string& text) const;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_NORMALIZER_H_
