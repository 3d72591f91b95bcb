// How pieces become text again: the decoders of tokenizer.json, for one piece at a time.
//
// The original decodes a whole list of pieces; a stream cannot. So each piece becomes bytes by
// itself, and the only thing remembered along a text is how many leading spaces it still loses.
// One difference remains: a run of <0xHH> pieces that is not UTF-8 becomes one U+FFFD for each
// maximal invalid part (as Unicode recommends), where the original writes one for each byte.
#ifndef SKEP_ENGINE_TOKENIZER_DECODER_H_
#define SKEP_ENGINE_TOKENIZER_DECODER_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/tokenizer/vocabulary.h"

namespace skep::engine::tokenizer {

struct ByteLevelDecoder {};     // letters of the byte alphabet to bytes; other pieces stay
struct ByteFallbackDecoder {};  // <0xHH> to its byte
struct ReplaceDecoder {
  std::string pattern;  // a literal
  std::string content;
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
using DecoderStep = std::variant<ByteLevelDecoder, ByteFallbackDecoder, ReplaceDecoder,
                                 StripDecoder, MetaspaceDecoder>;

struct Decoder {
  // Added tokens that are searched for in normalized text decode from their normalized content.
  absl::flat_hash_map<TokenId, std::string> normalized_texts;
  std::vector<DecoderStep> steps;
  int leading_spaces_to_drop = 0;  // of the text
  std::string separator;           // between pieces (a tokenizer.json without a decoder: a space)

  // The bytes of one piece; `first`: it is the first one shown.
  std::string Decode(const Vocabulary& vocabulary, TokenId id, bool first) const;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_DECODER_H_
