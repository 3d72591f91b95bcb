// The reference decoder of every storage type: portable, exact, one row at a time.
//
// Results equal gguf.quants.dequantize bit for bit (the order of the float32 operations is part of
// the contract). Kernels are tested against this; loaders use it where speed does not matter.

#ifndef SKEP_MODELS_WEIGHTS_DEQUANTIZE_H_
#define SKEP_MODELS_WEIGHTS_DEQUANTIZE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "models/weights/tensor_type.h"

namespace skep::models {

// Decodes `columns` values of a row of `type` into out[0 .. columns). `row` holds
// RowBytes(type, columns) bytes and needs no alignment. Integers and F64 are rounded to float32.
// InvalidArgument if columns is negative or no multiple of the type's block.
absl::Status DequantizeRow(TensorType type, const std::byte* row, int64_t columns, float* out);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_DEQUANTIZE_H_
