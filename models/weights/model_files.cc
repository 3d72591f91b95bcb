#include "models/weights/model_files.h"

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/weights/safetensors.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxConfigBytes = 16u << 20;

absl::StatusOr<ModelFiles> OpenGguf(const std::string& path) {
  absl::StatusOr<std::unique_ptr<GgufFile>> gguf = GgufFile::Open(path);
  if (!gguf.ok()) return gguf.status();
  absl::StatusOr<ConfigView> config = ConfigView::FromGguf(**gguf);
  if (!config.ok()) return config.status();
  const GgufFile* file = gguf->get();
  return ModelFiles{.weights = *std::move(gguf),
                    .config = *std::move(config),
                    .gguf = file,
                    .folder = fs::path(path).parent_path().string()};
}

// A file of the folder, empty if it is not there.
absl::StatusOr<std::string> ReadOptional(const std::string& folder, const std::string& name) {
  absl::StatusOr<std::string> path = ResolveInFolder(folder, name);
  if (absl::IsNotFound(path.status())) return std::string();
  if (!path.ok()) return path.status();
  return ReadSmallFile(*path, kMaxConfigBytes);
}

absl::StatusOr<ModelFiles> OpenFolder(const std::string& folder) {
  absl::StatusOr<std::string> config_path = ResolveInFolder(folder, "config.json");
  if (!config_path.ok()) return config_path.status();
  absl::StatusOr<std::string> text = ReadSmallFile(*config_path, kMaxConfigBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::string> generation = ReadOptional(folder, "generation_config.json");
  if (!generation.ok()) return generation.status();
  absl::StatusOr<ConfigView> config =
      ConfigView::FromJson(*text, *generation, (fs::path(folder) / "config.json").string());
  if (!config.ok()) return config.status();
  absl::StatusOr<std::unique_ptr<SafetensorsFiles>> weights = SafetensorsFiles::Open(folder);
  if (!weights.ok()) return weights.status();
  return ModelFiles{.weights = *std::move(weights),
                    .config = *std::move(config),
                    .gguf = nullptr,
                    .folder = folder};
}

}  // namespace

absl::StatusOr<ModelFiles> OpenModel(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    return absl::NotFoundError(absl::StrCat("model ", Quoted(path), " does not exist"));
  }
  if (fs::is_directory(status)) return OpenFolder(path);
  if (absl::EndsWithIgnoreCase(path, ".gguf")) return OpenGguf(path);
  return absl::InvalidArgumentError(absl::StrCat(
      "model ", Quoted(path),
      " is neither a .gguf file nor a folder with config.json and SafeTensors; pickled "
      "files (.bin, .pt) are never read, because they can run code"));
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, uint64_t max_bytes) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    return absl::NotFoundError(absl::StrCat(Quoted(path), " does not exist"));
  if (!fs::is_regular_file(status)) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(path), " is not a regular file"));
  }
  const uint64_t size = fs::file_size(path, error);
  if (error) return absl::InternalError(absl::StrCat("cannot read ", Quoted(path)));
  if (size > max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(path), " has ", size, " bytes, expected at most ", max_bytes));
  }
  std::string text(size, '\0');
  std::ifstream stream(path, std::ios::binary);
  if (size > 0 && !stream.read(text.data(), static_cast<std::streamsize>(size))) {
    return absl::InternalError(absl::StrCat("cannot read ", Quoted(path)));
  }
  return text;
}

}  // namespace skep::models
