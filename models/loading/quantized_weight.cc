#include "models/loading/quantized_weight.h"

#include <c10/util/BFloat16.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/layers/status_macros.h"
#include "models/weights/dequantize.h"

namespace skep::models {
namespace {

constexpr int64_t kLargestBlock = int64_t{1} << 20;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// FP8 in blocks, as DeepSeek V3 is released.

struct BlockSize {
  int64_t rows = 0;
  int64_t columns = 0;
};

class Fp8Blocks final : public QuantizedWeight {
 public:
  // `scales` [blocks of rows, blocks of columns]; shapes were checked.
  Fp8Blocks(const TensorInfo& codes, const TensorInfo& scales, std::vector<float> values,
            BlockSize block)
      : QuantizedWeight(TensorType::kBF16, codes.shape[0], codes.shape[1], {&scales}),
        codes_(codes.data),
        scales_(std::move(values)),
        block_(block) {
    std::array<std::byte, 256> all;
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i);
    DequantizeRow(TensorType::kF8_E4M3, all.data(), all.size(), decoded_.data()).IgnoreError();
  }

  void DecodeRow(int64_t row, std::byte* out) const override {
    const std::byte* codes = codes_ + row * columns();
    const float* scale = scales_.data() + row / block_.rows * CeilDiv(columns(), block_.columns);
    for (int64_t first = 0; first < columns(); first += block_.columns, ++scale) {
      const int64_t end = std::min(first + block_.columns, columns());
      for (int64_t i = first; i < end; ++i) {
        const c10::BFloat16 value = decoded_[static_cast<uint8_t>(codes[i])] * *scale;
        std::memcpy(out + i * sizeof(value), &value, sizeof(value));
      }
    }
  }

 private:
  const std::byte* codes_;
  std::vector<float> scales_;
  BlockSize block_;
  std::array<float, 256> decoded_;  // every E4M3 code
};

class Fp8BlockScheme final : public QuantizationScheme {
 public:
  explicit Fp8BlockScheme(BlockSize block) : block_(block) {}

  absl::StatusOr<std::unique_ptr<QuantizedWeight>> Open(const WeightSource& source,
                                                        const TensorInfo& tensor) const override {
    if (tensor.type != TensorType::kF8_E4M3) return nullptr;
    const auto wrong = [](const TensorInfo& t, std::string_view right) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor '", t.name, "': shape ", ShapeString(t.shape), ": ", std::string(right)));
    };
    if (tensor.shape.size() != 2) return wrong(tensor, "two dimensions are right");
    const std::string name = absl::StrCat(tensor.name, "_scale_inv");
    const TensorInfo* scales = source.Find(name);
    if (scales == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("missing tensor '", name, "', the scales of '", tensor.name, "'"));
    }
    const int64_t rows = CeilDiv(tensor.shape[0], block_.rows);
    const int64_t columns = CeilDiv(tensor.shape[1], block_.columns);
    if (scales->shape != std::vector<int64_t>{rows, columns}) {
      return wrong(*scales, absl::StrCat("[", rows, ", ", columns, "] is right for blocks of ",
                                         block_.rows, " x ", block_.columns));
    }
    std::vector<float> values(rows * columns);
    SKEP_RETURN_IF_ERROR(DequantizeRow(scales->type, scales->data, rows * columns, values.data()));
    return std::make_unique<Fp8Blocks>(tensor, *scales, std::move(values), block_);
  }

 private:
  BlockSize block_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadQuantizationScheme(const ConfigView& view) {
  if (view.is_gguf() || !view.Has("quantization_config")) return nullptr;
  SKEP_ASSIGN_OR_RETURN(const ConfigView config, view.Section("quantization_config"));
  SKEP_ASSIGN_OR_RETURN(const std::string method, config.StringOr("quant_method", "unnamed"));
  SKEP_ASSIGN_OR_RETURN(const std::string format, config.StringOr("fmt", "e4m3"));
  if (method == "fp8" && format == "e4m3" && config.Has("weight_block_size")) {
    SKEP_ASSIGN_OR_RETURN(const std::vector<int64_t> block, config.Ints("weight_block_size"));
    const auto fits = [](int64_t size) { return size > 0 && size <= kLargestBlock; };
    if (block.size() != 2 || !fits(block[0]) || !fits(block[1])) {
      return absl::InvalidArgumentError(absl::StrCat(
          config.file(), ": weight_block_size must be two numbers from 1 to ", kLargestBlock));
    }
    return std::make_unique<Fp8BlockScheme>(BlockSize{block[0], block[1]});
  }
  // The one family that is released so has rules for it (WeightRule::mxfp4).
  if (method == "mxfp4") return nullptr;
  return absl::UnimplementedError(absl::StrCat(
      config.file(), ": quant_method '", method, "'", method == "fp8" ? " without blocks" : "",
      " is not supported; fp8 (e4m3) with a weight_block_size is, as are unquantised SafeTensors "
      "and every GGUF type"));
}

}  // namespace skep::models
