// Who may use the server: API keys, each of which stands for a tenant.
#ifndef SKEP_SERVER_API_KEYS_H_
#define SKEP_SERVER_API_KEYS_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace skep::server {

inline constexpr size_t kMinApiKeyBytes = 16;

// INVALID_ARGUMENT unless `key` is visible ASCII, without spaces, and long enough. The message does
// not show the key.
absl::Status CheckApiKey(std::string_view key);

// Immutable, thread-safe. Keeps digests, never a key.
class ApiKeys final {
 public:
  // One "TENANT:KEY" a line; blank lines and those that start with "#" are skipped. A tenant may
  // have several keys, so that they can be replaced one after the other. INVALID_ARGUMENT names
  // `file` and the line, never what is on it: malformed lines, keys that CheckApiKey refuses, a key
  // that occurs twice, and a file without keys.
  static absl::StatusOr<ApiKeys> Parse(std::string_view text, std::string_view file);

  // The tenant whose key it is. Takes as long for a wrong key as for any right one.
  std::optional<std::string> TenantOf(std::string_view key) const;

 private:
  using Digest = std::array<unsigned char, 32>;  // SHA-256
  struct Entry {
    Digest digest;
    std::string tenant;
  };
  static Digest DigestOf(std::string_view key);
  const Entry* Find(const Digest& digest) const;

  std::vector<Entry> entries_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_API_KEYS_H_
