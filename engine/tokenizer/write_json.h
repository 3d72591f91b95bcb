// Writes a loaded tokenizer as Hugging Face's tokenizer.json, for those that tokenize for this
// server (routers).
#ifndef SKEP_ENGINE_TOKENIZER_WRITE_JSON_H_
#define SKEP_ENGINE_TOKENIZER_WRITE_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "engine/tokenizer/tokenizer.h"

namespace skep::engine {

// A tokenizer.json that the `tokenizers` library reads with the same results (as Encode with
// parse_special, and Decode). Of what a tokenizer.json said, "truncation" and "padding" are left
// out; of a SentencePiece model the library differs in little (sentencepiece_parts.h).
// Unimplemented: what the library does not have, as RWKV's longest piece that fits, byte for byte.
absl::StatusOr<std::string> WriteTokenizerJson(const Tokenizer& tokenizer);

}  // namespace skep::engine

#endif  // SKEP_ENGINE_TOKENIZER_WRITE_JSON_H_
