// skep detokenize.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/tokenizer/load.h"
#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/options.h"

namespace skep::server {
namespace {

struct DetokenizeOptions {
  std::string model;
  bool skip_special = false;
  bool json = false;
};

absl::StatusOr<std::vector<TokenId>> ParseIds(const std::string& text) {
  std::vector<TokenId> ids;
  for (absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \t\r\n,[]"), absl::SkipEmpty())) {
    TokenId id = 0;
    if (!absl::SimpleAtoi(word, &id) || id < 0) {
      return absl::InvalidArgumentError(absl::StrCat("'", word, "' is no token id"));
    }
    ids.push_back(id);
  }
  return ids;
}

int Detokenize(const DetokenizeOptions& options) {
  absl::StatusOr<std::vector<TokenId>> ids = ParseIds(ReadStdin());
  if (!ids.ok()) return Fail(ids.status());
  absl::StatusOr<std::unique_ptr<engine::Tokenizer>> tokenizer =
      engine::LoadTokenizer(options.model);
  if (!tokenizer.ok()) return Fail(tokenizer.status());
  const std::string text = (*tokenizer)->Decode(*ids, options.skip_special);
  if (options.json) {
    PrintJson({{"text", text}});
  } else {
    Print(text);
  }
  return 0;
}

}  // namespace

void AddDetokenizeCommand(CLI::App& app, Run& run) {
  auto options = std::make_shared<DetokenizeOptions>();
  CLI::App* command =
      app.add_subcommand("detokenize", "Token ids on standard input to text, byte for byte");
  AddModelPath(*command, options->model);
  command->add_flag("--skip-special", options->skip_special, "Leave special tokens out");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &run] { run = [options] { return Detokenize(*options); }; });
}

}  // namespace skep::server
