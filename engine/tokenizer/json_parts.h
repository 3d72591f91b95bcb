// The components of tokenizer.json, each read by its "type".
#ifndef SKEP_ENGINE_TOKENIZER_JSON_PARTS_H_
#define SKEP_ENGINE_TOKENIZER_JSON_PARTS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/tokenizer/decoder.h"
#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/normalizer.h"
#include "engine/tokenizer/pattern.h"
#include "engine/tokenizer/pre_tokenizer.h"
#include "engine/tokenizer/vocabulary.h"

namespace skep::engine::tokenizer {

// Each takes the node of its component (null: there is none). Errors as ReadTokenizerJson.

absl::Status ReadNormalizer(const JsonNode& node, Normalizer& out);

// Words reach the model as text; behind ByteLevel, as letters of the byte alphabet.
absl::Status ReadPreTokenizer(const JsonNode& node, PreTokenizer& out);

// For models that take bytes: leaves the byte alphabet out, or goes back to bytes where other steps
// look at its letters. False, and no change: words are no bytes.
bool DeliverBytes(PreTokenizer& pre_tokenizer);

absl::Status ReadDecoder(const JsonNode& node, Decoder& out);

// Appends what is put before and behind a single text.
absl::Status ReadPostProcessor(const JsonNode& node, const Vocabulary& vocabulary,
                               std::vector<TokenId>& prefix, std::vector<TokenId>& suffix);

// {"String": "..."} or {"Regex": "..."}.
struct PatternSource {
  std::shared_ptr<const Pattern> pattern;
  std::string source;
  bool is_regex = false;
};
absl::StatusOr<PatternSource> ReadPattern(const JsonNode& node);

// How Metaspace treats the start of words, as pre-tokenizer and as decoder.
absl::StatusOr<PrependScheme> ReadPrependScheme(const JsonNode& node);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_JSON_PARTS_H_
