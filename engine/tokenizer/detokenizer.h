// Ids to text, one at a time: what a stream shows while tokens arrive.
#ifndef SKEP_ENGINE_TOKENIZER_DETOKENIZER_H_
#define SKEP_ENGINE_TOKENIZER_DETOKENIZER_H_

#include <string>

#include "absl/container/flat_hash_set.h"
#include "engine/tokenizer/decode_stream.h"
#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {

// One for each sequence; not thread-safe. All that Append and Flush ever added, put together,
// equals Tokenizer::Decode of all the ids.
class Detokenizer final {
 public:
  // `tokenizer` must outlive it. `continues_text`: the ids follow others (a generation after its
  // prompt), so the rule about a text's leading space does not apply to them. `shown`, which may be
  // null and must outlive it: special tokens that are not skipped.
  Detokenizer(const Tokenizer& tokenizer, bool skip_special, bool continues_text = false,
              const absl::flat_hash_set<TokenId>* shown = nullptr);

  // Adds to `out` the text that `id` completes: whole UTF-8 characters only. Bytes that can no
  // longer become a character turn into U+FFFD; bytes that still can are held back.
  void Append(TokenId id, std::string& out);
  // Adds what is held back (as U+FFFD) at the end of the sequence. Append may follow: the text goes
  // on.
  void Flush(std::string& out);

  // Bytes held back: the beginning of a character that is not complete yet (0 to 3).
  size_t held_bytes() const { return held_.size(); }

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  const absl::flat_hash_set<TokenId>* shown_;
  tokenizer::DecodeStream stream_;
  std::string held_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_TOKENIZER_DETOKENIZER_H_
