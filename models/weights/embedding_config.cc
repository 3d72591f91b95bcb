#include "models/weights/embedding_config.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/weights/json_file.h"
#include "models/weights/safetensors.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxFileBytes = 1u << 20;
constexpr std::string_view kModesKnown = "mean, cls and lasttoken are";

struct Mode {
  std::string_view name;  // as pooling_mode has it
  std::string_view key;   // of a flag
  PoolingMode mode;
};
constexpr std::array kModes = {
    Mode{"mean", "pooling_mode_mean_tokens", PoolingMode::kMeanTokens},
    Mode{"cls", "pooling_mode_cls_token", PoolingMode::kClsToken},
    Mode{"lasttoken", "pooling_mode_lasttoken", PoolingMode::kLastToken},
};

absl::Status Wrong(const std::string& file, std::string_view key, const char* expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(file), ": ", Quoted(key), " must be ", expected));
}

// pooling_mode of newer files, one name or a list, and the flags of older ones that are true.
absl::StatusOr<std::set<std::string>> ChosenModes(const json& config, const std::string& file) {
  constexpr std::string_view kFlag = "pooling_mode_";
  std::set<std::string> chosen;
  bool given = false;
  for (const auto& [key, value] : config.items()) {
    if (key == "pooling_mode" && !value.is_null()) {
      given = true;
      for (const json& name : value.is_array() ? value : json::array({value})) {
        if (!name.is_string()) return Wrong(file, key, "a name or a list of names");
        chosen.insert(name.get<std::string>());
      }
    } else if (key.starts_with(kFlag)) {
      given = true;
      if (!value.is_boolean()) return Wrong(file, key, "true or false");
      const auto* const mode =
          std::find_if(kModes.begin(), kModes.end(),
                       [&flag = key](const Mode& known) { return known.key == flag; });
      if (value.get<bool>()) chosen.emplace(mode != kModes.end() ? mode->name : key);
    }
  }
  if (!given) chosen.emplace(kModes.front().name);  // the library's default
  return chosen;
}

absl::StatusOr<EmbeddingConfig> ReadGguf(const ConfigView& config) {
  EmbeddingConfig result;
  absl::StatusOr<int64_t> type = config.IntOr("pooling_type", /*value=*/0);
  if (!type.ok()) return type.status();
  switch (*type) {
    case -1:  // llama.cpp's "unspecified" and "none"
    case 0:
      return result;
    case 1:
      result.pooling = PoolingMode::kMeanTokens;
      return result;
    case 2:
      result.pooling = PoolingMode::kClsToken;
      return result;
    case 3:
      result.pooling = PoolingMode::kLastToken;
      return result;
    default:
      return absl::UnimplementedError(
          absl::StrCat(config.file(), ": pooling_type ", *type, *type == 4 ? " (rank)" : "",
                       " is not supported; 0 (none), 1 (mean), 2 (cls) and 3 (last) are"));
  }
}

absl::StatusOr<std::string> ReadInFolder(const std::string& folder, const std::string& name) {
  absl::StatusOr<std::string> path = ResolveInFolder(folder, name);
  if (!path.ok()) return path.status();
  return ReadSmallFile(*path, kMaxFileBytes);
}

}  // namespace

absl::StatusOr<SentenceModules> ParseModules(std::string_view modules, const std::string& file) {
  const absl::StatusOr<json> list = ParseJson(modules, file);
  if (!list.ok()) return list.status();
  if (!list->is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(file), ": is ", list->type_name(), ", expected a list of modules"));
  }
  SentenceModules result;
  for (const json& module : *list) {
    const auto text = [&module](const char* key) -> std::string {
      const auto found = module.is_object() ? module.find(key) : module.end();
      return found != module.end() && found->is_string() ? found->get<std::string>() : "";
    };
    const std::string type = text("type");
    const std::string kind = type.substr(type.rfind('.') + 1);
    if (kind == "Pooling" && result.pooling_folder.empty()) {
      result.pooling_folder = text("path");
      if (result.pooling_folder.empty()) return Wrong(file, "path", "the pooling module's folder");
    } else if (kind == "Normalize") {
      result.normalize = true;
    } else if (kind != "Transformer") {
      return absl::UnimplementedError(
          absl::StrCat(Quoted(file), ": module ", Quoted(type),
                       " is not supported; one of each of Transformer, Pooling and Normalize is"));
    }
  }
  return result;
}

absl::StatusOr<PoolingMode> ParsePooling(std::string_view config, const std::string& file) {
  absl::StatusOr<json> object = ParseJsonObject(config, file);
  if (!object.ok()) return object.status();
  if (object->value("include_prompt", json(true)) != json(true)) {
    return absl::UnimplementedError(
        absl::StrCat(Quoted(file), ": include_prompt false is not supported"));
  }
  const absl::StatusOr<std::set<std::string>> chosen = ChosenModes(*object, file);
  if (!chosen.ok()) return chosen.status();
  if (chosen->size() != 1) {
    return absl::UnimplementedError(absl::StrCat(Quoted(file), ": pooling by ", chosen->size(),
                                                 " modes (", absl::StrJoin(*chosen, ", "),
                                                 ") is not supported; one is right"));
  }
  const std::string& name = *chosen->begin();
  for (const Mode& mode : kModes) {
    if (name == mode.name) return mode.mode;
  }
  return absl::UnimplementedError(absl::StrCat(Quoted(file), ": pooling mode ", Quoted(name),
                                               " is not supported; ", View(kModesKnown)));
}

absl::StatusOr<EmbeddingConfig> ReadEmbeddingConfig(const ModelFiles& files) {
  if (files.gguf != nullptr) return ReadGguf(files.config);
  EmbeddingConfig result;
  const absl::StatusOr<std::string> text = ReadInFolder(files.folder, "modules.json");
  if (absl::IsNotFound(text.status())) return result;
  if (!text.ok()) return text.status();
  const absl::StatusOr<SentenceModules> modules =
      ParseModules(*text, absl::StrCat(files.folder, "/modules.json"));
  if (!modules.ok()) return modules.status();
  result.normalize = modules->normalize;
  if (modules->pooling_folder.empty()) return result;
  const std::string name = absl::StrCat(modules->pooling_folder, "/config.json");
  const absl::StatusOr<std::string> config = ReadInFolder(files.folder, name);
  if (!config.ok()) return config.status();
  absl::StatusOr<PoolingMode> mode = ParsePooling(*config, absl::StrCat(files.folder, "/", name));
  if (!mode.ok()) return mode.status();
  result.pooling = *mode;
  return result;
}

}  // namespace skep::models
