// Texts that know which of their bytes a user supplied.
//
// A special token that the template writes is one; the same letters in a message are only letters.
// So every string remembers which of its bytes come from the conversation, through all that a
// template does to it. A piece that is computed rather than copied (JSON, percent encoding, another
// case) is the user's as a whole if any of what it was computed from is.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_MARKED_TEXT_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_MARKED_TEXT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/text_span.h"

namespace skep::engine::jinja {

// Which bytes of some text are the user's. None and all of them, by far the most common, cost
// nothing.
class Marks final {
 public:
  Marks() = default;  // none
  static Marks All() { return Marks(Kind::kAll, {}); }
  // `spans`: sorted, disjoint, not empty, within a text of `size` bytes.
  static Marks Of(std::vector<TextSpan> spans, size_t size);

  bool none() const { return kind_ == Kind::kNone; }
  bool all() const { return kind_ == Kind::kAll; }
  // What remembering them takes, beyond this object.
  size_t bytes() const { return spans_.size() * sizeof(TextSpan); }
  // Adds those of the bytes [begin, end) to `out`, moved to `at`.
  void AppendTo(size_t begin, size_t end, size_t at, std::vector<TextSpan>& out) const;

 private:
  enum class Kind { kNone, kAll, kSome };
  Marks(Kind kind, std::vector<TextSpan> spans) : kind_(kind), spans_(std::move(spans)) {}

  Kind kind_ = Kind::kNone;
  std::vector<TextSpan> spans_;  // only of kSome
};

struct StringData;

// A text under construction, or one that is not a value yet.
struct MarkedText final {
  MarkedText() = default;
  explicit MarkedText(std::string trusted) : text(std::move(trusted)) {}

  // From the template itself.
  void Append(std::string_view trusted) { text.append(trusted); }
  // Computed from something; `marked`: from something of the user's.
  void Append(std::string_view piece, bool marked);
  void Append(const StringData& string);
  // `part` is a view into string.text.
  void AppendPart(const StringData& string, std::string_view part);
  void Append(const MarkedText& other);
  // From `begin` on, all that has been appended is the user's.
  void MarkFrom(size_t begin);
  void Truncate(size_t size);
  // What it takes.
  size_t bytes() const { return text.size() + spans.size() * sizeof(TextSpan); }
  // Of the text as it stands; the spans are handed over.
  Marks TakeMarks() { return Marks::Of(std::move(spans), text.size()); }

  std::string text;
  std::vector<TextSpan> spans;  // sorted, disjoint, neither empty nor touching
};

// Python's string functions with more than one piece in the result.
MarkedText Replace(const StringData& text, std::string_view from, const StringData& to,
                   int64_t limit);
// `convert` applied to all of `text`. Where the pieces between the user's borders come out the same
// on their own, each keeps its mark; else everything gets it.
MarkedText ConvertText(const StringData& text, std::string (*convert)(std::string_view));

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_MARKED_TEXT_H_
