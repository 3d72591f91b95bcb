// What happens to a text before it is split: the normalizers of tokenizer.json.
#ifndef SKEP_ENGINE_TOKENIZER_NORMALIZER_H_
#define SKEP_ENGINE_TOKENIZER_NORMALIZER_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "engine/tokenizer/charsmap.h"
#include "engine/tokenizer/pattern.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {

struct FormNormalizer {
  NormalForm form = NormalForm::kNfc;
};
struct LowercaseNormalizer {};
struct StripAccentsNormalizer {};  // all marks
struct StripNormalizer {           // white space
  bool left = true;
  bool right = true;
};
struct BertNormalizer {
  bool clean_text = true;             // control characters go, white space becomes spaces
  bool handle_chinese_chars = true;   // spaces around ideographs
  std::optional<bool> strip_accents;  // as `lowercase` says
  bool lowercase = true;
};
struct NmtNormalizer {};  // control characters go, some others become spaces
struct PrecompiledNormalizer {
  std::shared_ptr<const CharsMap> map;
};
struct PrependNormalizer {  // not to empty texts
  std::string text;
};
struct ReplaceNormalizer {
  std::shared_ptr<const Pattern> pattern;
  std::string content;
  std::string source;  // of the pattern: a literal, or a regular expression
  bool is_regex = false;
};
struct ByteLevelNormalizer {};  // bytes to letters of the byte alphabet
using NormalizerStep =
    std::variant<FormNormalizer, LowercaseNormalizer, StripAccentsNormalizer, StripNormalizer,
                 BertNormalizer, NmtNormalizer, PrecompiledNormalizer, PrependNormalizer,
                 ReplaceNormalizer, ByteLevelNormalizer>;

struct Normalizer {
  std::vector<NormalizerStep> steps;

  // InvalidArgument: a pattern ran into its limit, or the text into that of growth.h. `keeps_start`
  // becomes false when characters were taken away at the beginning, so that what is left does not
  // begin where `text` began.
  absl::Status Apply(std::string& text, bool& keeps_start) const;
  absl::Status Apply(std::string& text) const {
    bool keeps_start = true;
    return Apply(text, keeps_start);
  }
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_NORMALIZER_H_
