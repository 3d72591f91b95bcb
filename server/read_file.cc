#include "server/read_file.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace skep::server {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(absl::StrCat("cannot open '", path, "': ", std::strerror(errno)));
  }
  std::string out;
  std::array<char, 1 << 16> buffer;
  do {
    file.read(buffer.data(), buffer.size());
    out.append(buffer.data(), static_cast<size_t>(file.gcount()));
  } while (file);
  if (file.bad()) return absl::DataLossError(absl::StrCat("cannot read '", path, "'"));
  return out;
}

}  // namespace skep::server
