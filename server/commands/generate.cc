// skep generate.
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/commands/local_engine.h"
#include "server/commands/sampling_options.h"
#include "server/finish_name.h"
#include "server/options.h"

namespace skep::server {
namespace {

using nlohmann::ordered_json;

struct GenerateOptions {
  ModelOptions model;
  SamplingFlags sampling;
  std::string prompt;
  std::optional<int32_t> logprobs;
  bool chat = false;
  bool parse = false;
  bool json = false;
};

ordered_json ToJson(const TokenLogprob& logprob) {
  return {{"token_id", logprob.token}, {"logprob", logprob.logprob}, {"rank", logprob.rank}};
}

ordered_json ToJson(const Completion& completion, bool with_logprobs) {
  ordered_json logprobs;
  if (with_logprobs) {
    logprobs = ordered_json::array();
    for (const engine::TokenLogprobs& token : completion.output.logprobs) {
      ordered_json entry = ToJson(token.chosen);
      entry["top"] = ordered_json::array();
      for (const TokenLogprob& top : token.top) entry["top"].push_back(ToJson(top));
      logprobs.push_back(std::move(entry));
    }
  }
  ordered_json out = {{"text", completion.output.text},
                      {"token_ids", completion.output.token_ids},
                      {"logprobs", std::move(logprobs)},
                      {"prompt_tokens", completion.usage.prompt_tokens},
                      {"finish_reason", FinishName(completion.output.finish.reason)}};
  if (!completion.output.reasoning.empty()) out["reasoning"] = completion.output.reasoning;
  for (const engine::ToolCallDelta& call : completion.output.tool_calls) {
    if (call.discarded) continue;
    out["tool_calls"].push_back(
        {{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}});
  }
  return out;
}

int Generate(const GenerateOptions& options) {
  absl::StatusOr<std::unique_ptr<engine::Engine>> engine = OpenLocalEngine(options.model);
  if (!engine.ok()) return Fail(engine.status());
  engine::GenerationRequest request;
  if (options.chat) {
    request.prompt = engine::ChatPrompt{
        .messages = ordered_json::array({{{"role", "user"}, {"content", options.prompt}}})};
  } else {
    request.prompt = engine::TextPrompt{.text = options.prompt};
  }
  Apply(options.sampling, request);
  request.logprobs = options.logprobs;
  request.parsing = options.parse ? engine::AnswerParsing::kAuto : engine::AnswerParsing::kOff;
  const auto print = [&](const engine::OutputDelta& delta) {
    if (!options.json) Print(delta.text);
  };
  absl::StatusOr<Completion> completion = Complete(**engine, std::move(request), print);
  if (!completion.ok()) return Fail(completion.status());
  if (options.json) {
    PrintJson(ToJson(*completion, options.logprobs.has_value()));
  } else {
    Print("\n");
  }
  return 0;
}

}  // namespace

void AddGenerateCommand(CLI::App& app, Run& run) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = app.add_subcommand("generate", "Complete a prompt in this process");
  AddModelOptions(*command, options->model);
  AddSamplingFlags(*command, options->sampling);
  command->add_option("--prompt", options->prompt, "The text to go on from")
      ->type_name("TEXT")
      ->required();
  command->add_option("--logprobs", options->logprobs,
                      "With --json: log-probabilities and so many alternatives of each token");
  command->add_flag("--chat", options->chat, "Put the prompt into the model's chat template");
  command->add_flag("--json", options->json, "Print one JSON object");
  command
      ->add_flag("--parse", options->parse,
                 "With --json: reasoning and tool calls of the answer by themselves")
      ->needs("--json")
      ->needs("--chat");
  command->callback([options, &run] { run = [options] { return Generate(*options); }; });
}

}  // namespace skep::server
