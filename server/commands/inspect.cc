// skep inspect: what is in a model, from its headers alone.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/tokenizer/load.h"
#include "models/load_runner.h"
#include "models/outline.h"
#include "models/weights/gguf.h"
#include "models/weights/model_files.h"
#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/commands/summary.h"
#include "server/options.h"

namespace skep::server {
namespace {

using nlohmann::ordered_json;

constexpr uint64_t kMaxArrayShown = 16;
constexpr uint64_t kMaxConfigBytes = 64 << 20;

struct InspectOptions {
  std::string model;
  bool json = false;
};

ordered_json ToJson(const models::GgufValue& value) {
  if (value.is_array()) {
    absl::StatusOr<std::vector<models::GgufValue>> elements = value.AsElements();
    if (value.size() > kMaxArrayShown || !elements.ok()) {
      return {{"array_of", std::string(models::GgufValueTypeName(value.element_type()))},
              {"length", value.size()}};
    }
    ordered_json out = ordered_json::array();
    for (const models::GgufValue& element : *elements) out.push_back(ToJson(element));
    return out;
  }
  switch (value.type()) {
    case models::GgufValueType::kString:
      if (auto text = value.AsString(); text.ok()) return std::string(*text);
      return nullptr;
    case models::GgufValueType::kBool:
      if (auto flag = value.AsBool(); flag.ok()) return *flag;
      return nullptr;
    case models::GgufValueType::kF32:
    case models::GgufValueType::kF64:
      if (auto number = value.AsFloat(); number.ok()) return *number;
      return nullptr;
    default:
      if (auto number = value.AsInt(); number.ok()) return *number;
      return nullptr;
  }
}

ordered_json Metadata(const models::ModelFiles& files) {
  ordered_json out = ordered_json::object();
  if (files.gguf != nullptr) {
    for (std::string_view key : files.gguf->keys()) {
      if (const models::GgufValue* value = files.gguf->FindValue(key); value != nullptr) {
        out[std::string(key)] = ToJson(*value);
      }
    }
    return out;
  }
  absl::StatusOr<std::string> text =
      models::ReadSmallFile(absl::StrCat(files.folder, "/config.json"), kMaxConfigBytes);
  if (!text.ok()) return out;
  ordered_json config = ordered_json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return config.is_object() ? config : out;
}

absl::StatusOr<ordered_json> Describe(const std::string& path) {
  absl::StatusOr<models::ModelFiles> files = models::OpenModel(path);
  if (!files.ok()) return files.status();
  const absl::Status supported = models::CheckSupported(path);
  ordered_json tensors = ordered_json::array();
  uint64_t bytes = 0;
  for (const models::TensorInfo& tensor : files->weights->tensors()) {
    tensors.push_back({{"name", tensor.name},
                       {"type", std::string(models::TypeName(tensor.type))},
                       {"shape", tensor.shape},
                       {"bytes", tensor.bytes}});
    bytes += tensor.bytes;
  }
  const models::ModelOutline outline = models::OutlineModel(*files);
  const absl::StatusOr<int64_t> context = files->config.IntOr("max_position_embeddings", 0);
  return ordered_json{
      {"architecture", files->config.architecture()},
      {"format", files->weights->format()},
      {"supported", supported.ok()},
      {"reason", std::string(supported.message())},
      {"parameters", outline.parameters},
      {"context_length", context.value_or(0)},
      {"quantization", outline.quantization},
      {"memory",
       {{"weight_bytes", bytes}, {"kv_cache_bytes_per_token", outline.cache_bytes_per_token}}},
      {"tensors", std::move(tensors)},
      {"metadata", Metadata(*files)}};
}

void PrintText(const ordered_json& model) {
  const ordered_json& memory = model["memory"];
  std::string out;
  for (const char* key : {"architecture", "format", "quantization"}) {
    absl::StrAppend(&out, key, ": ", model[key].get<std::string>(), "\n");
  }
  absl::StrAppend(&out, "parameters: ", model["parameters"].get<int64_t>(), "\n");
  absl::StrAppend(&out, "context length: ", model["context_length"].get<int64_t>(), "\n");
  absl::StrAppend(&out, "memory: weights ", FormatBytes(memory["weight_bytes"].get<int64_t>()),
                  ", KV cache ", memory["kv_cache_bytes_per_token"].get<int64_t>(),
                  " bytes a token\n");
  absl::StrAppend(
      &out, "supported: ",
      model["supported"].get<bool>() ? "yes" : "no: " + model["reason"].get<std::string>(),
      "\n\nmetadata\n");
  for (const auto& [key, value] : model["metadata"].items()) {
    std::string text = value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    if (text.size() > 100) text = text.substr(0, 97) + "...";
    absl::StrAppend(&out, "  ", key, " = ", text, "\n");
  }
  absl::StrAppend(&out, "\ntensors (", model["tensors"].size(), ")\n");
  for (const ordered_json& tensor : model["tensors"]) {
    absl::StrAppend(&out, "  ", tensor["name"].get<std::string>(), "  ",
                    tensor["type"].get<std::string>(), "  ", tensor["shape"].dump(), "\n");
  }
  Print(out);
}

// What the model's tokenizer leaves out, or why there is none.
void PrintTokenizerNotes(const std::string& path) {
  const auto tokenizer = engine::LoadTokenizer(path);
  if (tokenizer.ok()) return PrintNotes((*tokenizer)->notes());
  PrintNotes({absl::StrCat("no tokenizer: ", tokenizer.status().message())});
}

int Inspect(const InspectOptions& options) {
  absl::StatusOr<ordered_json> model = Describe(options.model);
  if (!model.ok()) return Fail(model.status());
  PrintTokenizerNotes(options.model);
  if (options.json) {
    PrintJson(*model);
  } else {
    PrintText(*model);
  }
  return 0;
}

}  // namespace

void AddInspectCommand(CLI::App& app, Run& run) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand("inspect", "What is in a model; loads no weights");
  AddModelPath(*command, options->model);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &run] { run = [options] { return Inspect(*options); }; });
}

}  // namespace skep::server
