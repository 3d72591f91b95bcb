// Hugging Face's tokenizer.json.
#ifndef SKEP_ENGINE_TOKENIZER_TOKENIZER_JSON_H_
#define SKEP_ENGINE_TOKENIZER_TOKENIZER_JSON_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/tokenizer/pipeline.h"

namespace skep::engine::tokenizer {

// What tokenizer.json does not say and tokenizer_config.json next to it does.
struct TokenizerConfig {
  std::optional<std::string> bos_token, eos_token, pad_token, unk_token;
  // Honoured where the tokenizer itself puts nothing around a text.
  std::optional<bool> add_bos_token, add_eos_token;
};

// InvalidArgument: not JSON, or a part of the wrong type or inconsistent, by its path in the file.
// Unimplemented: a component that Skep does not know, by its name.
absl::StatusOr<std::unique_ptr<Pipeline>> ReadTokenizerJson(std::string_view json,
                                                            const TokenizerConfig& config);

// Reads tokenizer_config.json (or special_tokens_map.json).
absl::StatusOr<TokenizerConfig> ReadTokenizerConfig(std::string_view json);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_TOKENIZER_JSON_H_
