// Text to token ids and back, exactly as the model was trained.
//
// One class serves every kind of vocabulary: what was read (GGUF metadata, tokenizer.json,
// tokenizer.model) becomes one pipeline of parts, in the order in which Hugging Face's `tokenizers`
// library runs them:
//
//   text -> added tokens -> normalizer -> pre-tokenizer -> model (BPE, ...) -> post-processor ->
//   ids ids  -> pieces -> bytes -> text
//
// engine/tokenizer/load.h makes one; engine/tokenizer/detokenizer.h turns ids into text as they
// come.
#ifndef SKEP_ENGINE_TOKENIZER_TOKENIZER_H_
#define SKEP_ENGINE_TOKENIZER_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/text_span.h"
#include "scheduler/types.h"

namespace skep::engine {

namespace tokenizer {
struct Pipeline;
}  // namespace tokenizer

struct EncodeOptions {
  // Put what the model expects around a text (BOS, EOS, [gMASK] ...), as its files say.
  bool add_special = true;
  // Special tokens typed in the text become their ids. Off, they are ordinary text, so that a
  // user's
  // "<|im_start|>" cannot forge a turn. (Added tokens that are not special are always recognised.)
  bool parse_special = false;
  // With parse_special: stretches of the text (sorted, disjoint) that come from users. No special
  // token is found in them or reaches into them, nor any added token that looks like one
  // ("<|im_start|>", "<｜User｜>"), whatever the vocabulary calls it. All else is as if the text
  // were one: the borders are none for words and merges.
  absl::Span<const TextSpan> literal_spans;
};

// Immutable and safe to share between threads.
class Tokenizer final {
 public:
  using EncodeOptions = skep::engine::EncodeOptions;

  explicit Tokenizer(std::unique_ptr<const tokenizer::Pipeline> pipeline);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Replaces `out` by the ids of `text`, which may be any bytes: what is not UTF-8 is kept byte by
  // byte where the vocabulary can express it, else becomes its unknown token. The time is
  // O(n log n) in the bytes of `text`. InvalidArgument: a regular expression of the tokenizer.json
  // ran into its match limit, or the text exceeds 2^30 bytes.
  absl::Status Encode(std::string_view text, const EncodeOptions& options,
                      std::vector<TokenId>& out) const;

  // The text of `ids`, valid UTF-8: bytes that form no character become U+FFFD. Ids outside the
  // vocabulary decode to nothing. `skip_special` leaves special tokens out.
  std::string Decode(absl::Span<const TokenId> ids, bool skip_special) const;

  // The bytes that one id adds to a text, wherever it stands (no rule about leading spaces
  // applied); they need not be valid UTF-8. Empty for ids outside the vocabulary.
  std::string TokenBytes(TokenId id) const;

  // The number of ids with a piece, counted up to the largest (added tokens included). The model's
  // logits may be wider (padding rows).
  int64_t vocab_size() const;
  // The literal piece of the vocabulary: "Ġthe", "▁the", "<0x0A>". Empty for ids outside it.
  // Lives as long as the tokenizer.
  std::string_view TokenText(TokenId id) const;
  std::optional<TokenId> Find(std::string_view piece) const;
  bool IsSpecial(TokenId id) const;

  std::optional<TokenId> bos_id() const;
  std::optional<TokenId> eos_id() const;
  std::optional<TokenId> pad_id() const;
  std::optional<TokenId> unk_id() const;
  // Ids that end a generation: end of sequence, of turn, of message, and tokens of well-known names
  // (<|im_end|>, <|eot_id|>, <end_of_turn> ...). Sorted. The model's generation_config.json may
  // know more: use the union.
  const std::vector<TokenId>& EndOfGenerationIds() const;
  // Whether Encode with add_special starts with bos_id().
  bool adds_bos() const;

  // What the files ask for and this class leaves out (truncation, padding ...), in sentences.
  const std::vector<std::string>& notes() const;

  const tokenizer::Pipeline& pipeline() const { return *pipeline_; }

 private:
  std::unique_ptr<const tokenizer::Pipeline> pipeline_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_TOKENIZER_TOKENIZER_H_
