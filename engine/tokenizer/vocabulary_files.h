// Tokenizers whose folder holds only a vocabulary: vocab.json with merges.txt (GPT-2 and its
// descendants), or vocab.txt (BERT). The rest is in the code of the model's tokenizer class; here
// it becomes the tokenizer.json that Hugging Face's library would write.
#ifndef SKEP_ENGINE_TOKENIZER_VOCABULARY_FILES_H_
#define SKEP_ENGINE_TOKENIZER_VOCABULARY_FILES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/tokenizer/model_files.h"
#include "engine/tokenizer/pipeline.h"

namespace skep::engine::tokenizer {

// `vocab`: {"piece": id, ...}; `merges`: lines "left right" by rank, after a line "#version".
// InvalidArgument: malformed. Unimplemented: a tokenizer_class of another kind, by its name.
absl::StatusOr<std::unique_ptr<Pipeline>> ReadVocabularyAndMerges(std::string_view vocab,
                                                                  std::string_view merges,
                                                                  const FolderConfig& config);

// What of a WordPiece tokenizer its vocabulary does not say.
struct WordPieceSettings {
  std::string source;
  bool lowercase = true;
  bool strip_accents = true;
  bool handle_chinese = true;
  std::string unk = "[UNK]", cls = "[CLS]", sep = "[SEP]";  // cls and sep: put around a text
  std::vector<AddedToken> added;
};
// `pieces` by id, those inside words with "##".
absl::StatusOr<std::unique_ptr<Pipeline>> MakeWordPiecePipeline(
    const std::vector<std::string>& pieces, const WordPieceSettings& settings,
    const TokenizerConfig& config);

// `vocab`: a piece a line, from id 0 on.
absl::StatusOr<std::unique_ptr<Pipeline>> ReadWordPieceVocabulary(std::string_view vocab,
                                                                  const FolderConfig& config);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_VOCABULARY_FILES_H_
