// Codes of 2, 3, 4 or 8 bits in 32-bit words: GPTQ's and AWQ's checkpoints.
//
// Both keep a matrix transposed, beside "<name>.qweight" the zero points "<name>.qzeros", packed
// like it, and "<name>.scales" F16 [groups, out]; value = (code - zero) * scale. They differ in the
// direction that words run in and the order of codes within.
#ifndef SKEP_MODELS_LOADING_PACKED_INT32_H_
#define SKEP_MODELS_LOADING_PACKED_INT32_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/loading/quantized_weight.h"

namespace skep::models {

// GPTQ (Frantar et al. 2022; the files are AutoGPTQ's and GPTQModel's):
//   qweight  I32 [in * bits / 32, out]      code k of an output at bits k * bits of its column,
//                                           least significant first, across words for 3 bits
//   qzeros   I32 [groups, out * bits / 32]  the same along a row; stored less one, modulo 2^bits,
//                                           but in format "gptq_v2" as they are
//   g_idx    I32 [in], optional             the group of each input (act-order)
// `config` is quantization_config. A bias of zeros that no layer asks for is ignored: AutoGPTQ
// wrote one for every matrix.
absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadGptqScheme(const ConfigView& config);

// AWQ (Lin et al. 2023; the files are AutoAWQ's, version "gemm"), 4 bits:
//   qweight  I32 [in, out / 8]      the nibbles of a word are outputs 0, 2, 4, 6, 1, 3, 5, 7
//   qzeros   I32 [groups, out / 8]  the same
absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadAwqScheme(const ConfigView& config);

// The words of a tensor of 32-bit words [rows, columns], transposed.
std::vector<uint32_t> TransposeWords(const std::byte* words, int64_t rows, int64_t columns,
                                     const ForRanges& for_ranges);
// Codes of `bits` that follow each other from the lowest bit of the first word on.
void UnpackBits(const uint32_t* words, int bits, absl::Span<int16_t> codes);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_PACKED_INT32_H_
