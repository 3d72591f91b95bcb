// Named tensors in mapped files: what SafeTensors and GGUF have in common.

#ifndef SKEP_MODELS_WEIGHTS_WEIGHT_SOURCE_H_
#define SKEP_MODELS_WEIGHTS_WEIGHT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "models/weights/tensor_type.h"

namespace skep::models {

struct TensorInfo {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;       // torch order, outermost first: a linear is [rows, columns]
  const std::byte* data = nullptr;  // `bytes` bytes, read-only; may be null when bytes is 0
  uint64_t bytes = 0;               // always BytesFor(type, shape)
};

// Owns the mapping: the data of every TensorInfo stays valid as long as the source lives. Immutable
// after opening, hence safe to use from several threads.
//
// `data` may be unaligned in SafeTensors files: copy values out, or check before casting.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  WeightSource() = default;
  WeightSource(const WeightSource&) = delete;
  WeightSource& operator=(const WeightSource&) = delete;

  // All tensors, in file order. Names are unique.
  virtual absl::Span<const TensorInfo> tensors() const = 0;

  // The tensor of this name, or nullptr. One hash lookup.
  virtual const TensorInfo* Find(std::string_view name) const = 0;

  // "gguf" or "safetensors".
  virtual std::string format() const = 0;

  // The file or folder, for messages.
  virtual std::string path() const = 0;

  // Tells the kernel that the pages which lie wholly inside this tensor are not needed for now. The
  // data stays valid: a later access reads it from the file again.
  virtual void Release(const TensorInfo& tensor) const = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_WEIGHT_SOURCE_H_
