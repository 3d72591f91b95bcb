// Files that are read whole.
#ifndef SKEP_SERVER_READ_FILE_H_
#define SKEP_SERVER_READ_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace skep::server {

// The whole file. NOT_FOUND or, for a folder among others, DATA_LOSS name it.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace skep::server

#endif  // SKEP_SERVER_READ_FILE_H_
