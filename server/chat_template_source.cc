#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/weights/gguf.h"
#include "models/weights/model_files.h"
#include "server/load_model.h"

namespace skep::server {
namespace {

constexpr uint64_t kMaxTemplateBytes = 4 << 20;
constexpr uint64_t kMaxConfigBytes = 64 << 20;

absl::Status None(const std::string& path) {
  return absl::NotFoundError(absl::StrCat(path, ": the model has no chat template"));
}

// Some models ship several templates by name; "default" is the one for conversations.
absl::StatusOr<std::string> FromTokenizerConfig(const std::string& folder) {
  const std::string file = absl::StrCat(folder, "/tokenizer_config.json");
  absl::StatusOr<std::string> text = models::ReadSmallFile(file, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) return None(folder);
  if (!text.ok()) return text.status();
  const auto json = nlohmann::json::parse(*text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": is not a JSON object"));
  }
  const auto found = json.find("chat_template");
  if (found == json.end() || found->is_null()) return None(folder);
  if (found->is_string()) return found->get<std::string>();
  if (found->is_array()) {
    for (const auto& entry : *found) {
      if (!entry.is_object() || entry.value("name", nlohmann::json()) != "default") continue;
      const auto source = entry.find("template");
      if (source != entry.end() && source->is_string()) return source->get<std::string>();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      file, ": 'chat_template' is neither a string nor a list with one named 'default'"));
}

}  // namespace

absl::StatusOr<std::string> ReadChatTemplate(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    absl::StatusOr<std::string> text =
        models::ReadSmallFile(absl::StrCat(path, "/chat_template.jinja"), kMaxTemplateBytes);
    return absl::IsNotFound(text.status()) ? FromTokenizerConfig(path) : text;
  }
  absl::StatusOr<std::unique_ptr<models::GgufFile>> gguf = models::GgufFile::Open(path);
  if (!gguf.ok()) return gguf.status();
  absl::StatusOr<std::string_view> text = (*gguf)->String("tokenizer.chat_template");
  if (absl::IsNotFound(text.status())) return None(path);
  if (!text.ok()) return text.status();
  return std::string(*text);
}

}  // namespace skep::server
