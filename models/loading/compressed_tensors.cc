#include "models/loading/compressed_tensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/layers/status_macros.h"
#include "models/loading/fp4.h"
#include "models/loading/fp8.h"
#include "models/loading/grouped_codes.h"
#include "models/loading/packed_int32.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

constexpr std::string_view kPacked = ".weight_packed";
constexpr std::string_view kPlain = ".weight";
constexpr int64_t kWordBits = 32;

// The number of groups in a row, and scales for each of them; a matrix's or a row's count as one.
absl::Status ReadGroupScales(const TensorInfo& scales, GroupedCodes& grouped) {
  const std::vector<int64_t>& shape = scales.shape;
  SKEP_ASSIGN_OR_RETURN(grouped.scales, ReadScales(scales));
  if (grouped.scales.size() == 1) {
    grouped.scales.assign(grouped.rows, grouped.scales[0]);
    grouped.groups = 1;
    return absl::OkStatus();
  }
  const bool vector = shape.size() == 1 && shape[0] == grouped.rows;
  const bool matrix = shape.size() == 2 && shape[0] == grouped.rows && shape[1] > 0;
  if (!vector && !matrix) {
    return WrongTensor(scales, absl::StrCat("one value or [", grouped.rows, ", groups] is right"));
  }
  grouped.groups = vector ? 1 : shape[1];
  return absl::OkStatus();
}

// Zero points that were stored as they are, or one for all where there are none.
absl::Status ReadByteZeros(const TensorInfo* stored, int offset, GroupedCodes& grouped) {
  grouped.zeros.assign(grouped.rows * grouped.groups, static_cast<int16_t>(offset));
  if (stored == nullptr) return absl::OkStatus();
  const auto size = static_cast<uint64_t>(grouped.zeros.size());
  if (stored->type != TensorType::kI8 || (stored->bytes != size && stored->bytes != 1)) {
    return WrongTensor(*stored,
                       absl::StrCat("I8 [", grouped.rows, ", ", grouped.groups, "] is right"));
  }
  for (uint64_t i = 0; i < size; ++i) {
    const int zero = static_cast<int8_t>(stored->data[stored->bytes == 1 ? 0 : i]) + offset;
    if (zero < grouped.lowest || zero > grouped.highest) {
      return WrongTensor(*stored, absl::StrCat(zero - offset, " is no zero point of its codes"));
    }
    grouped.zeros[i] = static_cast<int16_t>(zero);
  }
  return absl::OkStatus();
}

// Zero points packed as codes are, along the rows.
absl::Status ReadPackedZeros(const TensorInfo& stored, int bits, GroupedCodes& grouped) {
  const int64_t words = (grouped.rows * bits - 1) / kWordBits + 1;
  SKEP_RETURN_IF_ERROR(CheckTensor(stored, TensorType::kI32, {words, grouped.groups}));
  const std::vector<uint32_t> packed =
      TransposeWords(stored.data, words, grouped.groups, InOneRange);
  grouped.zeros.resize(grouped.rows * grouped.groups);
  std::vector<int16_t> zeros(grouped.rows);
  for (int64_t g = 0; g < grouped.groups; ++g) {
    UnpackBits(packed.data() + g * words, bits, absl::MakeSpan(zeros));
    for (int64_t r = 0; r < grouped.rows; ++r) grouped.zeros[r * grouped.groups + g] = zeros[r];
  }
  return absl::OkStatus();
}

absl::Status ReadColumnGroups(const TensorInfo& scales, const TensorInfo* indices,
                              GroupedCodes& grouped) {
  const int64_t size = grouped.columns / grouped.groups;
  auto group_of = GroupOfColumns(indices, grouped.columns, size, grouped.groups);
  if (!group_of.ok()) {
    return indices != nullptr ? group_of.status()
                              : WrongTensor(scales, std::string(group_of.status().message()));
  }
  grouped.group_of = *std::move(group_of);
  return absl::OkStatus();
}

// The number of columns that weight_shape gives to packed codes.
absl::StatusOr<int64_t> ReadColumns(const TensorInfo& codes, const TensorInfo& shape) {
  int64_t rows = 0, columns = 0;
  if (shape.type == TensorType::kI64 && shape.bytes == 16) {
    std::memcpy(&rows, shape.data, 8);
    std::memcpy(&columns, shape.data + 8, 8);
  } else if (shape.type == TensorType::kI32 && shape.bytes == 8) {
    int32_t values[2];
    std::memcpy(values, shape.data, 8);
    rows = values[0];
    columns = values[1];
  }
  const int64_t bits = codes.shape[1] * kWordBits;  // of a row
  for (int64_t each = 2; each <= 8; ++each) {
    if (rows == codes.shape[0] && bits % each == 0 && columns == bits / each) return columns;
  }
  return WrongTensor(shape, absl::StrCat("with the values [", rows, ", ", columns, "], but '",
                                         codes.name, "' is ", ShapeString(codes.shape),
                                         "; codes of 2 to 8 bits that fill their words are "
                                         "right"));
}

absl::StatusOr<std::unique_ptr<QuantizedWeight>> OpenPacked(const WeightSource& source,
                                                            const TensorInfo& codes,
                                                            const TensorInfo& scales) {
  if (codes.shape.size() != 2 || codes.shape[0] < 1 || codes.shape[1] < 1) {
    return WrongTensor(codes, "two dimensions above 0 are right");
  }
  SKEP_ASSIGN_OR_RETURN(const TensorInfo* shape,
                        RequireBeside(source, codes, kPacked, ".weight_shape"));
  const TensorInfo* zeros = FindBeside(source, codes, kPacked, ".weight_zero_point");
  const TensorInfo* indices = FindBeside(source, codes, kPacked, ".weight_g_idx");
  std::vector<const TensorInfo*> companions = {&scales, shape};
  for (const TensorInfo* optional : {zeros, indices}) {
    if (optional != nullptr) companions.push_back(optional);
  }

  GroupedCodes grouped;
  grouped.rows = codes.shape[0];
  SKEP_ASSIGN_OR_RETURN(grouped.columns, ReadColumns(codes, *shape));
  const int64_t words = codes.shape[1];
  const int bits = static_cast<int>(words * kWordBits / grouped.columns);
  grouped.highest = static_cast<int16_t>((1 << bits) - 1);
  SKEP_RETURN_IF_ERROR(ReadGroupScales(scales, grouped));
  SKEP_RETURN_IF_ERROR(ReadColumnGroups(scales, indices, grouped));
  if (zeros != nullptr && zeros->type == TensorType::kI32) {
    SKEP_RETURN_IF_ERROR(ReadPackedZeros(*zeros, bits, grouped));
  } else {
    SKEP_RETURN_IF_ERROR(ReadByteZeros(zeros, 1 << (bits - 1), grouped));
  }
  grouped.read = [data = codes.data, words, bits, count = grouped.columns](int64_t row,
                                                                           int16_t* values) {
    std::vector<uint32_t> packed(words);
    std::memcpy(packed.data(), data + row * words * 4, words * 4);
    UnpackBits(packed.data(), bits, absl::MakeSpan(values, count));
  };
  return MakeGroupedWeight(codes, std::move(grouped), std::move(companions));
}

absl::StatusOr<std::unique_ptr<QuantizedWeight>> OpenBytes(const WeightSource& source,
                                                           const TensorInfo& codes) {
  if (codes.shape.size() != 2 || codes.shape[0] < 1 || codes.shape[1] < 1) {
    return WrongTensor(codes, "two dimensions above 0 are right");
  }
  SKEP_ASSIGN_OR_RETURN(const TensorInfo* scales,
                        RequireBeside(source, codes, kPlain, ".weight_scale"));
  const TensorInfo* zeros = FindBeside(source, codes, kPlain, ".weight_zero_point");
  std::vector<const TensorInfo*> companions = {scales};
  if (zeros != nullptr) companions.push_back(zeros);

  GroupedCodes grouped;
  grouped.rows = codes.shape[0];
  grouped.columns = codes.shape[1];
  grouped.lowest = -128;
  grouped.highest = 127;
  SKEP_RETURN_IF_ERROR(ReadGroupScales(*scales, grouped));
  SKEP_RETURN_IF_ERROR(ReadColumnGroups(*scales, /*indices=*/nullptr, grouped));
  SKEP_RETURN_IF_ERROR(ReadByteZeros(zeros, /*offset=*/0, grouped));
  grouped.read = [data = codes.data, count = grouped.columns](int64_t row, int16_t* values) {
    std::copy_n(reinterpret_cast<const int8_t*>(data) + row * count, count, values);
  };
  return MakeGroupedWeight(codes, std::move(grouped), std::move(companions));
}

class CompressedTensorsScheme final : public QuantizationScheme {
 public:
  CompressedTensorsScheme(std::string_view format, std::optional<BlockSize> block)
      : format_(format), block_(block) {}

  std::string name() const override { return absl::StrCat("compressed-tensors ", format_); }

  std::optional<int64_t> CodedValues(const WeightSource& source,
                                     const TensorInfo& tensor) const override {
    const auto beside = [&](std::string_view codes) {
      return LiesBeside(source, tensor,
                        {".weight_scale", ".weight_zero_point", ".weight_g_idx", ".weight_shape",
                         ".weight_global_scale"},
                        codes);
    };
    if (QuantizationScheme::Ignores(source, tensor) || beside(kPacked) || beside(kPlain)) return 0;
    if (tensor.type == TensorType::kI8) return static_cast<int64_t>(tensor.bytes);
    if (!tensor.name.ends_with(kPacked)) return Fp8Values(source, tensor);
    if (tensor.type == TensorType::kU8) return 2 * static_cast<int64_t>(tensor.bytes);
    const TensorInfo* shape = FindBeside(source, tensor, kPacked, ".weight_shape");
    if (shape == nullptr || tensor.shape.size() != 2) return 0;
    return tensor.shape[0] * ReadColumns(tensor, *shape).value_or(0);
  }

  std::string_view codes_suffix() const override { return kPacked; }

  absl::StatusOr<std::unique_ptr<QuantizedWeight>> Open(const WeightSource& source,
                                                        const TensorInfo& tensor) const override {
    if (!tensor.name.ends_with(kPacked)) {
      if (IsPlainFloat(tensor.type)) return nullptr;
      if (tensor.type == TensorType::kI8) return OpenBytes(source, tensor);
      return OpenFp8(source, tensor, block_);
    }
    SKEP_ASSIGN_OR_RETURN(const TensorInfo* scales,
                          RequireBeside(source, tensor, kPacked, ".weight_scale"));
    if (tensor.type == TensorType::kI32) return OpenPacked(source, tensor, *scales);
    if (scales->type == TensorType::kU8 || scales->type == TensorType::kF8_E8M0) {
      return OpenMxfp4(tensor, *scales);
    }
    SKEP_ASSIGN_OR_RETURN(const TensorInfo* global,
                          RequireBeside(source, tensor, kPacked, ".weight_global_scale"));
    SKEP_ASSIGN_OR_RETURN(const float divisor, ReadFactor(*global));
    return OpenNvfp4(tensor, *scales, 1.0f / divisor, {scales, global});
  }

 private:
  std::string format_;
  std::optional<BlockSize> block_;
};

absl::Status Unsupported(const ConfigView& config, std::string_view what) {
  return absl::UnimplementedError(
      absl::StrCat(config.file(), ": compressed-tensors with ", View(what), " is not supported"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadCompressedTensorsScheme(
    const ConfigView& config) {
  constexpr std::array<const char*, 7> kFormats = {
      "pack-quantized",       "int-quantized",   "float-quantized", "nvfp4-pack-quantized",
      "mxfp4-pack-quantized", "naive-quantized", "mixed-precision"};
  SKEP_ASSIGN_OR_RETURN(const std::string format, config.RequiredString("format"));
  if (std::find(kFormats.begin(), kFormats.end(), format) == kFormats.end()) {
    return absl::UnimplementedError(
        absl::StrCat(config.file(), ": compressed-tensors with format '", format,
                     "' is not supported; ", absl::StrJoin(kFormats, ", "), " are"));
  }
  SKEP_ASSIGN_OR_RETURN(const std::string sparsity,
                        config.StringOr("sparsity_config.format", "dense"));
  if (sparsity != "dense") {
    return Unsupported(config, absl::StrCat("a sparsity_config of format '", sparsity, "'"));
  }
  if (config.Has("transform_config.config_groups")) {
    return Unsupported(config, "a transform_config, which rotates activations,");
  }
  SKEP_ASSIGN_OR_RETURN(const std::optional<BlockSize> block,
                        ReadBlockSize(config, "config_groups.group_0.weights.block_structure"));
  return std::make_unique<CompressedTensorsScheme>(format, block);
}

}  // namespace skep::models
