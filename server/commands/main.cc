// skep: the command. Finds the sub-command, puts its options together and runs it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/arguments.h"
#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/read_file.h"
#include "server/server.h"

extern char** environ;

namespace skep::server {
namespace {

constexpr int kWrongUsage = 2;
constexpr char kConfig[] = "config";

std::vector<std::string> OptionNames(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "help" && name != kConfig) names.push_back(name);
    }
  }
  return names;
}

// The file of --config FILE or --config=FILE, else of SKEP_CONFIG, else "". Takes SKEP_CONFIG out
// of `environment`.
std::string ConfigFile(const std::vector<std::string>& arguments, NamesAndValues& environment) {
  std::string file;
  const auto is_config = [](const auto& entry) { return entry.first == kConfig; };
  const auto found = std::find_if(environment.begin(), environment.end(), is_config);
  if (found != environment.end()) {
    file = found->second;
    environment.erase(found);
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--config" && i + 1 < arguments.size()) file = arguments[i + 1];
    if (arguments[i].starts_with("--config=")) file = arguments[i].substr(9);
  }
  return file;
}

// The sub-command's arguments, with those of file and environment before them.
absl::StatusOr<std::vector<std::string>> Configure(const CLI::App& app, const CLI::App& command,
                                                   const std::vector<std::string>& arguments) {
  NamesAndValues environment = ReadEnvironment(environ);
  NamesAndValues from_file;
  const std::string file = ConfigFile(arguments, environment);
  if (!file.empty() && command.get_name() == "serve") {
    absl::StatusOr<std::string> text = ReadFile(file);
    if (!text.ok()) return text.status();
    absl::StatusOr<NamesAndValues> entries = ReadConfigText(*text, file);
    if (!entries.ok()) return entries.status();
    from_file = *std::move(entries);
  }
  return MergeArguments(OptionNames(*app.get_subcommand("serve")), OptionNames(command), from_file,
                        environment, arguments);
}

int Main(int argc, char** argv) {
  CLI::App app("Skep serves a language model over gRPC.", "skep");
  app.set_version_flag("--version", absl::StrCat("skep ", std::string(kVersion)));
  app.require_subcommand(1);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  Run run;
  AddServeCommand(app, run);
  AddGenerateCommand(app, run);
  AddEmbedCommand(app, run);
  AddChatCommand(app, run);
  AddTokenizeCommand(app, run);
  AddDetokenizeCommand(app, run);
  AddTemplateCommand(app, run);
  AddInspectCommand(app, run);
  AddPerplexityCommand(app, run);
  AddBenchCommand(app, run);

  std::vector<std::string> arguments(argv + 1, argv + argc);
  const CLI::App* command = nullptr;
  for (const CLI::App* candidate : app.get_subcommands(/*filter=*/{})) {
    if (!arguments.empty() && candidate->check_name(arguments.front())) command = candidate;
  }
  if (command != nullptr) {
    absl::StatusOr<std::vector<std::string>> merged =
        Configure(app, *command, {arguments.begin() + 1, arguments.end()});
    if (!merged.ok()) {
      Fail(merged.status());
      return kWrongUsage;
    }
    merged->insert(merged->begin(), arguments.front());
    arguments = *std::move(merged);
  }
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  return run();
}

}  // namespace
}  // namespace skep::server

int main(int argc, char** argv) {
  try {
    return skep::server::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "skep: " << error.what() << std::endl;
    return 1;
  }
}
