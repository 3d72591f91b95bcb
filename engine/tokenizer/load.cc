#include "engine/tokenizer/load.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "engine/tokenizer/gguf_reader.h"
#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/model_files.h"
#include "engine/tokenizer/rwkv_vocabulary.h"
#include "engine/tokenizer/sentencepiece_model.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/tiktoken.h"
#include "engine/tokenizer/tokenizer_json.h"
#include "engine/tokenizer/vocabulary_files.h"
#include "models/weights/gguf.h"

namespace skep::engine {
namespace {

namespace fs = std::filesystem;
using tokenizer::Concat;
using tokenizer::FolderConfig;
using tokenizer::IsFile;
using tokenizer::Pipeline;
using tokenizer::ReadWholeFile;

using Loaded = absl::StatusOr<std::unique_ptr<Pipeline>>;

Loaded LoadGguf(const std::string& path) {
  std::unique_ptr<models::GgufFile> file;
  SKEP_ASSIGN(file, models::GgufFile::Open(path));
  tokenizer::GgufVocabulary vocabulary;
  SKEP_ASSIGN(vocabulary, tokenizer::ReadGgufVocabulary(*file));
  return tokenizer::MakePipeline(std::move(vocabulary));
}

// tokenizer.json or tekken.json, by what is inside.
Loaded LoadJson(const fs::path& path) {
  std::string text;
  SKEP_ASSIGN(text, ReadWholeFile(path));
  const std::string_view start = std::string_view(text).substr(0, 8192);
  if (start.find("\"default_num_special_tokens\"") != std::string_view::npos) {
    nlohmann::json document;
    SKEP_ASSIGN(document, tokenizer::ParseJson(text, path.filename().string()));
    if (tokenizer::LooksLikeTekken(document)) return tokenizer::ReadTekken(document);
  }
  FolderConfig config;
  SKEP_ASSIGN(config, FolderConfig::Read(path.parent_path()));
  return tokenizer::ReadTokenizerJson(text, config.tokens);
}

// Files whose name does not tell what they are: tokenizer.model may be of SentencePiece or ranks
// for the tiktoken library.
Loaded LoadVocabularyFile(const fs::path& path) {
  std::string bytes;
  SKEP_ASSIGN(bytes, ReadWholeFile(path));
  FolderConfig config;
  SKEP_ASSIGN(config, FolderConfig::Read(path.parent_path()));
  if (tokenizer::LooksLikeRwkvVocabulary(bytes)) return tokenizer::ReadRwkvVocabulary(bytes);
  if (tokenizer::LooksLikeTiktoken(bytes)) {
    return tokenizer::ReadTiktoken(bytes, path.filename().string(), config);
  }
  if (path.extension() == ".txt") return tokenizer::ReadWordPieceVocabulary(bytes, config);
  return tokenizer::ReadSentencePieceModel(bytes, config.tokens, config.added);
}

Loaded LoadVocabularyAndMerges(const fs::path& vocab_path, const fs::path& merges_path) {
  std::string vocab, merges;
  SKEP_ASSIGN(vocab, ReadWholeFile(vocab_path));
  SKEP_ASSIGN(merges, ReadWholeFile(merges_path));
  FolderConfig config;
  SKEP_ASSIGN(config, FolderConfig::Read(vocab_path.parent_path()));
  return tokenizer::ReadVocabularyAndMerges(vocab, merges, config);
}

// The first file of the folder, by name, of which `matches` holds.
template <typename Matches>
fs::path FindFile(const fs::path& folder, const Matches& matches) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (IsFile(it->path()) && matches(it->path().filename().string())) found.push_back(it->path());
  }
  return found.empty() ? fs::path() : *std::min_element(found.begin(), found.end());
}

// What knows most comes first: tokenizer.json says all of it, a bare vocabulary the least.
Loaded LoadFolder(const fs::path& folder) {
  for (const char* name : {"tokenizer.json", "tekken.json"}) {
    if (IsFile(folder / name)) return LoadJson(folder / name);
  }
  for (const char* name :
       {"tokenizer.model", "sentencepiece.bpe.model", "spiece.model", "tiktoken.model"}) {
    if (IsFile(folder / name)) return LoadVocabularyFile(folder / name);
  }
  const fs::path ranks =
      FindFile(folder, [](std::string_view name) { return name.ends_with(".tiktoken"); });
  if (!ranks.empty()) return LoadVocabularyFile(ranks);
  const bool has_vocab = IsFile(folder / "vocab.json");
  const bool has_merges = IsFile(folder / "merges.txt");
  if (has_vocab && has_merges) {
    return LoadVocabularyAndMerges(folder / "vocab.json", folder / "merges.txt");
  }
  const fs::path rwkv = FindFile(folder, [](std::string_view name) {
    return name.starts_with("rwkv_vocab") && name.ends_with(".txt");
  });
  if (!rwkv.empty()) return LoadVocabularyFile(rwkv);
  if (IsFile(folder / "vocab.txt")) return LoadVocabularyFile(folder / "vocab.txt");
  const fs::path versioned =
      FindFile(folder, [](std::string_view name) { return name.starts_with("tokenizer.model."); });
  if (!versioned.empty()) return LoadVocabularyFile(versioned);
  if (has_vocab != has_merges) {
    return absl::NotFoundError(Concat(folder.string(), " holds ",
                                      has_vocab ? "vocab.json" : "merges.txt", ", but not ",
                                      has_vocab ? "merges.txt" : "vocab.json"));
  }
  return absl::NotFoundError(
      Concat(folder.string(),
             " holds no tokenizer: neither tokenizer.json, tokenizer.model, "
             "tekken.json, *.tiktoken, vocab.json with merges.txt, vocab.txt nor "
             "rwkv_vocab*.txt"));
}

Loaded LoadPipeline(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return absl::NotFoundError(Concat(path, ": no such file"));
  if (fs::is_directory(path, error)) return LoadFolder(path);
  const fs::path file(path);
  const fs::path folder = file.parent_path();
  if (path.ends_with(".gguf")) return LoadGguf(path);
  if (file.filename() == "vocab.json" || file.filename() == "merges.txt") {
    return LoadVocabularyAndMerges(folder / "vocab.json", folder / "merges.txt");
  }
  if (path.ends_with(".json")) return LoadJson(file);
  const std::string name = file.filename().string();
  const bool is_vocabulary = path.ends_with(".txt") || path.ends_with(".tiktoken") ||
                             path.ends_with(".model") || name.find(".model.") != std::string::npos;
  return is_vocabulary ? LoadVocabularyFile(file) : LoadGguf(path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& path) {
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline, LoadPipeline(path));
  return std::make_unique<Tokenizer>(std::move(pipeline));
}

}  // namespace skep::engine
