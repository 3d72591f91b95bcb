// Vocabularies for the tiktoken library: files of lines "BASE64 RANK" (*.tiktoken, tiktoken.model,
// the tokenizer.model of Llama 3 and GLM-4), and Mistral's tekken.json.
#ifndef SKEP_ENGINE_TOKENIZER_TIKTOKEN_H_
#define SKEP_ENGINE_TOKENIZER_TIKTOKEN_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/tokenizer/model_files.h"
#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/rank_bpe.h"

namespace skep::engine::tokenizer {

// What a vocabulary becomes: pieces, how text is cut before them, and the special tokens.
struct RankedVocabulary {
  std::string source;  // for Pipeline::source
  std::vector<RankBpe::Piece> pieces;
  std::vector<std::string> regexes;  // applied in order, matches isolated
  bool nfc = false;
  std::vector<AddedToken> added;
  std::string bos, eos, pad, unk;   // contents of added tokens; empty: none
  std::vector<std::string> prefix;  // added tokens that add_special puts before a text
};
absl::StatusOr<std::unique_ptr<Pipeline>> MakeRankedPipeline(RankedVocabulary vocabulary);

// Whether a file begins with a line "BASE64 RANK".
bool LooksLikeTiktoken(std::string_view text);

// `file_name` and `config` tell which tokenizer it is (tiktoken_known.h), as the file itself does
// not say how text is cut. InvalidArgument names the line; Unimplemented: nothing is known of it.
absl::StatusOr<std::unique_ptr<Pipeline>> ReadTiktoken(std::string_view text,
                                                       std::string_view file_name,
                                                       const FolderConfig& config);

// Whether a document is a tekken.json, which has all that is needed.
bool LooksLikeTekken(const nlohmann::json& document);
absl::StatusOr<std::unique_ptr<Pipeline>> ReadTekken(const nlohmann::json& document);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_TIKTOKEN_H_
