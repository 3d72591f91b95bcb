// FP8 matrices: E4M3 codes and scales for a tensor, for each row, or for blocks.
#ifndef SKEP_MODELS_LOADING_FP8_H_
#define SKEP_MODELS_LOADING_FP8_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "models/loading/quantized_weight.h"

namespace skep::models {

struct BlockSize {
  int64_t rows = 0;
  int64_t columns = 0;
};

// `codes`: F8_E4M3 [rows, columns] or, of several experts, [experts, rows, columns]. Beside it lies
// "<name>_scale_inv" or "<name>_scale", which codes are multiplied by whichever it is called:
//   one number a matrix    [], [1], [1, 1]; [experts], [experts, 1, 1]
//   one a row              [rows], [rows, 1]; [experts, rows, 1]
//   one a block            [ceil(rows / block.rows), ceil(columns / block.columns)]; with experts
// With `block`, only blocks are right. Scales of U8 are those of F8_E8M0, kept as bytes. Rows
// become BF16, each value rounded once: twice the file's bytes.
absl::StatusOr<std::unique_ptr<QuantizedWeight>> OpenFp8(const WeightSource& source,
                                                         const TensorInfo& codes,
                                                         std::optional<BlockSize> block);

// As QuantizationScheme::CodedValues, but for scales of activations.
std::optional<int64_t> Fp8Values(const WeightSource& source, const TensorInfo& tensor);

// Matrices of F8_E4M3 by OpenFp8; all others must be plain.
std::unique_ptr<QuantizationScheme> MakeFp8Scheme(std::optional<BlockSize> block);

// [rows, columns] under `key`; none if the key is absent.
absl::StatusOr<std::optional<BlockSize>> ReadBlockSize(const ConfigView& config,
                                                       std::string_view key);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_FP8_H_
