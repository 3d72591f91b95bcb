#include "models/loading/fp4.h"

#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/layers/status_macros.h"
#include "models/loading/fp8.h"
#include "models/loading/mxfp4.h"

namespace skep::models {
namespace {

constexpr int64_t kGroup = 16;  // elements that share a scale of NVFP4
constexpr int64_t kGroupsPerBlock = 4;

absl::Status CheckPairs(const TensorInfo& codes, int64_t block) {
  const std::vector<int64_t>& shape = codes.shape;
  if (codes.type == TensorType::kU8 && shape.size() == 2 && shape[0] > 0 && shape[1] > 0 &&
      shape[1] % (block / 2) == 0) {
    return absl::OkStatus();
  }
  return WrongTensor(codes, absl::StrCat("U8 [rows, columns / 2] is right, with columns in "
                                         "multiples of ",
                                         block));
}

class Nvfp4Weight final : public QuantizedWeight {
 public:
  Nvfp4Weight(const TensorInfo& codes, const TensorInfo& scales, float factor,
              std::vector<const TensorInfo*> companions)
      : QuantizedWeight(TensorType::kNVFP4, {codes.shape[0], codes.shape[1] * 2},
                        std::move(companions)),
        codes_(codes.data),
        scales_(scales.data),
        factor_(factor) {}

  float factor() const override { return factor_; }

  // The layout: models/weights/decode_small.cc.
  void DecodeRow(int64_t row, std::byte* out) const override {
    const std::byte* codes = codes_ + row * (columns() / 2);
    const std::byte* scales = scales_ + row * (columns() / kGroup);
    const int64_t blocks = columns() / (kGroup * kGroupsPerBlock);
    for (int64_t b = 0; b < blocks; ++b) {
      std::memcpy(out, scales, kGroupsPerBlock);
      out += kGroupsPerBlock;
      scales += kGroupsPerBlock;
      for (int64_t g = 0; g < kGroupsPerBlock; ++g, codes += kGroup / 2) {
        const auto element = [&](int64_t i) {
          return (codes[i / 2] >> (4 * (i % 2))) & std::byte{15};
        };
        // There a byte holds the elements i and i + 8.
        for (int64_t i = 0; i < kGroup / 2; ++i) {
          *out++ = element(i) | element(i + kGroup / 2) << 4;
        }
      }
    }
  }

 private:
  const std::byte* codes_;
  const std::byte* scales_;
  float factor_;
};

class Mxfp4Weight final : public QuantizedWeight {
 public:
  Mxfp4Weight(std::vector<int64_t> shape, const TensorInfo& scales, std::vector<std::byte> blocks)
      : QuantizedWeight(TensorType::kMXFP4, std::move(shape), {&scales}),
        blocks_(std::move(blocks)),
        row_bytes_(*RowBytes(TensorType::kMXFP4, columns())) {}

  void DecodeRow(int64_t row, std::byte* out) const override {
    std::memcpy(out, blocks_.data() + row * row_bytes_, row_bytes_);
  }

 private:
  std::vector<std::byte> blocks_;
  uint64_t row_bytes_;
};

class ModelOptScheme final : public QuantizationScheme {
 public:
  explicit ModelOptScheme(std::string_view algorithm) : algorithm_(algorithm) {}

  std::string name() const override { return absl::StrCat("modelopt ", algorithm_); }

  std::optional<int64_t> CodedValues(const WeightSource& source,
                                     const TensorInfo& tensor) const override {
    if (QuantizationScheme::Ignores(source, tensor) ||
        LiesBeside(source, tensor, {".weight_scale", ".weight_scale_2"}, ".weight")) {
      return 0;
    }
    if (tensor.type == TensorType::kU8) return 2 * static_cast<int64_t>(tensor.bytes);
    return Fp8Values(source, tensor);
  }

  absl::StatusOr<std::unique_ptr<QuantizedWeight>> Open(const WeightSource& source,
                                                        const TensorInfo& tensor) const override {
    if (IsPlainFloat(tensor.type)) return nullptr;
    if (tensor.type == TensorType::kF8_E4M3) return OpenFp8(source, tensor, std::nullopt);
    SKEP_ASSIGN_OR_RETURN(const TensorInfo* scales,
                          RequireBeside(source, tensor, ".weight", ".weight_scale"));
    SKEP_ASSIGN_OR_RETURN(const TensorInfo* global,
                          RequireBeside(source, tensor, ".weight", ".weight_scale_2"));
    SKEP_ASSIGN_OR_RETURN(const float factor, ReadFactor(*global));
    return OpenNvfp4(tensor, *scales, factor, {scales, global});
  }

 private:
  std::string algorithm_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<QuantizedWeight>> OpenNvfp4(
    const TensorInfo& codes, const TensorInfo& scales, float factor,
    std::vector<const TensorInfo*> companions) {
  SKEP_RETURN_IF_ERROR(CheckPairs(codes, kGroup * kGroupsPerBlock));
  const int64_t groups = codes.shape[1] * 2 / kGroup;
  SKEP_RETURN_IF_ERROR(CheckTensor(scales, TensorType::kF8_E4M3, {codes.shape[0], groups}));
  for (uint64_t i = 0; i < scales.bytes; ++i) {
    // NaN, and negative numbers: GGUF's blocks have neither.
    if (scales.data[i] >= std::byte{0x7f}) {
      return WrongTensor(scales, "every scale must be a number and not negative");
    }
  }
  return std::make_unique<Nvfp4Weight>(codes, scales, factor, std::move(companions));
}

absl::StatusOr<std::unique_ptr<QuantizedWeight>> OpenMxfp4(const TensorInfo& codes,
                                                           const TensorInfo& scales) {
  const int64_t block = Traits(TensorType::kMXFP4).block_elements;
  SKEP_RETURN_IF_ERROR(CheckPairs(codes, block));
  const int64_t rows = codes.shape[0], blocks = codes.shape[1] * 2 / block;
  TensorInfo expert_codes = codes, expert_scales = scales;  // as gpt-oss has one expert's
  if (scales.type == TensorType::kF8_E8M0) expert_scales.type = TensorType::kU8;
  SKEP_RETURN_IF_ERROR(CheckTensor(expert_scales, TensorType::kU8, {rows, blocks}));
  expert_codes.shape = {1, rows, blocks, block / 2};
  expert_scales.shape = {1, rows, blocks};
  SKEP_ASSIGN_OR_RETURN(std::vector<std::byte> packed,
                        RepackMxfp4(expert_codes, expert_scales, /*expert=*/0));
  return std::make_unique<Mxfp4Weight>(std::vector<int64_t>{rows, codes.shape[1] * 2}, scales,
                                       std::move(packed));
}

absl::StatusOr<float> ReadFactor(const TensorInfo& tensor) {
  SKEP_ASSIGN_OR_RETURN(const std::vector<float> values, ReadScales(tensor));
  if (values.size() != 1 || !(values[0] > 0.0f)) {
    return WrongTensor(tensor, "one value above 0 is right");
  }
  return values[0];
}

absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadModelOptScheme(const ConfigView& config) {
  // As vLLM and as ModelOpt write it.
  const std::string_view key =
      config.Has("quantization.quant_algo") ? "quantization.quant_algo" : "quant_algo";
  SKEP_ASSIGN_OR_RETURN(const std::string algorithm, config.RequiredString(key));
  if (algorithm != "FP8" && algorithm != "FP8_PER_CHANNEL_PER_TOKEN" && algorithm != "NVFP4") {
    return absl::UnimplementedError(
        absl::StrCat(config.file(), ": modelopt with quant_algo '", algorithm,
                     "' is not supported; FP8, FP8_PER_CHANNEL_PER_TOKEN and NVFP4 are"));
  }
  return std::make_unique<ModelOptScheme>(algorithm);
}

}  // namespace skep::models
