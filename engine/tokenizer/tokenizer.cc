#include "engine/tokenizer/tokenizer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "engine/tokenizer/decode_stream.h"
#include "engine/tokenizer/detokenizer.h"
#include "engine/tokenizer/literal_spans.h"
#include "engine/tokenizer/pattern_budget.h"
#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/word_tokenizer.h"

namespace skep::engine {
namespace {

using tokenizer::Concat;
using tokenizer::kNoToken;
using tokenizer::LiteralSpans;
using tokenizer::Pipeline;
using tokenizer::Segment;

constexpr size_t kMaxTextBytes = size_t{1} << 30;

std::string_view TextOf(std::string_view text, const Segment& segment) {
  return text.substr(segment.range.begin, segment.range.end - segment.range.begin);
}

// Where added tokens in the normalized text would be the user's own.
absl::Status FindLiteralTokens(const Pipeline& pipeline, std::string_view raw,
                               std::string_view text, const LiteralSpans& literal,
                               std::vector<TextSpan>& spans) {
  std::vector<Segment> segments;
  SKEP_RETURN_IF_ERROR(pipeline.added_in_normalized_text.Split(text, /*parse_special=*/true,
                                                               /*literal=*/{}, segments));
  std::vector<tokenizer::LiteralText> stretches;
  for (const TextSpan& span : literal.Within(raw.size())) {
    const std::string_view part = raw.substr(span.begin, span.end - span.begin);
    stretches.push_back({part, std::string(part)});
    SKEP_RETURN_IF_ERROR(pipeline.normalizer.Apply(stretches.back().normalized));
  }
  std::set<TokenId> seen;
  for (const Segment& segment : segments) {
    if (segment.id == kNoToken || !seen.insert(segment.id).second) continue;
    const std::string_view content = pipeline.vocabulary.text(segment.id);
    const bool special = (pipeline.vocabulary.flags(segment.id) & tokenizer::kSpecial) != 0;
    if (!special && !tokenizer::LooksSpecial(content)) continue;
    const auto changed = pipeline.decoder.normalized_texts.find(segment.id);
    const bool unchanged = changed == pipeline.decoder.normalized_texts.end();
    tokenizer::FindLiteralOccurrences(raw, literal, stretches, content, text,
                                      unchanged ? content : changed->second, spans);
  }
  spans = tokenizer::Merged(std::move(spans));
  return absl::OkStatus();
}

// One call of Encode.
class Encoder final {
 public:
  Encoder(const Pipeline& pipeline, bool parse_special, std::vector<TokenId>& out)
      : pipeline_(pipeline),
        parse_special_(parse_special),
        words_(*pipeline.model, pipeline.word_caches),
        out_(out) {}

  absl::Status Run(std::string_view text, const LiteralSpans& literal) {
    std::vector<Segment> segments;
    SKEP_RETURN_IF_ERROR(
        pipeline_.added_in_raw_text.Split(text, parse_special_, literal, segments));
    for (const Segment& segment : segments) {
      if (segment.id != kNoToken) {
        out_.push_back(segment.id);
        continue;
      }
      SKEP_RETURN_IF_ERROR(EncodeSegment(TextOf(text, segment), segment.range.begin == 0,
                                         literal.From(segment.range.begin)));
    }
    return absl::OkStatus();
  }

 private:
  // Text between the tokens that were found in the raw text.
  absl::Status EncodeSegment(std::string_view raw, bool at_start, const LiteralSpans& literal) {
    std::string normalized;
    std::string_view text = raw;
    if (!pipeline_.normalizer.steps.empty()) {
      normalized = std::string(raw);
      bool keeps_start = true;
      SKEP_RETURN_IF_ERROR(pipeline_.normalizer.Apply(normalized, keeps_start));
      at_start = at_start && keeps_start;
      text = normalized;
    }
    if (pipeline_.added_in_normalized_text.empty()) return EncodeText(text, at_start);
    std::vector<TextSpan> spans;
    LiteralSpans guarded = literal;
    if (!pipeline_.normalizer.steps.empty()) {
      if (parse_special_ && literal.Touches(0, raw.size())) {
        SKEP_RETURN_IF_ERROR(FindLiteralTokens(pipeline_, raw, text, literal, spans));
      }
      guarded = LiteralSpans(spans);
    }
    std::vector<Segment> segments;
    SKEP_RETURN_IF_ERROR(
        pipeline_.added_in_normalized_text.Split(text, parse_special_, guarded, segments));
    for (const Segment& segment : segments) {
      if (segment.id != kNoToken) {
        out_.push_back(segment.id);
        continue;
      }
      SKEP_RETURN_IF_ERROR(EncodeText(TextOf(text, segment), at_start && segment.range.begin == 0));
    }
    return absl::OkStatus();
  }

  // Normalized text without added tokens. `at_start`: it begins the whole text.
  absl::Status EncodeText(std::string_view text, bool at_start) {
    if (text.empty()) return absl::OkStatus();
    tokenizer::Words words;
    words.views.push_back(text);
    words.first_at_start = at_start;
    SKEP_RETURN_IF_ERROR(pipeline_.pre_tokenizer.Apply(words));
    for (std::string_view word : words.views) SKEP_RETURN_IF_ERROR(words_.Tokenize(word, out_));
    return absl::OkStatus();
  }

  const Pipeline& pipeline_;
  bool parse_special_;
  tokenizer::WordTokenizer words_;
  std::vector<TokenId>& out_;
};

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}
Tokenizer::~Tokenizer() = default;

absl::Status Tokenizer::Encode(std::string_view text, const EncodeOptions& options,
                               std::vector<TokenId>& out) const {
  out.clear();
  if (text.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(Concat(
        "a text of ", text.size(), " bytes is too long to tokenize (at most ", kMaxTextBytes, ")"));
  }
  const tokenizer::PatternBudget budget(text.size());
  if (options.add_special) out = pipeline_->prefix;
  absl::Status status = Encoder(*pipeline_, options.parse_special, out)
                            .Run(text, LiteralSpans(options.literal_spans));
  if (!status.ok()) return status;
  if (options.add_special) {
    out.insert(out.end(), pipeline_->suffix.begin(), pipeline_->suffix.end());
  }
  return absl::OkStatus();
}

std::string Tokenizer::Decode(absl::Span<const TokenId> ids, bool skip_special) const {
  std::string text;
  Detokenizer detokenizer(*this, skip_special);
  for (TokenId id : ids) detokenizer.Append(id, text);
  detokenizer.Flush(text);
  return text;
}

std::string Tokenizer::TokenBytes(TokenId id) const {
  std::string bytes;
  tokenizer::DecodeStream stream(pipeline_->decoder, pipeline_->vocabulary,
                                 /*continues_text=*/true);
  stream.Push(id, bytes);
  stream.Flush(bytes);
  return bytes;
}

const std::vector<std::string>& Tokenizer::notes() const { return pipeline_->notes; }

int64_t Tokenizer::vocab_size() const { return pipeline_->vocabulary.size(); }

std::string_view Tokenizer::TokenText(TokenId id) const { return pipeline_->vocabulary.text(id); }

std::optional<TokenId> Tokenizer::Find(std::string_view piece) const {
  return pipeline_->vocabulary.Find(piece);
}

bool Tokenizer::IsSpecial(TokenId id) const {
  return (pipeline_->vocabulary.flags(id) & tokenizer::kSpecial) != 0;
}

std::optional<TokenId> Tokenizer::bos_id() const { return pipeline_->special_ids.bos; }
std::optional<TokenId> Tokenizer::eos_id() const { return pipeline_->special_ids.eos; }
std::optional<TokenId> Tokenizer::pad_id() const { return pipeline_->special_ids.pad; }
std::optional<TokenId> Tokenizer::unk_id() const { return pipeline_->special_ids.unk; }

const std::vector<TokenId>& Tokenizer::EndOfGenerationIds() const {
  return pipeline_->special_ids.end_of_generation;
}

bool Tokenizer::adds_bos() const {
  const std::optional<TokenId> bos = bos_id();
  return bos && !pipeline_->prefix.empty() && pipeline_->prefix[0] == *bos;
}

}  // namespace skep::engine
