// The command line's options: declared once here, whichever command has them.
#ifndef SKEP_SERVER_OPTIONS_H_
#define SKEP_SERVER_OPTIONS_H_

#include <string>

#include "server/config.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace skep::server {

// An option that names a file, which is read when it is needed. An empty name is refused: that a
// variable was not set must not turn off what protects the server.
CLI::Option* AddFile(CLI::App& command, const std::string& name, std::string& path,
                     const std::string& help);

// --model, which every command has.
void AddModelPath(CLI::App& command, std::string& path);

// --model, --device, --threads, --kv-cache-memory, ...
void AddModelOptions(CLI::App& command, ModelOptions& options);

// All options of `skep serve`.
void AddServeOptions(CLI::App& command, ServeConfig& config);

}  // namespace skep::server

#endif  // SKEP_SERVER_OPTIONS_H_
