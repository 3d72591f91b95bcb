// The files of a model's folder that speak of its tokenizer besides the one that holds it.
#ifndef SKEP_ENGINE_TOKENIZER_MODEL_FILES_H_
#define SKEP_ENGINE_TOKENIZER_MODEL_FILES_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/tokenizer/added_tokens.h"
#include "engine/tokenizer/tokenizer_json.h"
#include "nlohmann/json.hpp"

namespace skep::engine::tokenizer {

bool IsFile(const std::filesystem::path& path);

// The bytes of a file of at most 512 MiB. NotFound, InvalidArgument (too large), Unavailable.
absl::StatusOr<std::string> ReadWholeFile(const std::filesystem::path& path);

// tokenizer_config.json, or special_tokens_map.json where there is only that; added_tokens.json;
// config.json.
struct FolderConfig {
  nlohmann::json tokenizer_config = nlohmann::json::object();
  TokenizerConfig tokens;
  // Sorted by id: of "added_tokens_decoder" and, where that lacks them, of added_tokens.json.
  std::vector<AddedToken> added;
  std::string tokenizer_class;  // of tokenizer_config.json; empty: it does not say
  std::string model_type;       // of config.json; the same

  // A token of tokenizer_config.json that is no string or has no sensible id is InvalidArgument.
  static absl::StatusOr<FolderConfig> Read(const std::filesystem::path& folder);
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_MODEL_FILES_H_
