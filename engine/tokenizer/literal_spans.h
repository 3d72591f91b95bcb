// The parts of a text in which special tokens stay text, because users wrote them.
#ifndef SKEP_ENGINE_TOKENIZER_LITERAL_SPANS_H_
#define SKEP_ENGINE_TOKENIZER_LITERAL_SPANS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "engine/text_span.h"

namespace skep::engine::tokenizer {

class LiteralSpans final {
 public:
  LiteralSpans() = default;
  // `spans`: sorted and disjoint; of a part of the text that begins at `offset`. They must outlive
  // this object.
  explicit LiteralSpans(absl::Span<const TextSpan> spans, size_t offset = 0)
      : spans_(spans), offset_(offset) {}

  bool empty() const { return spans_.empty(); }
  // Whether any of the bytes [begin, end) is the user's.
  bool Touches(size_t begin, size_t end) const;
  // Where the next one begins, from `pos` on; `pos` itself within one.
  size_t FreeUntil(size_t pos) const;
  // What of them lies in [0, size).
  std::vector<TextSpan> Within(size_t size) const;
  // The same spans as seen from `begin`.
  LiteralSpans From(size_t begin) const { return LiteralSpans(spans_, offset_ + begin); }

 private:
  absl::Span<const TextSpan> spans_;
  size_t offset_ = 0;
};

// Whether a token marks the structure of a conversation, by its looks: <|...|>, <｜...｜>,
// <start_of_turn>, [INST] ... Vocabularies do not always call such tokens special.
bool LooksSpecial(std::string_view content);

// One of the stretches, and what the normalizer makes of it alone.
struct LiteralText {
  std::string_view text;
  std::string normalized;
};

// Normalizing moves bytes. The occurrences of `normalized` in `normalized_text` that are those of
// `content` in `text` where `literal` touches them, the first of one being the first of the other.
// All of them, if they are not as many there, or not as many in one of `stretches` before and
// after: then normalizing makes some, or unmakes some.
void FindLiteralOccurrences(std::string_view text, const LiteralSpans& literal,
                            absl::Span<const LiteralText> stretches, std::string_view content,
                            std::string_view normalized_text, std::string_view normalized,
                            std::vector<TextSpan>& out);

// The same bytes as sorted and disjoint spans.
std::vector<TextSpan> Merged(std::vector<TextSpan> spans);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_LITERAL_SPANS_H_
