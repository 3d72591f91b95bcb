// Runs a decoder over ids as they come.
//
// The original decodes a whole list of pieces, a stream cannot: each step keeps just what it must
// know of the pieces before, and holds back just what the next ones may change (nothing, for the
// decoders of nearly all models). Two differences remain. A run of <0xHH> pieces that is not UTF-8
// becomes one U+FFFD for each maximal invalid part (as Unicode recommends), where the original
// writes one for each byte of the run. And a step behind Fuse that looks at the whole text in an
// unusual way (a regular expression, say) holds everything back until Flush.
#ifndef SKEP_ENGINE_TOKENIZER_DECODE_STREAM_H_
#define SKEP_ENGINE_TOKENIZER_DECODE_STREAM_H_

#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/decoder.h"
#include "engine/tokenizer/vocabulary.h"

namespace skep::engine::tokenizer {

// Copyable; not thread-safe. Both references must outlive it.
class DecodeStream final {
 public:
  // `continues_text`: the ids follow others, so that the rules about a text's first piece do not
  // apply.
  DecodeStream(const Decoder& decoder, const Vocabulary& vocabulary, bool continues_text);

  // Appends the bytes that `id` completes; they need not be valid UTF-8. Ids outside the vocabulary
  // add nothing.
  void Push(TokenId id, std::string& out);
  // Appends what was held back. Push may follow: the text goes on.
  void Flush(std::string& out);

 private:
  struct Piece {
    std::string text;
    bool literal = false;  // steps that look at single pieces leave it alone
  };
  struct StepState {
    bool fused = false;    // the step sees one piece, the whole text
    bool started = false;  // pieces were seen
    bool holds = false;    // `held` is a piece (or its beginning) that is not passed on yet
    Piece held;
    int to_strip = 0;      // leading characters still to be removed from a whole text
    std::string previous;  // CtcDecoder: the last piece
  };
  class StepRunner;
  class StepFlusher;

  void PassOn(size_t step, Piece piece, std::string& out);
  void Emit(std::string_view text, std::string& out);

  const Decoder* decoder_;
  const Vocabulary* vocabulary_;
  std::vector<StepState> states_;
  bool started_;
  int spaces_to_drop_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_DECODE_STREAM_H_
