// How much a tokenizer's own rules may make of a text. Rules can multiply: each of thirty
// replacements of "a" by "aa" doubles what the one before made. Real tokenizers stay far below.
#ifndef SKEP_ENGINE_TOKENIZER_GROWTH_H_
#define SKEP_ENGINE_TOKENIZER_GROWTH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {

// Steps of a normalizer, a pre-tokenizer or a decoder.
inline constexpr size_t kMaxSteps = 64;
// Tokens put around a text.
inline constexpr size_t kMaxTokensAround = 1024;
// Of a piece, by a decoder.
inline constexpr size_t kMaxDecodedGrowth = 4096;

// The most bytes that a text may become before it is tokenized. NFKD, the greediest real rule,
// writes 11 bytes for one. Places in words are numbers of 32 bits.
inline size_t MaxGrownBytes(size_t text_bytes) {
  constexpr size_t kFactor = 64, kSlack = 4096;
  return std::min<size_t>(kFactor * text_bytes + kSlack, UINT32_MAX);
}

inline absl::Status GrownTooMuch(size_t text_bytes) {
  return absl::InvalidArgumentError(Concat("the tokenizer's rules make more than ",
                                           MaxGrownBytes(text_bytes), " bytes of a text of ",
                                           text_bytes));
}

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_GROWTH_H_
