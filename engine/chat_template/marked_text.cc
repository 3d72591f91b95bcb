#include "engine/chat_template/marked_text.h"

#include <algorithm>

#include "engine/chat_template/text.h"
#include "engine/chat_template/value.h"

namespace skep::engine::jinja {
namespace {

// Adds a span that begins where the last one ends, or behind it.
void AppendSpan(TextSpan span, std::vector<TextSpan>& spans) {
  if (span.begin >= span.end) return;
  if (!spans.empty() && spans.back().end == span.begin) {
    spans.back().end = span.end;
  } else {
    spans.push_back(span);
  }
}

}  // namespace

Marks Marks::Of(std::vector<TextSpan> spans, size_t size) {
  if (spans.empty()) return Marks();
  if (spans.size() == 1 && spans[0] == TextSpan{0, size}) return All();
  return Marks(Kind::kSome, std::move(spans));
}

void Marks::AppendTo(size_t begin, size_t end, size_t at, std::vector<TextSpan>& out) const {
  if (kind_ == Kind::kNone) return;
  if (kind_ == Kind::kAll) return AppendSpan({at, at + (end - begin)}, out);
  auto span = std::lower_bound(spans_.begin(), spans_.end(), begin,
                               [](const TextSpan& s, size_t place) { return s.end <= place; });
  for (; span != spans_.end() && span->begin < end; ++span) {
    AppendSpan({std::max(span->begin, begin) - begin + at, std::min(span->end, end) - begin + at},
               out);
  }
}

void MarkedText::Append(std::string_view piece, bool marked) {
  if (marked) AppendSpan({text.size(), text.size() + piece.size()}, spans);
  text.append(piece);
}

void MarkedText::Append(const StringData& string) {
  string.marks.AppendTo(0, string.text.size(), text.size(), spans);
  text.append(string.text);
}

void MarkedText::AppendPart(const StringData& string, std::string_view part) {
  if (part.empty()) return;
  const size_t begin = static_cast<size_t>(part.data() - string.text.data());
  string.marks.AppendTo(begin, begin + part.size(), text.size(), spans);
  text.append(part);
}

void MarkedText::Append(const MarkedText& other) {
  for (const TextSpan& span : other.spans) {
    AppendSpan({span.begin + text.size(), span.end + text.size()}, spans);
  }
  text.append(other.text);
}

void MarkedText::MarkFrom(size_t begin) {
  while (!spans.empty() && spans.back().begin >= begin) spans.pop_back();
  if (!spans.empty() && spans.back().end > begin) begin = spans.back().end;
  AppendSpan({begin, text.size()}, spans);
}

void MarkedText::Truncate(size_t size) {
  text.resize(size);
  while (!spans.empty() && spans.back().begin >= size) spans.pop_back();
  if (!spans.empty()) spans.back().end = std::min(spans.back().end, size);
}

MarkedText Replace(const StringData& data, std::string_view from, const StringData& to,
                   int64_t limit) {
  const std::string_view text = data.text;
  MarkedText out;
  size_t at = 0;
  for (int64_t left = CountReplacements(text, from, limit); left > 0; --left) {
    if (from.empty()) {  // before every character, and at the end
      out.Append(to);
      if (at == text.size()) break;
      const size_t bytes = CharacterBytes(text, at);
      out.AppendPart(data, text.substr(at, bytes));
      at += bytes;
      continue;
    }
    const size_t found = text.find(from, at);
    out.AppendPart(data, text.substr(at, found - at));
    out.Append(to);
    at = found + from.size();
  }
  out.AppendPart(data, text.substr(std::min(at, text.size())));
  return out;
}

MarkedText ConvertText(const StringData& data, std::string (*convert)(std::string_view)) {
  MarkedText out;
  if (data.marks.none() || data.marks.all()) {
    out.Append(convert(data.text), data.marks.all());
    return out;
  }
  const std::string whole = convert(data.text);
  std::vector<TextSpan> borders;
  data.marks.AppendTo(0, data.text.size(), 0, borders);
  size_t at = 0;
  for (const TextSpan& span : borders) {
    out.Append(convert(std::string_view(data.text).substr(at, span.begin - at)));
    out.Append(convert(std::string_view(data.text).substr(span.begin, span.end - span.begin)),
               /*marked=*/true);
    at = span.end;
  }
  out.Append(convert(std::string_view(data.text).substr(at)));
  if (out.text == whole) return out;
  MarkedText marked;
  marked.Append(whole, /*marked=*/true);
  return marked;
}

}  // namespace skep::engine::jinja
