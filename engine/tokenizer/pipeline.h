// The parts of a loaded tokenizer. What reads a kind of file fills one of these; nothing else
// differs between kinds.
#ifndef SKEP_ENGINE_TOKENIZER_PIPELINE_H_
#define SKEP_ENGINE_TOKENIZER_PIPELINE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/tokenizer/added_tokens.h"
#include "engine/tokenizer/decoder.h"
#include "engine/tokenizer/normalizer.h"
#include "engine/tokenizer/pre_tokenizer.h"
#include "engine/tokenizer/token_model.h"
#include "engine/tokenizer/vocabulary.h"
#include "engine/tokenizer/word_cache.h"

namespace skep::engine::tokenizer {

inline constexpr const char* kComponents[] = {"normalizer", "pre_tokenizer", "post_processor",
                                              "decoder"};

// The ids with a meaning. Those outside the vocabulary are absent.
struct SpecialIds {
  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> pad;
  std::optional<TokenId> unk;
  std::vector<TokenId> end_of_generation;  // sorted
};

// Never moved or copied: models keep a reference to `vocabulary`.
struct Pipeline {
  Pipeline() = default;
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  std::string source;  // what was read: "gguf", "tokenizer.json", "tokenizer.model"
  Vocabulary vocabulary;
  std::vector<AddedToken> added_tokens;
  AddedTokens added_in_raw_text;         // those with normalized = false
  AddedTokens added_in_normalized_text;  // the others, their contents normalized
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::unique_ptr<TokenModel> model;
  mutable WordCachePool word_caches;
  Decoder decoder;
  std::vector<TokenId> prefix;  // what add_special puts before a text
  std::vector<TokenId> suffix;  // and behind
  SpecialIds special_ids;
  // Of a tokenizer.json: "normalizer", "pre_tokenizer", "post_processor" and "decoder" as written
  // there.
  std::map<std::string, std::string> components;
  std::vector<std::string> notes;  // what the files ask for and Skep leaves out, in sentences

  // Adds `token` to the list and to the search. `normalizer` must be complete.
  absl::Status AddToken(const AddedToken& token);
};

// Tokens that end a generation by their names (<|im_end|>, </s> ...).
bool IsEndOfGenerationName(std::string_view text);

// Sets end_of_generation: the eos id, `more`, and the tokens of well-known names.
void FindEndOfGeneration(const std::vector<TokenId>& more, Pipeline& pipeline);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_PIPELINE_H_
