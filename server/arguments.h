// Where options come from besides the command line: environment and configuration file.
#ifndef SKEP_SERVER_ARGUMENTS_H_
#define SKEP_SERVER_ARGUMENTS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace skep::server {

using NamesAndValues = std::vector<std::pair<std::string, std::string>>;

// The options of a JSON object such as {"max-sequences": 32, "device": "cpu"}: names as on the
// command line without "--", values strings, numbers or booleans. `file` is used in messages.
absl::StatusOr<NamesAndValues> ReadConfigText(std::string_view text, std::string_view file);

// The SKEP_* variables of an environment, as options: SKEP_MAX_SEQUENCES -> max-sequences. Those
// that belong to something else are left out: SKEP_CACHE_DIR and its like of the tools,
// SKEP_API_KEY of clients, and what Kubernetes sets in every container for a Service named skep
// (SKEP_SERVICE_HOST, SKEP_PORT ...).
NamesAndValues ReadEnvironment(const char* const* environment);

// One command line with the precedence command line > environment > file, for a parser that takes
// the last value of an option that occurs twice. `known` are all options that may be configured,
// `accepted` those of the command at hand: others of `known` are skipped, as a shared environment
// serves several commands. INVALID_ARGUMENT for a name outside `known`.
absl::StatusOr<std::vector<std::string>> MergeArguments(
    const std::vector<std::string>& known, const std::vector<std::string>& accepted,
    const NamesAndValues& file, const NamesAndValues& environment,
    const std::vector<std::string>& command_line);

}  // namespace skep::server

#endif  // SKEP_SERVER_ARGUMENTS_H_
