#include "server/config.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "server/view.h"

namespace skep::server {

std::string DefaultServedName(const std::string& path) {
  std::filesystem::path file(path);
  if (!file.has_filename()) file = file.parent_path();  // "models/llama/"
  std::string name = file.filename().string();
  if (absl::EndsWith(name, ".gguf")) name.resize(name.size() - 5);
  return name.empty() || name == "." ? "model" : name;
}

bool IsLoopback(std::string_view address) {
  for (const char* prefix : {"127.", "localhost:", "[::1]:", "unix:"}) {
    if (absl::StartsWith(View(address), prefix)) return true;
  }
  return false;
}

}  // namespace skep::server
