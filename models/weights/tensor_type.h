// The storage types of checkpoint tensors: every GGUF block type and every SafeTensors dtype.
//
// A *block* is the smallest unit of a type: `block_elements` numbers of one row, stored in
// `block_bytes` bytes. Plain types have blocks of one element. Rows (runs along the last axis of
// the shape) are whole blocks, so each row can be read and moved on its own.
//
// Ids, block lengths and sizes: ggml/src/ggml-common.h and gguf-py/gguf/constants.py of llama.cpp.

#ifndef SKEP_MODELS_WEIGHTS_TENSOR_TYPE_H_
#define SKEP_MODELS_WEIGHTS_TENSOR_TYPE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace skep::models {

// Values below 1000 are the ids of the GGUF format; the rest exist in SafeTensors only.
enum class TensorType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ8_1 = 9,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kQ8_K = 15,
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
  kNVFP4 = 40,
  kQ1_0 = 41,
  kQ2_0 = 42,
  // SafeTensors only.
  kF8_E4M3 = 1000,
  kF8_E5M2 = 1001,
  kU8 = 1002,
  kU16 = 1003,
  kU32 = 1004,
  kU64 = 1005,
  kBool = 1006,
  kF8_E8M0 = 1007,
};

struct TypeTraits {
  TensorType type;
  std::string_view name;   // as GGUF and SafeTensors spell it: "Q4_K", "BF16"
  int64_t block_elements;  // 1, 32, 64, 128 or 256
  int64_t block_bytes;
};

// The traits of a type. `type` must be an enumerator.
const TypeTraits& Traits(TensorType type);
inline std::string_view TypeName(TensorType type) { return Traits(type).name; }

// All types, in the order of their ids.
absl::Span<const TypeTraits> AllTypes();

// The type with this id in a GGUF file. Unknown and removed ids: InvalidArgument.
absl::StatusOr<TensorType> TypeFromGgufId(uint32_t id);

// The type with this SafeTensors dtype name ("BF16", "F8_E4M3", ...); nullopt if there is none.
std::optional<TensorType> TypeFromSafetensorsName(std::string_view name);

// Number of elements of `shape` (1 for a scalar). Negative dimensions and products above 2^63 - 1:
// InvalidArgument.
absl::StatusOr<int64_t> ElementsOf(absl::Span<const int64_t> shape);

// Bytes of a row of `columns` elements. Columns that are negative or no multiple of the block, or
// more bytes than 2^63 - 1: InvalidArgument.
absl::StatusOr<uint64_t> RowBytes(TensorType type, int64_t columns);

// Bytes of a dense tensor, `shape` outermost first. Errors as above.
absl::StatusOr<uint64_t> BytesFor(TensorType type, absl::Span<const int64_t> shape);

// "[2, 3]".
std::string ShapeString(absl::Span<const int64_t> shape);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_TENSOR_TYPE_H_
