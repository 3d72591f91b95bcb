// SafeTensors: one file, or several named by model.safetensors.index.json.
// Format: README.md of the huggingface/safetensors repository.
//
// A file is accepted only if its header describes the data exactly: every dtype known, every size
// equal to shape x dtype, no hole, no overlap, nothing left over.

#ifndef SKEP_MODELS_WEIGHTS_SAFETENSORS_H_
#define SKEP_MODELS_WEIGHTS_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/weights/mapped_file.h"
#include "models/weights/text.h"
#include "models/weights/weight_source.h"

namespace skep::models {

// The longest header that is read, as in the reference implementation.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

// Reads the tensors of one file that lies in memory, in the order of their data. `name` is used in
// messages. Errors: InvalidArgument.
absl::StatusOr<std::vector<TensorInfo>> ParseSafetensors(absl::Span<const std::byte> bytes,
                                                         std::string_view name);

// Checks that a name from an index file stays in its folder: no separator, no "..", no NUL.
absl::Status CheckShardName(std::string_view name);

// folder/name with links resolved. A link may lead elsewhere in the folder or into the `blobs`
// folder that Hugging Face's download cache keeps beside `snapshots/<revision>`; anything else is
// PermissionDenied, a missing file NotFound.
absl::StatusOr<std::string> ResolveInFolder(const std::string& folder, const std::string& name);

class SafetensorsFiles final : public WeightSource {
 public:
  // `path` is a .safetensors file, or a folder with model.safetensors or
  // model.safetensors.index.json (the index wins if both are there).
  static absl::StatusOr<std::unique_ptr<SafetensorsFiles>> Open(const std::string& path);

  // WeightSource.
  absl::Span<const TensorInfo> tensors() const override { return tensors_; }
  const TensorInfo* Find(std::string_view name) const override;
  std::string format() const override { return "safetensors"; }
  std::string path() const override { return path_; }
  void Release(const TensorInfo& tensor) const override;

 private:
  explicit SafetensorsFiles(std::string path) : path_(std::move(path)) {}

  // Maps a file and adds its tensors, but those that `home` assigns to another file.
  absl::Status AddFile(const std::string& path, const std::string& shard,
                       const absl::flat_hash_map<std::string, std::string>& home);
  absl::Status AddShards(const std::string& folder);

  std::string path_;
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<TensorInfo> tensors_;
  absl::flat_hash_map<std::string, size_t, StringHash, StringEqual> index_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_SAFETENSORS_H_
