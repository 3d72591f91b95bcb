// MXFP4 as gpt-oss's SafeTensors keep it, two tensors of bytes a matrix, in GGUF's blocks.
#ifndef SKEP_MODELS_LOADING_MXFP4_H_
#define SKEP_MODELS_LOADING_MXFP4_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "models/loading/quantized_weight.h"
#include "models/weights/weight_source.h"

namespace skep::models {

// `blocks`: U8 [experts, rows, blocks a row, 16], the elements 2i and 2i + 1 of a block in byte i,
// the even one low. `scales`: U8 [experts, rows, blocks a row], exponents with a bias of 127 (OCP
// Microscaling Formats, version 1.0). Returns the rows of one expert as TensorType::kMXFP4 has
// them.
absl::StatusOr<std::vector<std::byte>> RepackMxfp4(const TensorInfo& blocks,
                                                   const TensorInfo& scales, int64_t expert);

// Of a checkpoint whose experts are kept so. The one family that is released so has rules for them
// (WeightRule::mxfp4); all else is plain.
std::unique_ptr<QuantizationScheme> MakeMxfp4Scheme();

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_MXFP4_H_
