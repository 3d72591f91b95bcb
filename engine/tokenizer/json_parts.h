// The components of tokenizer.json, each read by its "type".
#ifndef SKEP_ENGINE_TOKENIZER_JSON_PARTS_H_
#define SKEP_ENGINE_TOKENIZER_JSON_PARTS_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/decoder.h"
#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/normalizer.h"
#include "engine/tokenizer/pre_tokenizer.h"
#include "engine/tokenizer/vocabulary.h"

namespace skep::engine::tokenizer {

// Each takes the node of its component (null: there is none). Errors as ReadTokenizerJson.
absl::Status ReadNormalizer(const JsonNode& node, Normalizer& out);

// `byte_level`: whether words reach the model as bytes that its vocabulary writes in the byte
// alphabet.
absl::Status ReadPreTokenizer(const JsonNode& node, PreTokenizer& out, bool& byte_level);

absl::Status ReadDecoder(const JsonNode& node, Decoder& out);

// Appends what is put before and behind a single text.
absl::Status ReadPostProcessor(const JsonNode& node, const Vocabulary& vocabulary,
                               std::vector<TokenId>& prefix, std::vector<TokenId>& suffix);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_JSON_PARTS_H_
