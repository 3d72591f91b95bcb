// The command line's options: declared once here, whichever command has them.
#ifndef SKEP_SERVER_OPTIONS_H_
#define SKEP_SERVER_OPTIONS_H_

#include "server/config.h"

namespace CLI {
class App;
}

namespace skep::server {

// --model, which every command has.
void AddModelPath(CLI::App& command, std::string& path);

// --model, --device, --threads, --kv-cache-memory, ...
void AddModelOptions(CLI::App& command, ModelOptions& options);

// All options of `skep serve`.
void AddServeOptions(CLI::App& command, ServeConfig& config);

}  // namespace skep::server

#endif  // SKEP_SERVER_OPTIONS_H_
