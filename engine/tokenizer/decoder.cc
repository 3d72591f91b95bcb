#include "engine/tokenizer/decoder.h"

#include <utility>

#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

// Decodes one piece, step by step.
class PieceDecoder final {
 public:
  PieceDecoder(std::string piece, bool first) : piece_(std::move(piece)), first_(first) {}

  void operator()(const ByteLevelDecoder&) {
    if (auto bytes = LettersToBytes(piece_)) piece_ = *std::move(bytes);
  }

  void operator()(const ByteFallbackDecoder&) {
    if (const auto byte = Vocabulary::ParseBytePiece(piece_)) {
      piece_.assign(1, static_cast<char>(*byte));
    }
  }

  void operator()(const ReplaceDecoder& step) {
    if (step.pattern.empty()) return;
    piece_ = ReplaceAll(piece_, step.pattern, step.content);
  }

  void operator()(const StripDecoder& step) {
    std::string content;
    AppendUtf8(step.content, content);
    std::string_view rest = piece_;
    for (int i = 0; i < step.start && rest.substr(0, content.size()) == content; ++i) {
      rest.remove_prefix(content.size());
    }
    for (int i = 0; i < step.stop && rest.size() >= content.size() &&
                    rest.substr(rest.size() - content.size()) == content;
         ++i) {
      rest.remove_suffix(content.size());
    }
    piece_ = std::string(rest);
  }

  void operator()(const MetaspaceDecoder& step) {
    const std::string_view mark = first_ && step.drop_in_first ? "" : " ";
    piece_ = ReplaceAll(piece_, step.replacement, mark);
  }

  std::string Take() { return std::move(piece_); }

 private:
  std::string piece_;
  bool first_;
};

}  // namespace

std::string Decoder::Decode(const Vocabulary& vocabulary, TokenId id, bool first) const {
  const uint8_t flags = vocabulary.flags(id);
  if (flags & (kAbsent | kHidden)) return "";
  const std::string_view text = vocabulary.text(id);
  if (flags & kByte) {
    const auto byte = Vocabulary::ParseBytePiece(text);
    return byte ? std::string(1, static_cast<char>(*byte)) : std::string(text);
  }
  std::string bytes(text);
  if (const auto found = normalized_texts.find(id); found != normalized_texts.end()) {
    bytes = found->second;
  }
  if ((flags & kLiteral) == 0) {
    PieceDecoder decoder(std::move(bytes), first);
    for (const DecoderStep& step : steps) std::visit(decoder, step);
    bytes = decoder.Take();
  }
  if (!first && !separator.empty()) return Concat(separator, bytes);
  return bytes;
}

}  // namespace skep::engine::tokenizer
