// skep embed.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/commands/local_engine.h"
#include "server/options.h"

namespace skep::server {
namespace {

using nlohmann::ordered_json;

const std::map<std::string, Pooling>& Poolings() {
  static const auto* const names = new std::map<std::string, Pooling>{
      {"last", Pooling::kLast}, {"mean", Pooling::kMean}, {"cls", Pooling::kFirst}};
  return *names;
}

const std::map<std::string, engine::Truncation>& Truncations() {
  static const auto* const names =
      new std::map<std::string, engine::Truncation>{{"none", engine::Truncation::kNone},
                                                    {"end", engine::Truncation::kEnd},
                                                    {"start", engine::Truncation::kStart}};
  return *names;
}

struct EmbedOptions {
  ModelOptions model;
  std::vector<std::string> prompts;
  std::string pooling;  // empty: the model's
  std::string truncation = "none";
  std::optional<int32_t> dimensions;
  std::optional<bool> normalize;
  bool json = false;
};

struct EmbedResult {
  engine::Embeddings embeddings;
  engine::Usage usage;
};

absl::StatusOr<EmbedResult> RunToEnd(engine::Engine& engine, engine::EmbeddingRequest request) {
  const absl::StatusOr<std::unique_ptr<engine::ResponseStream>> stream =
      engine.Embed(std::move(request));
  if (!stream.ok()) return stream.status();
  EmbedResult result;
  while (true) {
    engine::ResponseEvent event = (*stream)->Wait();
    if (auto* embeddings = std::get_if<engine::Embeddings>(&event)) {
      result.embeddings = std::move(*embeddings);
    } else if (const auto* done = std::get_if<engine::RequestDone>(&event)) {
      if (!done->status.ok()) return done->status;
      result.usage = done->usage;
      return result;
    }
  }
}

ordered_json ToJson(const EmbedResult& result) {
  ordered_json inputs = ordered_json::array();
  for (const engine::Embedding& input : result.embeddings.inputs) {
    inputs.push_back({{"values", input.values},
                      {"prompt_tokens", input.prompt_tokens},
                      {"truncated", input.truncated}});
  }
  return {{"embeddings", std::move(inputs)}, {"prompt_tokens", result.usage.prompt_tokens}};
}

// One line an input. Nine digits are enough to read a float32 back as it was.
void PrintText(const EmbedResult& result) {
  const auto format = [](std::string* out, float value) {
    absl::StrAppendFormat(out, "%.9g", value);
  };
  for (const engine::Embedding& input : result.embeddings.inputs) {
    Print(absl::StrJoin(input.values, " ", format) + "\n");
  }
}

int Embed(const EmbedOptions& options) {
  engine::EmbeddingRequest request;
  std::vector<std::string> prompts = options.prompts;
  if (prompts.empty()) prompts.push_back(ReadStdin());
  for (std::string& prompt : prompts) {
    request.inputs.push_back(engine::TextPrompt{.text = std::move(prompt)});
  }
  if (!options.pooling.empty()) request.pooling = Poolings().at(options.pooling);
  request.truncation = Truncations().at(options.truncation);
  request.dimensions = options.dimensions;
  request.normalize = options.normalize;

  absl::StatusOr<std::unique_ptr<engine::Engine>> engine = OpenLocalEngine(options.model);
  if (!engine.ok()) return Fail(engine.status());
  const absl::StatusOr<EmbedResult> result = RunToEnd(**engine, std::move(request));
  if (!result.ok()) return Fail(result.status());
  if (options.json) {
    PrintJson(ToJson(*result));
  } else {
    PrintText(*result);
  }
  return 0;
}

}  // namespace

void AddEmbedCommand(CLI::App& app, Run& run) {
  auto options = std::make_shared<EmbedOptions>();
  CLI::App* command =
      app.add_subcommand("embed", "Texts to vectors: pooled hidden states, in this process");
  AddModelOptions(*command, options->model);
  command
      ->add_option("--prompt", options->prompts,
                   "A text; may be given several times. Without it, standard input is the text")
      ->type_name("TEXT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--pooling", options->pooling,
                   "Which tokens' states count: the last one's, the mean, the first one's (cls). "
                   "Default: as the model's files say, else last; of an encoder, mean")
      ->check(CLI::IsMember(Poolings()));
  command
      ->add_option(
          "--truncate", options->truncation,
          "Where a text is cut that is longer than the model can read; none: it is an error")
      ->check(CLI::IsMember(Truncations()))
      ->capture_default_str();
  command->add_option("--dimensions", options->dimensions, "Keep the first so many values");
  // No flag of an optional: that gives it a value whether the flag is there or not.
  CLI::Option* const normalize = command->add_flag_callback(
      "--normalize", [options] { options->normalize = true; },
      "Scale to the length 1. Default: as the model's files say, else it is done");
  command
      ->add_flag_callback(
          "--no-normalize", [options] { options->normalize = false; }, "Do not scale")
      ->excludes(normalize);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &run] { run = [options] { return Embed(*options); }; });
}

}  // namespace skep::server
