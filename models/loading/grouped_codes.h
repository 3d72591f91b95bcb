// Matrices of small integers, of which groups of columns share a scale and a zero point: what GPTQ,
// AWQ and compressed-tensors have in common. value = (code - zero) * scale.
//
// Their rows become GGUF's blocks of 32, which the kernels multiply with as they are:
//
//   * Q4_0, Q5_0 or Q8_0, the first that holds every code - zero. Only the scale can lose anything,
//     and only if it is no F16: those of GPTQ and AWQ are, those of BF16 are exact in F16 from
//     2^-17 up, and an F32 scale is off by at most 1 / 4096 of itself from 2^-14 up. So 4 bits
//     take 4.5 where they are symmetric (all zero points are 8) and 5.5 where they are not.
//   * Q8_0, rounded, where 32 columns that are neighbours do not share a group (GPTQ's act-order,
//     groups of 16), or no such block holds code - zero (8 bits with zero points). A value is then
//     off by at most 1 / 254 of the largest of its 32, plus the F16 scale's 1 / 4096 of itself.
#ifndef SKEP_MODELS_LOADING_GROUPED_CODES_H_
#define SKEP_MODELS_LOADING_GROUPED_CODES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "models/loading/quantized_weight.h"

namespace skep::models {

struct GroupedCodes {
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t groups = 0;
  int16_t lowest = 0;  // of all codes
  int16_t highest = 0;
  // Called before `read`, if not null: see QuantizedWeight::Arrange.
  std::function<void(const ForRanges& for_ranges)> arrange;
  // Writes the codes of a row. Safe from several threads at once.
  std::function<void(int64_t row, int16_t* codes)> read;
  std::vector<float> scales;      // [rows, groups], finite
  std::vector<int16_t> zeros;     // [rows, groups], each within [lowest, highest]
  std::vector<int32_t> group_of;  // [columns], each within [0, groups)
};

// `codes` is named in messages. InvalidArgument if columns are no multiple of 32, or a scale is
// beyond what F16 holds. Both dimensions must be above 0.
absl::StatusOr<std::unique_ptr<QuantizedWeight>> MakeGroupedWeight(
    const TensorInfo& codes, GroupedCodes grouped, std::vector<const TensorInfo*> companions);

// The group of each column: `indices` (I32, [columns]) if there are any, else runs of `group_size`.
// InvalidArgument if an index is outside [0, groups), or groups of that size do not cover the
// columns.
absl::StatusOr<std::vector<int32_t>> GroupOfColumns(const TensorInfo* indices, int64_t columns,
                                                    int64_t group_size, int64_t groups);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_GROUPED_CODES_H_
