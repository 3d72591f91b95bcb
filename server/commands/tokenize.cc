// skep tokenize.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/tokenizer/load.h"
#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/options.h"

namespace skep::server {
namespace {

struct TokenizeOptions {
  std::string model;
  bool no_special = false;
  bool parse_special = false;
  bool json = false;
};

int Tokenize(const TokenizeOptions& options) {
  absl::StatusOr<std::unique_ptr<engine::Tokenizer>> tokenizer =
      engine::LoadTokenizer(options.model);
  if (!tokenizer.ok()) return Fail(tokenizer.status());
  PrintNotes((*tokenizer)->notes());
  std::vector<TokenId> ids;
  const absl::Status status =
      (*tokenizer)
          ->Encode(ReadStdin(),
                   {.add_special = !options.no_special, .parse_special = options.parse_special},
                   ids);
  if (!status.ok()) return Fail(status);
  if (options.json) {
    nlohmann::ordered_json result = {{"token_ids", ids}};
    if (const auto& notes = (*tokenizer)->notes(); !notes.empty()) result["notes"] = notes;
    PrintJson(result);
  } else {
    Print(absl::StrCat(absl::StrJoin(ids, " "), "\n"));
  }
  return 0;
}

}  // namespace

void AddTokenizeCommand(CLI::App& app, Run& run) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand("tokenize", "Standard input to token ids");
  AddModelPath(*command, options->model);
  command->add_flag("--no-special", options->no_special, "Add no tokens such as BOS and EOS");
  command->add_flag("--parse-special", options->parse_special,
                    "Special tokens in the text are tokens");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &run] { run = [options] { return Tokenize(*options); }; });
}

}  // namespace skep::server
