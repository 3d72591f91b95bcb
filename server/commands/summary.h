// What `skep serve` says once it serves.
#ifndef SKEP_SERVER_COMMANDS_SUMMARY_H_
#define SKEP_SERVER_COMMANDS_SUMMARY_H_

#include <string>

#include "server/config.h"
#include "server/server.h"

namespace skep::server {

// "1.50 GiB".
std::string FormatBytes(int64_t bytes);

void LogSummary(const ServeConfig& config, const Server& server);

}  // namespace skep::server

#endif  // SKEP_SERVER_COMMANDS_SUMMARY_H_
