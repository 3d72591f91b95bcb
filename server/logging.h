// Structured logs on stderr, one line an event: time, level, what happened, key=value pairs.
// Prompts and completions never go there.
#ifndef SKEP_SERVER_LOGGING_H_
#define SKEP_SERVER_LOGGING_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace skep::server {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

struct LogField {
  LogField(std::string_view field_key, const absl::AlphaNum& field_value)
      : key(field_key), value(field_value.Piece()) {}

  std::string key;
  std::string value;
};

// `level` is "debug", "info", "warn" or "error"; others mean "info". Call it once, early.
void InitLogging(std::string_view level);

// Thread-safe. Values with spaces or quotes are quoted and escaped.
void Log(LogLevel level, std::string_view event, const std::vector<LogField>& fields = {});

}  // namespace skep::server

#endif  // SKEP_SERVER_LOGGING_H_
