// Reads a tokenizer from a model's files.
#ifndef SKEP_ENGINE_TOKENIZER_LOAD_H_
#define SKEP_ENGINE_TOKENIZER_LOAD_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/tokenizer/tokenizer.h"

namespace skep::engine {

// `path` is a .gguf file (one that holds only a vocabulary will do), one of the files below, or a
// folder that has one of them, the first of this list:
//
//   tokenizer.json           Hugging Face's, which says everything
//   tekken.json              Mistral's
//   tokenizer.model          SentencePiece's, or ranks for the tiktoken library; also
//                            sentencepiece.bpe.model, spiece.model, tiktoken.model
//   *.tiktoken               ranks for the tiktoken library
//   vocab.json, merges.txt   GPT-2 and its descendants
//   rwkv_vocab*.txt          RWKV's World vocabulary
//   vocab.txt                BERT's WordPiece
//   tokenizer.model.*        as tokenizer.model
//
// Next to it count tokenizer_config.json, special_tokens_map.json, added_tokens.json and
// config.json. NotFound: no such file, or none of them in the folder. InvalidArgument: malformed,
// names what and where. Unimplemented: a part that Skep does not know, by its name.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& path);

}  // namespace skep::engine

#endif  // SKEP_ENGINE_TOKENIZER_LOAD_H_
