// skep template.
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/chat_template/chat_template.h"
#include "engine/tokenizer/load.h"
#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/load_model.h"
#include "server/options.h"
#include "server/read_file.h"

namespace skep::server {
namespace {

using nlohmann::ordered_json;

struct TemplateOptions {
  std::string model;
  std::string template_file;
  std::string name;
  std::string messages_file;
  std::string tools_file;
  std::optional<std::string> bos;
  std::optional<std::string> eos;
  std::string kwargs;
  std::optional<int64_t> now;
  bool no_generation_prompt = false;
  bool continue_final_message = false;
  bool json = false;
};

// --bos and --eos, else what the model's tokenizer has.
absl::Status SetSpecialTokens(const TemplateOptions& options,
                              engine::ChatTemplate::Inputs& inputs) {
  inputs.bos_token = options.bos.value_or("");
  inputs.eos_token = options.eos.value_or("");
  if (options.model.empty() || (options.bos.has_value() && options.eos.has_value())) {
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<engine::Tokenizer>> tokenizer =
      engine::LoadTokenizer(options.model);
  if (!tokenizer.ok()) return tokenizer.status();
  const auto text = [&](std::optional<TokenId> id) {
    return id.has_value() ? std::string((*tokenizer)->TokenText(*id)) : std::string();
  };
  if (!options.bos.has_value()) inputs.bos_token = text((*tokenizer)->bos_id());
  if (!options.eos.has_value()) inputs.eos_token = text((*tokenizer)->eos_id());
  return absl::OkStatus();
}

absl::StatusOr<engine::ChatTemplate> Compile(const TemplateOptions& options) {
  if (!options.template_file.empty()) {
    absl::StatusOr<std::string> source = ReadFile(options.template_file);
    if (!source.ok()) return source.status();
    return engine::ChatTemplate::Compile(*source);
  }
  absl::StatusOr<std::map<std::string, std::string>> sources = ReadChatTemplates(options.model);
  if (!sources.ok()) return sources.status();
  return CompileChatTemplate(*sources, options.name);
}

absl::StatusOr<engine::RenderedChat> Render(const TemplateOptions& options, ordered_json extra) {
  absl::StatusOr<engine::ChatTemplate> compiled = Compile(options);
  if (!compiled.ok()) return compiled.status();
  absl::StatusOr<ordered_json> messages = ReadJsonFile(options.messages_file);
  if (!messages.ok()) return messages.status();
  absl::StatusOr<ordered_json> tools = ordered_json();
  if (!options.tools_file.empty()) tools = ReadJsonFile(options.tools_file);
  if (!tools.ok()) return tools.status();

  engine::ChatTemplate::Inputs inputs;
  inputs.messages = &*messages;
  if (!tools->is_null()) inputs.tools = &*tools;
  inputs.continue_final_message = options.continue_final_message;
  inputs.add_generation_prompt = !options.no_generation_prompt && !options.continue_final_message;
  inputs.now = options.now.value_or(static_cast<int64_t>(std::time(nullptr)));
  inputs.extra = std::move(extra);
  if (absl::Status s = SetSpecialTokens(options, inputs); !s.ok()) return s;
  return compiled->Render(inputs);
}

int Template(const TemplateOptions& options) {
  if (options.model.empty() && options.template_file.empty()) {
    Fail(absl::InvalidArgumentError("template: give --model or --template"));
    return 2;
  }
  ordered_json extra = ordered_json::object();
  if (!options.kwargs.empty()) {
    extra = ordered_json::parse(options.kwargs, nullptr, /*allow_exceptions=*/false);
  }
  if (!extra.is_object()) {
    Fail(absl::InvalidArgumentError("template: --kwargs is not a JSON object"));
    return 2;
  }
  absl::StatusOr<engine::RenderedChat> chat = Render(options, std::move(extra));
  if (!chat.ok()) return Fail(chat.status());
  if (options.json) {
    ordered_json spans = ordered_json::array();
    for (const engine::TextSpan& span : chat->literal_spans)
      spans.push_back({span.begin, span.end});
    PrintJson({{"text", chat->text}, {"literal_spans", std::move(spans)}});
  } else {
    Print(chat->text);
  }
  return 0;
}

}  // namespace

void AddTemplateCommand(CLI::App& app, Run& run) {
  auto options = std::make_shared<TemplateOptions>();
  CLI::App* command = app.add_subcommand("template", "Messages as the chat template renders them");
  command->add_option("--model", options->model, "The model whose template it is")
      ->type_name("PATH");
  command->add_option("--template", options->template_file, "Another template")
      ->type_name("FILE.jinja");
  command->add_option("--name", options->name, "Of several templates of the model, this one")
      ->type_name("NAME");
  command->add_option("--messages", options->messages_file, "The messages, a JSON array")
      ->type_name("FILE.json")
      ->required();
  command->add_option("--tools", options->tools_file, "Function schemas, a JSON array")
      ->type_name("FILE.json");
  command->add_flag("--no-generation-prompt", options->no_generation_prompt,
                    "End after the last message");
  command->add_flag("--continue-final-message", options->continue_final_message,
                    "End inside the last message");
  command->add_option("--bos", options->bos, "The template's bos_token")->type_name("TEXT");
  command->add_option("--eos", options->eos, "The template's eos_token")->type_name("TEXT");
  command->add_option("--kwargs", options->kwargs, "More variables")->type_name("JSON");
  command->add_option("--now", options->now, "The time that strftime_now prints")
      ->type_name("UNIXTIME");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &run] { run = [options] { return Template(*options); }; });
}

}  // namespace skep::server
