// What a file of ranks does not say: how the models that ship one cut text, and their special
// tokens.
#ifndef SKEP_ENGINE_TOKENIZER_TIKTOKEN_KNOWN_H_
#define SKEP_ENGINE_TOKENIZER_TIKTOKEN_KNOWN_H_

#include <string_view>

#include "absl/status/status.h"
#include "engine/tokenizer/tiktoken.h"

namespace skep::engine::tokenizer {

// Fills all of `vocabulary` but the pieces. What decides, in this order: "pat_str" or "pattern" of
// tokenizer_config.json, its tokenizer_class, the file's name, config.json's model_type.
// Unimplemented: none of them is known.
absl::Status CompleteKnownTiktoken(std::string_view file_name, const FolderConfig& config,
                                   RankedVocabulary& vocabulary);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_TIKTOKEN_KNOWN_H_
