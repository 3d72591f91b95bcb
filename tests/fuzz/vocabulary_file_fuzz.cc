// Vocabularies that are neither tokenizer.json nor GGUF. The first line of an input says what
// follows, and what tokenizer_config.json would say:
//
//   tiktoken CLASS [ID=TOKEN ...]
//   tekken | rwkv | word_piece CLASS [ID=TOKEN ...]
//   sentencepiece CLASS [ID=TOKEN ...]
//   merges CLASS [ID=TOKEN ...]      vocab.json, a line "===", merges.txt
//   config                           tokenizer_config.json
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/rwkv_vocabulary.h"
#include "engine/tokenizer/sentencepiece_model.h"
#include "engine/tokenizer/tiktoken.h"
#include "engine/tokenizer/vocabulary_files.h"
#include "tests/fuzz/tokenizer_checks.h"

namespace skep::fuzz {
namespace {

using engine::tokenizer::AddedToken;
using engine::tokenizer::FolderConfig;

FolderConfig ReadConfig(const std::vector<absl::string_view>& words) {
  FolderConfig config;
  if (words.size() > 1) config.tokenizer_class = std::string(words[1]);
  for (size_t i = 2; i < words.size(); ++i) {
    const std::vector<absl::string_view> parts = absl::StrSplit(words[i], absl::MaxSplits('=', 1));
    AddedToken token;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &token.id) || token.id < 0) continue;
    token.content = std::string(parts[1]);
    token.special = i % 2 == 0;
    config.added.push_back(token);
  }
  return config;
}

// A file may give a token that it adds the id of another piece, as fine-tuned models do with pieces
// that were never used: text that spells either is then that id, as in the original, and special if
// either is. Here ids are kept apart, so that special ones in plain text are always wrong.
void KeepIdsApart(std::string_view kind, std::string_view text, FolderConfig& config) {
  constexpr int64_t kMorePieces = 4096;  // than an input has
  const bool piece_a_line = kind == "tiktoken" || kind == "word_piece";
  const int64_t pieces =
      piece_a_line ? std::count(text.begin(), text.end(), '\n') + 1 : kMorePieces;
  std::erase_if(config.added, [&](const AddedToken& token) { return token.id < pieces; });
}

void ReadTekken(std::string_view text) {
  const auto document = engine::tokenizer::ParseJson(text, "tekken.json");
  if (document.ok() && engine::tokenizer::LooksLikeTekken(*document)) {
    CheckLoaded(engine::tokenizer::ReadTekken(*document));
  }
}

void ReadMerges(std::string_view text, const FolderConfig& config) {
  constexpr std::string_view kSeparator = "\n===\n";
  const size_t at = text.find(kSeparator);
  if (at == std::string_view::npos) return;
  CheckLoaded(engine::tokenizer::ReadVocabularyAndMerges(
      text.substr(0, at), text.substr(at + kSeparator.size()), config));
}

void ReadAs(std::string_view kind, std::string_view text, const FolderConfig& config) {
  namespace readers = engine::tokenizer;
  if (kind == "tiktoken") CheckLoaded(readers::ReadTiktoken(text, "fuzz.tiktoken", config));
  if (kind == "tekken") ReadTekken(text);
  if (kind == "rwkv") CheckLoaded(readers::ReadRwkvVocabulary(text));
  if (kind == "word_piece") CheckLoaded(readers::ReadWordPieceVocabulary(text, config));
  if (kind == "sentencepiece") {
    CheckLoaded(readers::ReadSentencePieceModel(text, config.tokens, config.added));
  }
  if (kind == "merges") ReadMerges(text, config);
  if (kind == "config") (void)readers::ReadTokenizerConfig(text);
}

}  // namespace
}  // namespace skep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::string_view(input.data(), end), ' ');
  const std::string_view kind(words[0].data(), words[0].size());
  const std::string_view text = input.substr(end + 1);
  skep::fuzz::FolderConfig config = skep::fuzz::ReadConfig(words);
  skep::fuzz::KeepIdsApart(kind, text, config);
  skep::fuzz::ReadAs(kind, text, config);
  return 0;
}
