// The sub-commands of `skep`. Each declares its options below `app` and, if it is the one that was
// typed, sets `run`, whose result is the exit code: 0 done, 1 failed (the message is on stderr).
// Wrong usage, code 2, is found by the parser and by main().
#ifndef SKEP_SERVER_COMMANDS_COMMANDS_H_
#define SKEP_SERVER_COMMANDS_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <functional>

namespace skep::server {

using Run = std::function<int()>;

void AddServeCommand(CLI::App& app, Run& run);
void AddGenerateCommand(CLI::App& app, Run& run);
void AddEmbedCommand(CLI::App& app, Run& run);
void AddChatCommand(CLI::App& app, Run& run);
void AddTokenizeCommand(CLI::App& app, Run& run);
void AddDetokenizeCommand(CLI::App& app, Run& run);
void AddTemplateCommand(CLI::App& app, Run& run);
void AddInspectCommand(CLI::App& app, Run& run);
void AddPerplexityCommand(CLI::App& app, Run& run);
void AddBenchCommand(CLI::App& app, Run& run);

}  // namespace skep::server

#endif  // SKEP_SERVER_COMMANDS_COMMANDS_H_
