// FP4 matrices (E2M1) in two tensors of bytes, in GGUF's blocks: lossless.
//
// Codes are U8 [rows, columns / 2], the elements 2i and 2i + 1 of a row in byte i, the even one
// low.
#ifndef SKEP_MODELS_LOADING_FP4_H_
#define SKEP_MODELS_LOADING_FP4_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "models/loading/quantized_weight.h"

namespace skep::models {

// `scales` F8_E4M3 [rows, columns / 16]; value = e2m1 * scale * factor. Rows are NVFP4, and so in
// multiples of 64. `companions` are the scales and where the factor came from.
absl::StatusOr<std::unique_ptr<QuantizedWeight>> OpenNvfp4(
    const TensorInfo& codes, const TensorInfo& scales, float factor,
    std::vector<const TensorInfo*> companions);

// `scales` F8_E8M0, or the same as U8, [rows, columns / 32]. Rows are MXFP4.
absl::StatusOr<std::unique_ptr<QuantizedWeight>> OpenMxfp4(const TensorInfo& codes,
                                                           const TensorInfo& scales);

// The one value of a tensor, finite and above 0.
absl::StatusOr<float> ReadFactor(const TensorInfo& tensor);

// ModelOpt's checkpoints, by quant_algo:
//   NVFP4  "<name>.weight" as above, weight_scale, and the factor weight_scale_2
//   FP8    fp8.h, one scale a matrix; FP8_PER_CHANNEL_PER_TOKEN: one a row
absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadModelOptScheme(const ConfigView& config);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_FP4_H_
