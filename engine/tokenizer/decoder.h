// How pieces become text again: the decoders of tokenizer.json. decode_stream.h runs them.
#ifndef SKEP_ENGINE_TOKENIZER_DECODER_H_
#define SKEP_ENGINE_TOKENIZER_DECODER_H_

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/tokenizer/pattern.h"
#include "engine/tokenizer/vocabulary.h"

namespace skep::engine::tokenizer {

struct ByteLevelDecoder {};     // letters of the byte alphabet to bytes; other pieces stay
struct ByteFallbackDecoder {};  // <0xHH> to its byte
struct FuseDecoder {};          // what follows sees one piece, the whole text
struct ReplaceDecoder {
  std::string pattern;  // a literal, unless there is `regex`
  std::string content;
  std::shared_ptr<const Pattern> regex;  // compiled from `pattern`
};
struct StripDecoder {  // of every piece
  char32_t content = ' ';
  int start = 0;
  int stop = 0;
};
struct MetaspaceDecoder {
  std::string replacement;
  bool drop_in_first = true;  // the first piece loses its marks
};
struct WordPieceDecoder {  // spaces before pieces without the prefix
  std::string prefix = "##";
  bool cleanup = true;  // " ." becomes "." and the like
};
struct BpeDecoder {  // the suffix becomes a space, in the last piece nothing
  std::string suffix = "</w>";
};
struct CtcDecoder {  // repeated pieces count once
  std::string pad = "<pad>";
  std::string word_delimiter = "|";
  bool cleanup = true;
};
using DecoderStep =
    std::variant<ByteLevelDecoder, ByteFallbackDecoder, FuseDecoder, ReplaceDecoder, StripDecoder,
                 MetaspaceDecoder, WordPieceDecoder, BpeDecoder, CtcDecoder>;

struct Decoder {
  // Added tokens that are searched for in normalized text decode from their normalized content.
  absl::flat_hash_map<TokenId, std::string> normalized_texts;
  std::vector<DecoderStep> steps;
  int leading_spaces_to_drop = 0;  // of the text, after all steps
  std::string separator;           // between pieces (a tokenizer.json without a decoder: a space)
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_DECODER_H_
