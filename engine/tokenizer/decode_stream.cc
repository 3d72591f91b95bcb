#include "engine/tokenizer/decode_stream.h"

#include <utility>

#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

// What WordPiece and CTC do about the spaces that they put before everything.
std::string Cleanup(std::string text) {
  static constexpr std::string_view kPairs[][2] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kPairs) text = ReplaceAll(text, from, to);
  return text;
}

std::string ReplaceMatches(const Pattern& pattern, const std::string& text,
                           std::string_view content) {
  std::vector<Range> matches;
  if (!pattern.FindAll(text, matches).ok()) return text;  // it ran into its limit
  std::string result;
  size_t done = 0;
  for (const Range& match : matches) {
    result.append(text, done, match.begin - done).append(content);
    done = match.end;
  }
  return result.append(text, done);
}

std::string StripPiece(const StripDecoder& step, std::string_view text) {
  std::string content;
  AppendUtf8(step.content, content);
  for (int i = 0; i < step.start && text.starts_with(content); ++i) {
    text.remove_prefix(content.size());
  }
  for (int i = 0; i < step.stop && text.ends_with(content); ++i) text.remove_suffix(content.size());
  return std::string(text);
}

// How many bytes at the end of `text` may be the beginning of `pattern`.
size_t PartialMatchAtEnd(std::string_view text, std::string_view pattern) {
  for (size_t size = std::min(text.size(), pattern.size() - 1); size > 0; --size) {
    if (pattern.starts_with(text.substr(text.size() - size))) return size;
  }
  return 0;
}

bool FusesPieces(const DecoderStep& step) {
  return std::holds_alternative<FuseDecoder>(step) ||
         std::holds_alternative<ByteLevelDecoder>(step);
}

}  // namespace

// Takes a piece through one step; false: nothing is to be passed on yet.
class DecodeStream::StepRunner final {
 public:
  StepRunner(StepState& state, Piece& piece)
      : state_(state), piece_(piece), first_(!std::exchange(state.started, true)) {}

  bool operator()(const ByteLevelDecoder&) {
    if (state_.fused) return HoldAll();
    if (piece_.literal) return true;
    if (auto bytes = LettersToBytes(piece_.text)) piece_.text = *std::move(bytes);
    return true;
  }

  bool operator()(const ByteFallbackDecoder&) {
    if (state_.fused) return HoldAll();
    const auto byte = Vocabulary::ParseBytePiece(piece_.text);
    if (byte && !piece_.literal) piece_.text.assign(1, static_cast<char>(*byte));
    return true;
  }

  bool operator()(const FuseDecoder&) { return true; }

  bool operator()(const ReplaceDecoder& step) {
    if (state_.fused && (step.regex != nullptr || step.pattern.empty())) return HoldAll();
    if (state_.fused) return ReplaceInStream(step.pattern, step.content);
    if (piece_.literal) return true;
    if (step.regex != nullptr) {
      piece_.text = ReplaceMatches(*step.regex, piece_.text, step.content);
    } else if (!step.pattern.empty()) {
      piece_.text = ReplaceAll(piece_.text, step.pattern, step.content);
    }
    return true;
  }

  bool operator()(const StripDecoder& step) {
    if (state_.fused) return StripStream(step);
    if (!piece_.literal) piece_.text = StripPiece(step, piece_.text);
    return true;
  }

  bool operator()(const MetaspaceDecoder& step) {
    const std::string_view space = (first_ || state_.fused) && step.drop_in_first ? "" : " ";
    if (state_.fused) return ReplaceInStream(step.replacement, space);
    if (!piece_.literal) piece_.text = ReplaceAll(piece_.text, step.replacement, space);
    return true;
  }

  bool operator()(const WordPieceDecoder& step) {
    if (state_.fused) return step.cleanup ? HoldAll() : true;
    if (piece_.literal) return true;
    if (!first_) {
      if (piece_.text.starts_with(step.prefix)) {
        piece_.text.erase(0, step.prefix.size());
      } else {
        piece_.text.insert(0, " ");
      }
    }
    if (step.cleanup) piece_.text = Cleanup(std::move(piece_.text));
    return true;
  }

  // What is the last piece shows only when the next one does not come.
  bool operator()(const BpeDecoder& step) {
    if (step.suffix.empty()) return true;
    if (state_.fused) return ReplaceInStream(step.suffix, "");
    std::swap(state_.held, piece_);
    if (!std::exchange(state_.holds, true)) return false;
    if (!piece_.literal) piece_.text = ReplaceAll(piece_.text, step.suffix, " ");
    return true;
  }

  bool operator()(const CtcDecoder& step) {
    if (state_.fused) return HoldAll();
    if (!first_ && state_.previous == piece_.text) return false;
    state_.previous = piece_.text;
    if (piece_.literal) return true;
    if (!step.pad.empty()) piece_.text = ReplaceAll(piece_.text, step.pad, "");
    if (step.cleanup) {
      piece_.text = Cleanup(std::move(piece_.text));
      if (!step.word_delimiter.empty()) {
        piece_.text = ReplaceAll(piece_.text, step.word_delimiter, " ");
      }
    }
    return !piece_.text.empty();
  }

 private:
  bool HoldAll() {
    state_.held.text.append(piece_.text);
    state_.holds = true;
    return false;
  }

  bool ReplaceInStream(std::string_view pattern, std::string_view content) {
    std::string text = std::exchange(state_.held.text, "") + piece_.text;
    size_t done = 0;
    piece_.text.clear();
    for (size_t at = text.find(pattern); at != std::string::npos; at = text.find(pattern, done)) {
      piece_.text.append(text, done, at - done).append(content);
      done = at + pattern.size();
    }
    const size_t open = PartialMatchAtEnd(std::string_view(text).substr(done), pattern);
    piece_.text.append(text, done, text.size() - done - open);
    state_.held.text = text.substr(text.size() - open);
    state_.holds = open > 0;
    return true;
  }

  bool StripStream(const StripDecoder& step) {
    std::string content;
    AppendUtf8(step.content, content);
    std::string text = std::exchange(state_.held.text, "") + piece_.text;
    while (state_.to_strip > 0 && text.starts_with(content)) {
      text.erase(0, content.size());
      --state_.to_strip;
    }
    if (!text.empty()) state_.to_strip = 0;
    size_t kept = text.size();
    for (int i = 0; i < step.stop && std::string_view(text).substr(0, kept).ends_with(content);
         ++i) {
      kept -= content.size();
    }
    state_.held.text = text.substr(kept);
    state_.holds = kept < text.size();
    piece_.text = text.substr(0, kept);
    return true;
  }

  StepState& state_;
  Piece& piece_;
  bool first_;
};

// Finishes what a step holds, now that no more comes; false: nothing is left of it.
class DecodeStream::StepFlusher final {
 public:
  explicit StepFlusher(Piece& piece) : piece_(piece) {}

  bool operator()(const ByteLevelDecoder&) { return Convert(LettersToBytes(piece_.text)); }
  bool operator()(const ByteFallbackDecoder&) {
    if (const auto byte = Vocabulary::ParseBytePiece(piece_.text)) {
      piece_.text.assign(1, static_cast<char>(*byte));
    }
    return true;
  }
  bool operator()(const FuseDecoder&) { return true; }
  bool operator()(const ReplaceDecoder& step) {
    if (step.regex != nullptr) {
      piece_.text = ReplaceMatches(*step.regex, piece_.text, step.content);
    }
    return true;
  }
  bool operator()(const StripDecoder&) { return false; }
  bool operator()(const MetaspaceDecoder&) { return true; }
  bool operator()(const WordPieceDecoder&) {
    piece_.text = Cleanup(std::move(piece_.text));
    return true;
  }
  bool operator()(const BpeDecoder& step) {
    if (!piece_.literal) piece_.text = ReplaceAll(piece_.text, step.suffix, "");
    return true;
  }
  bool operator()(const CtcDecoder& step) {
    StepState state;
    return StepRunner(state, piece_)(step);
  }

 private:
  bool Convert(std::optional<std::string> bytes) {
    if (bytes) piece_.text = *std::move(bytes);
    return true;
  }

  Piece& piece_;
};

DecodeStream::DecodeStream(const Decoder& decoder, const Vocabulary& vocabulary,
                           bool continues_text)
    : decoder_(&decoder),
      vocabulary_(&vocabulary),
      states_(decoder.steps.size()),
      started_(continues_text),
      spaces_to_drop_(continues_text ? 0 : decoder.leading_spaces_to_drop) {
  bool fused = false;
  for (size_t i = 0; i < states_.size(); ++i) {
    states_[i].fused = fused;
    states_[i].started = continues_text;
    const auto* strip = std::get_if<StripDecoder>(&decoder.steps[i]);
    if (strip != nullptr && !continues_text) states_[i].to_strip = strip->start;
    fused |= FusesPieces(decoder.steps[i]);
  }
}

void DecodeStream::Push(TokenId id, std::string& out) {
  const uint8_t flags = vocabulary_->flags(id);
  if (flags & (kAbsent | kHidden)) return;
  Piece piece{std::string(vocabulary_->text(id)), (flags & (kLiteral | kByte)) != 0};
  if (flags & kByte) {
    if (const auto byte = Vocabulary::ParseBytePiece(piece.text)) {
      piece.text.assign(1, static_cast<char>(*byte));
    }
  } else if (!decoder_->normalized_texts.empty()) {
    const auto found = decoder_->normalized_texts.find(id);
    if (found != decoder_->normalized_texts.end()) piece.text = found->second;
  }
  PassOn(/*step=*/0, std::move(piece), out);
}

void DecodeStream::PassOn(size_t step, Piece piece, std::string& out) {
  for (; step < states_.size(); ++step) {
    if (!std::visit(StepRunner(states_[step], piece), decoder_->steps[step])) return;
  }
  Emit(piece.text, out);
}

void DecodeStream::Flush(std::string& out) {
  for (size_t step = 0; step < states_.size(); ++step) {
    if (!std::exchange(states_[step].holds, false)) continue;
    Piece piece = std::exchange(states_[step].held, {});
    if (!std::visit(StepFlusher(piece), decoder_->steps[step])) continue;
    PassOn(step + 1, std::move(piece), out);
  }
}

void DecodeStream::Emit(std::string_view text, std::string& out) {
  if (started_) out.append(decoder_->separator);
  started_ = true;
  while (spaces_to_drop_ > 0 && !text.empty()) {
    if (text[0] != ' ') {
      spaces_to_drop_ = 0;
      break;
    }
    text.remove_prefix(1);
    --spaces_to_drop_;
  }
  out.append(text);
}

}  // namespace skep::engine::tokenizer
