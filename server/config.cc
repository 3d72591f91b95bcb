#include "server/config.h"

#include <filesystem>

#include "absl/strings/match.h"

namespace skep::server {

std::string DefaultServedName(const std::string& path) {
  std::filesystem::path file(path);
  if (!file.has_filename()) file = file.parent_path();  // "models/llama/"
  std::string name = file.filename().string();
  if (absl::EndsWith(name, ".gguf")) name.resize(name.size() - 5);
  return name.empty() || name == "." ? "model" : name;
}

}  // namespace skep::server
