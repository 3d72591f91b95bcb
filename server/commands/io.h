// What commands read and print.
#ifndef SKEP_SERVER_COMMANDS_IO_H_
#define SKEP_SERVER_COMMANDS_IO_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace skep::server {

// Prints "skep: MESSAGE" on stderr; the exit code 1.
int Fail(const absl::Status& status);

// Prints "skep: note: SENTENCE" for each of them on stderr.
void PrintNotes(const std::vector<std::string>& notes);

// All of standard input, byte for byte.
std::string ReadStdin();

// Errors name the file.
absl::StatusOr<nlohmann::ordered_json> ReadJsonFile(const std::string& path);

// On stdout, flushed. What is no UTF-8 in a JSON string becomes U+FFFD.
void Print(std::string_view text);
void PrintJson(const nlohmann::ordered_json& json);

// Shows on stderr how far something is that lasts longer than a second: one line that is rewritten
// on a terminal, a plain line now and then elsewhere. Call it with the share done, 0 to 1.
std::function<void(double)> MakeProgress(const std::string& what);

}  // namespace skep::server

#endif  // SKEP_SERVER_COMMANDS_IO_H_
