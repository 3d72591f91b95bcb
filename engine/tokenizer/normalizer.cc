#include "engine/tokenizer/normalizer.h"

#include <algorithm>
#include <utility>

#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/growth.h"
#include "engine/tokenizer/library_classes.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

bool IsSpace(char32_t c) { return (ClassOf(c) & kSpace) != 0; }

bool IsIdeograph(char32_t c) {  // as BERT's reference lists them
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool IsDroppedByNmt(char32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
         c == 0x9F;
}

bool IsSpaceToNmt(char32_t c) {
  return c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
         c == 0xFFFD;
}

// Applies one step to the text.
class StepRunner final {
 public:
  // `original_bytes`: of the text before all steps.
  StepRunner(std::string& text, bool& keeps_start, size_t original_bytes)
      : text_(text), keeps_start_(keeps_start), original_bytes_(original_bytes) {}

  absl::Status operator()(const FormNormalizer& step) {
    text_ = ToNormalForm(text_, step.form);
    return absl::OkStatus();
  }

  absl::Status operator()(const LowercaseNormalizer&) {
    return Rewrite([](char32_t c, std::string& out) { AppendLower(c, out); });
  }

  absl::Status operator()(const StripAccentsNormalizer&) {
    return Remove([](char32_t c) { return (LibraryClassOf(c) & kLibraryMark) != 0; });
  }

  absl::Status operator()(const StripNormalizer& step) {
    // Of an all-white text nothing is left, from whichever side it is stripped.
    size_t first = text_.size(), last = 0, length = 0;
    for (size_t pos = 0; pos < text_.size(); pos += length) {
      if (IsSpace(DecodeUtf8(text_, pos, length))) continue;
      if (first == text_.size()) first = pos;
      last = pos + length;
    }
    const size_t begin = step.left ? first : 0;
    const size_t end = step.right ? std::max(begin, last) : text_.size();
    if (begin > 0) keeps_start_ = false;
    text_ = text_.substr(begin, end - begin);
    return absl::OkStatus();
  }

  absl::Status operator()(const BertNormalizer& step) {
    absl::Status status;
    if (step.clean_text) status = CleanText();
    if (step.handle_chinese_chars) {
      status = Rewrite([](char32_t c, std::string& out) {
        if (IsIdeograph(c)) out.push_back(' ');
        AppendUtf8(c, out);
        if (IsIdeograph(c)) out.push_back(' ');
      });
    }
    if (step.strip_accents.value_or(step.lowercase)) {
      text_ = ToNormalForm(text_, NormalForm::kNfd);
      status = Remove([](char32_t c) { return (LibraryClassOf(c) & kLibraryNonspacingMark) != 0; });
    }
    if (step.lowercase) status = (*this)(LowercaseNormalizer{});
    return status;
  }

  absl::Status operator()(const NmtNormalizer&) {
    absl::Status status = Remove(IsDroppedByNmt);
    if (!status.ok()) return status;
    return Rewrite(
        [](char32_t c, std::string& out) { AppendUtf8(IsSpaceToNmt(c) ? U' ' : c, out); });
  }

  absl::Status operator()(const PrecompiledNormalizer& step) {
    text_ = step.map->Apply(text_, MaxGrownBytes(original_bytes_));
    return absl::OkStatus();
  }

  absl::Status operator()(const PrependNormalizer& step) {
    if (!text_.empty()) text_.insert(0, step.text);
    return absl::OkStatus();
  }

  absl::Status operator()(const ReplaceNormalizer& step) {
    std::vector<Range> matches;
    if (absl::Status status = step.pattern->FindAll(text_, matches); !status.ok()) return status;
    if (matches.empty()) return absl::OkStatus();
    if (!step.content.empty() &&
        matches.size() > MaxGrownBytes(original_bytes_) / step.content.size()) {
      return GrownTooMuch(original_bytes_);
    }
    std::string result;
    result.reserve(text_.size() + matches.size() * step.content.size());
    size_t done = 0;
    for (const Range& match : matches) {
      result.append(text_, done, match.begin - done);
      result.append(step.content);
      if (match.begin == 0 && match.end > 0 && step.content.empty()) keeps_start_ = false;
      done = match.end;
    }
    result.append(text_, done);
    text_ = std::move(result);
    return absl::OkStatus();
  }

  absl::Status operator()(const ByteLevelNormalizer&) {
    text_ = BytesToLetters(text_);
    return absl::OkStatus();
  }

 private:
  absl::Status CleanText() {
    absl::Status status =
        Remove([](char32_t c) { return (LibraryClassOf(c) & kLibraryControl) != 0; });
    if (!status.ok()) return status;
    return Rewrite([](char32_t c, std::string& out) { AppendUtf8(IsSpace(c) ? U' ' : c, out); });
  }

  // Each character by what append(character, out) adds.
  template <typename Append>
  absl::Status Rewrite(const Append& append) {
    std::string result;
    result.reserve(text_.size());
    size_t length = 0;
    for (size_t pos = 0; pos < text_.size(); pos += length) {
      append(DecodeUtf8(text_, pos, length), result);
    }
    text_ = std::move(result);
    return absl::OkStatus();
  }

  template <typename Predicate>
  absl::Status Remove(const Predicate& is_removed) {
    size_t kept = 0, length = 0;
    for (size_t pos = 0; pos < text_.size(); pos += length) {
      const char32_t c = DecodeUtf8(text_, pos, length);
      if (is_removed(c)) {
        if (pos == 0) keeps_start_ = false;
        continue;
      }
      std::copy_n(text_.data() + pos, length, text_.data() + kept);
      kept += length;
    }
    text_.resize(kept);
    return absl::OkStatus();
  }

  std::string& text_;
  bool& keeps_start_;
  size_t original_bytes_;
};

}  // namespace

absl::Status Normalizer::Apply(std::string& text, bool& keeps_start) const {
  keeps_start = true;
  const size_t original_bytes = text.size();
  for (const NormalizerStep& step : steps) {
    absl::Status status = std::visit(StepRunner(text, keeps_start, original_bytes), step);
    if (!status.ok()) return status;
    if (text.size() > MaxGrownBytes(original_bytes)) return GrownTooMuch(original_bytes);
  }
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
