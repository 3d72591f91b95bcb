// Where models keep their chat templates.
#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/weights/gguf.h"
#include "models/weights/model_files.h"
#include "server/load_model.h"

namespace skep::server {
namespace {

using Sources = std::map<std::string, std::string>;

constexpr uint64_t kMaxTemplateBytes = 4 << 20;
constexpr uint64_t kMaxConfigBytes = 64 << 20;
constexpr size_t kMaxTemplates = 100;
constexpr char kDefault[] = "default";
constexpr char kToolUse[] = "tool_use";

// A text, a list of {"name", "template"}, or an object of texts by name.
absl::StatusOr<Sources> FromJson(const nlohmann::json& value, const std::string& file) {
  if (value.is_string()) return Sources{{kDefault, value.get<std::string>()}};
  Sources sources;
  const auto text = [](const nlohmann::json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
  };
  if (value.is_array()) {
    for (const auto& entry : value) sources[text(entry, "name")] = text(entry, "template");
  } else if (value.is_object()) {
    for (const auto& [name, source] : value.items()) sources[name] = text(value, name.c_str());
  }
  const bool valid = std::all_of(sources.begin(), sources.end(), [](const auto& entry) {
    return !entry.first.empty() && !entry.second.empty();
  });
  if (valid && !sources.empty()) return sources;
  return absl::InvalidArgumentError(absl::StrCat(
      file,
      ": 'chat_template' is neither a text nor a list of objects with a name and a template"));
}

// "chat_template" of a JSON file; nothing if there is no such file, or none in it.
absl::StatusOr<Sources> FromJsonFile(const std::string& file) {
  absl::StatusOr<std::string> text = models::ReadSmallFile(file, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) return Sources();
  if (!text.ok()) return text.status();
  const auto json = nlohmann::json::parse(*text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": is not a JSON object"));
  }
  const auto found = json.find("chat_template");
  if (found == json.end() || found->is_null()) return Sources();
  return FromJson(*found, file);
}

absl::StatusOr<Sources> FromFolder(const std::string& folder) {
  Sources sources;
  std::vector<std::pair<std::string, std::string>> files = {
      {kDefault, absl::StrCat(folder, "/chat_template.jinja")}};
  std::error_code error;
  // Incremented by hand: the loop's own ++ throws when the folder cannot be read on.
  std::filesystem::directory_iterator entry(absl::StrCat(folder, "/additional_chat_templates"),
                                            error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    if (path.extension() != ".jinja" || files.size() > kMaxTemplates) continue;
    files.emplace_back(path.stem().string(), path.string());
  }
  for (const auto& [name, file] : files) {
    absl::StatusOr<std::string> text = models::ReadSmallFile(file, kMaxTemplateBytes);
    if (text.ok()) {
      sources[name] = *std::move(text);
    } else if (!absl::IsNotFound(text.status())) {
      return text.status();
    }
  }
  for (const char* name : {"/chat_template.json", "/tokenizer_config.json"}) {
    if (!sources.empty()) break;
    absl::StatusOr<Sources> more = FromJsonFile(absl::StrCat(folder, name));
    if (!more.ok()) return more.status();
    sources = *std::move(more);
  }
  return sources;
}

absl::StatusOr<Sources> FromGguf(const std::string& path) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  absl::StatusOr<std::unique_ptr<models::GgufFile>> gguf = models::GgufFile::Open(path);
  if (!gguf.ok()) return gguf.status();
  Sources sources;
  for (std::string_view key : (*gguf)->keys()) {
    if (!key.starts_with(kKey) || sources.size() > kMaxTemplates) continue;
    const std::string_view rest = key.substr(kKey.size());
    if (!rest.empty() && (rest.size() < 2 || rest[0] != '.')) continue;
    absl::StatusOr<std::string_view> text = (*gguf)->String(key);
    if (!text.ok()) return text.status();
    sources[rest.empty() ? kDefault : std::string(rest.substr(1))] = std::string(*text);
  }
  return sources;
}

}  // namespace

absl::StatusOr<Sources> ReadChatTemplates(const std::string& path) {
  std::error_code error;
  absl::StatusOr<Sources> sources =
      std::filesystem::is_directory(path, error) ? FromFolder(path) : FromGguf(path);
  if (sources.ok() && sources->empty()) {
    return absl::NotFoundError(absl::StrCat(path, ": the model has no chat template"));
  }
  return sources;
}

absl::StatusOr<engine::ChatTemplate> CompileChatTemplate(const Sources& sources,
                                                         const std::string& name) {
  const bool only = name.empty() && sources.size() == 1;
  const auto chosen = only ? sources.begin() : sources.find(name.empty() ? kDefault : name);
  if (chosen == sources.end()) {
    const auto add_name = [](std::string* out, const auto& entry) { *out += entry.first; };
    return absl::NotFoundError(absl::StrCat("the model has no chat template '",
                                            name.empty() ? kDefault : name,
                                            "', only: ", absl::StrJoin(sources, ", ", add_name)));
  }
  absl::StatusOr<engine::ChatTemplate> compiled = engine::ChatTemplate::Compile(chosen->second);
  const auto tool_use = sources.find(kToolUse);
  if (!compiled.ok() || !name.empty() || tool_use == sources.end()) return compiled;
  absl::StatusOr<engine::ChatTemplate> with_tools = engine::ChatTemplate::Compile(tool_use->second);
  if (!with_tools.ok()) return with_tools.status();
  return compiled->WithToolUse(*with_tools);
}

}  // namespace skep::server
