// tokenizer.model: SentencePiece's own files, run by SentencePiece's own library.
#ifndef SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_MODEL_H_
#define SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_MODEL_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/tokenizer_json.h"

namespace skep::engine::tokenizer {

class SentencePieceLibrary;

class SentencePieceModel final : public TokenModel {
 public:
  // `bytes`: what `library` was loaded from.
  SentencePieceModel(std::unique_ptr<SentencePieceLibrary> library, std::string bytes);
  ~SentencePieceModel() override;

  // InvalidArgument: the library fails.
  absl::Status Tokenize(std::string_view word, std::vector<TokenId>& out) const override;
  std::string_view kind() const override { return "sentencepiece"; }

  const std::string& bytes() const { return bytes_; }

 private:
  std::unique_ptr<SentencePieceLibrary> library_;
  std::string bytes_;
};

// `bytes`: the file. `config` says whether BOS and EOS are added (BOS is unless it says no) and may
// name the special tokens; `added` are tokens that the model itself lacks (of
// tokenizer_config.json's "added_tokens_decoder" or added_tokens.json). What of a text is not UTF-8
// becomes U+FFFD. InvalidArgument: the library refuses the file.
absl::StatusOr<std::unique_ptr<Pipeline>> ReadSentencePieceModel(
    std::string_view bytes, const TokenizerConfig& config, const std::vector<AddedToken>& added);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_MODEL_H_
