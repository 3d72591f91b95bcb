#include "engine/tokenizer/literal_spans.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace skep::engine::tokenizer {
namespace {

// The first span that ends behind `place`.
const TextSpan* FirstBehind(absl::Span<const TextSpan> spans, size_t place) {
  return std::lower_bound(spans.data(), spans.data() + spans.size(), place,
                          [](const TextSpan& span, size_t at) { return span.end <= at; });
}

std::vector<size_t> Find(std::string_view text, std::string_view wanted) {
  std::vector<size_t> places;
  if (wanted.empty()) return places;
  for (size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + wanted.size())) {
    places.push_back(at);
  }
  return places;
}

bool IsWrapped(std::string_view text, std::string_view open, std::string_view close) {
  return text.size() > open.size() + close.size() && text.starts_with(open) &&
         text.ends_with(close);
}

}  // namespace

bool LiteralSpans::Touches(size_t begin, size_t end) const {
  if (spans_.empty()) return false;
  const TextSpan* span = FirstBehind(spans_, begin + offset_);
  return span != spans_.data() + spans_.size() && span->begin < end + offset_;
}

size_t LiteralSpans::FreeUntil(size_t pos) const {
  const TextSpan* span = FirstBehind(spans_, pos + offset_);
  if (span == spans_.data() + spans_.size()) return std::numeric_limits<size_t>::max();
  return std::max(span->begin, pos + offset_) - offset_;
}

std::vector<TextSpan> LiteralSpans::Within(size_t size) const {
  std::vector<TextSpan> out;
  const TextSpan* const end = spans_.data() + spans_.size();
  for (const TextSpan* span = FirstBehind(spans_, offset_);
       span != end && span->begin < offset_ + size; ++span) {
    out.push_back(
        {std::max(span->begin, offset_) - offset_, std::min(span->end, offset_ + size) - offset_});
  }
  return out;
}

bool LooksSpecial(std::string_view content) {
  constexpr std::string_view kTurns[] = {
      "<s>",
      "</s>",
      "<bos>",
      "<eos>",
      "<pad>",
      "<unk>",
      "[INST]",
      "[/INST]",
      "[BOS]",
      "[EOS]",
      "[EOT]",
      "<start_of_turn>",
      "[gMASK]",
      "<sop>",
      "[e~[",
      "<end_of_turn>",
      "<|turn>",
      "<turn|>",
      "]~b]",
      "[SYSTEM_PROMPT]",
      "[/SYSTEM_PROMPT]",
      "]~!b[",
  };
  return IsWrapped(content, "<|", "|>") || IsWrapped(content, "<｜", "｜>") ||
         std::find(std::begin(kTurns), std::end(kTurns), content) != std::end(kTurns);
}

void FindLiteralOccurrences(std::string_view text, const LiteralSpans& literal,
                            absl::Span<const LiteralText> stretches, std::string_view content,
                            std::string_view normalized_text, std::string_view normalized,
                            std::vector<TextSpan>& out) {
  const std::vector<size_t> before = Find(text, content);
  const std::vector<size_t> after = Find(normalized_text, normalized);
  const bool same =
      before.size() == after.size() &&
      std::all_of(stretches.begin(), stretches.end(), [&](const LiteralText& part) {
        return Find(part.text, content).size() == Find(part.normalized, normalized).size();
      });
  for (size_t i = 0; i < after.size(); ++i) {
    if (same && !literal.Touches(before[i], before[i] + content.size())) continue;
    out.push_back({after[i], after[i] + normalized.size()});
  }
}

std::vector<TextSpan> Merged(std::vector<TextSpan> spans) {
  std::sort(spans.begin(), spans.end(),
            [](const TextSpan& a, const TextSpan& b) { return a.begin < b.begin; });
  std::vector<TextSpan> out;
  for (const TextSpan& span : spans) {
    if (!out.empty() && span.begin <= out.back().end) {
      out.back().end = std::max(out.back().end, span.end);
    } else {
      out.push_back(span);
    }
  }
  return out;
}

}  // namespace skep::engine::tokenizer
