// Reads what stands before the data of one GGUF file; private to models/weights.

#ifndef SKEP_MODELS_WEIGHTS_GGUF_HEADER_H_
#define SKEP_MODELS_WEIGHTS_GGUF_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/weights/gguf.h"

namespace skep::models {

struct GgufHeader {
  uint32_t version = 0;
  std::vector<std::string_view> keys;
  GgufValues values;
  std::vector<TensorInfo> tensors;  // in file order, placed in `bytes`
};

// All views in the result point into `bytes`. Messages do not name the file.
absl::StatusOr<GgufHeader> ReadGgufHeader(absl::Span<const std::byte> bytes);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_GGUF_HEADER_H_
