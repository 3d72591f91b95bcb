// One sequence's sampled tokens as text: whole characters only, ending before a stop string.
#ifndef SKEP_ENGINE_SEQUENCE_OUTPUT_H_
#define SKEP_ENGINE_SEQUENCE_OUTPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "engine/stop_matcher.h"
#include "engine/tokenizer/detokenizer.h"
#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {

// How a request wants its text.
struct TextOptions {
  std::vector<std::string> stop_strings;  // not empty ones
  bool include_stop_string = false;
  bool skip_special_tokens = true;
  // Special tokens that are part of the text nevertheless. May be null; must outlive the sequences.
  const absl::flat_hash_set<TokenId>* shown_special_tokens = nullptr;
  // Stop strings that end within the first min_tokens tokens do not count; like an
  // end-of-sequence id, the first that does is in a later token.
  int32_t min_tokens = 0;
};

// Thread-compatible.
class SequenceOutput final {
 public:
  // Both must outlive it.
  SequenceOutput(const Tokenizer& tokenizer, const TextOptions& options);

  // Takes the next token and adds to `text` what is certain to be part of the answer. Returns true
  // when a stop string is complete: the sequence ends with this token, and no call may follow.
  bool Append(TokenId token, std::string& text);

  // Counts the token that ends the sequence without being part of its text.
  void AppendSilent() { ++tokens_; }

  // Adds what was held back, now that no token follows. Returns true if a stop string turned up in
  // it.
  bool Finish(std::string& text);

  int64_t tokens() const { return tokens_; }
  // The stop string that was found, after Append or Finish returned true.
  const std::string& stop_string() const { return options_->stop_strings[stop_string_]; }

 private:
  bool Feed(std::string& text);

  const TextOptions* options_;
  Detokenizer detokenizer_;
  StopMatcher matcher_;
  std::string fresh_;  // scratch: the characters of the current token
  std::string held_;   // may become a stop string
  int64_t tokens_ = 0;
  int32_t stop_string_ = -1;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_SEQUENCE_OUTPUT_H_
