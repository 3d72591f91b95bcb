// Checkpoints of compressed-tensors (llm-compressor, vLLM), whose formats may be mixed from matrix
// to matrix:
//
//   pack-quantized        weight_packed I32 [rows, columns * bits / 32] of 2 to 8 bits, least
//                         significant first, 2^(bits - 1) added; weight_shape [rows, columns];
//                         weight_scale [rows, groups]; perhaps weight_zero_point, I8 [rows, groups]
//                         or packed as codes are, [ceil(rows * bits / 32), groups]; perhaps
//                         weight_g_idx, the group of each column
//   int-quantized         weight I8 [rows, columns]; weight_scale and perhaps weight_zero_point I8
//   float-quantized       weight F8_E4M3: fp8.h
//   nvfp4-pack-quantized  weight_packed U8: fp4.h; weight_global_scale divides
//   mxfp4-pack-quantized  weight_packed U8, weight_scale U8: fp4.h
//
// Scales of integers are one a matrix, one a row ([rows] or [rows, 1]), or one a group of columns.
#ifndef SKEP_MODELS_LOADING_COMPRESSED_TENSORS_H_
#define SKEP_MODELS_LOADING_COMPRESSED_TENSORS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/loading/quantized_weight.h"

namespace skep::models {

// `config` is quantization_config. Sparse formats and rotations of activations (transform_config)
// are Unimplemented.
absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadCompressedTensorsScheme(
    const ConfigView& config);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_COMPRESSED_TENSORS_H_
