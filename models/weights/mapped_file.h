// A whole file, mapped read-only.

#ifndef SKEP_MODELS_WEIGHTS_MAPPED_FILE_H_
#define SKEP_MODELS_WEIGHTS_MAPPED_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace skep::models {

class MappedFile final {
 public:
  // Errors: NotFound, PermissionDenied, InvalidArgument (not a regular file, or empty), Internal.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  absl::Span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, absl::Span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {}

  std::string path_;
  absl::Span<const std::byte> bytes_;
};

// Drops the whole pages inside [data, data + size) of a file mapping from memory; they are read
// again on the next access. Pages shared with neighbours are kept.
void ReleasePages(const std::byte* data, size_t size);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_MAPPED_FILE_H_
