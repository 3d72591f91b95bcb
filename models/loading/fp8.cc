#include "models/loading/fp8.h"

#include <c10/util/BFloat16.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/layers/status_macros.h"
#include "models/weights/float_bits.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

constexpr int64_t kLargestBlock = int64_t{1} << 20;

int64_t CeilDiv(int64_t a, int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

class Fp8Weight final : public QuantizedWeight {
 public:
  // `values`: of each matrix, [blocks of rows, blocks of columns]; shapes were checked.
  Fp8Weight(const TensorInfo& codes, const TensorInfo& scales, std::vector<float> values,
            BlockSize block)
      : QuantizedWeight(TensorType::kBF16, codes.shape, {&scales}),
        codes_(codes.data),
        scales_(std::move(values)),
        block_(block),
        rows_(codes.shape[codes.shape.size() - 2]) {
    for (size_t i = 0; i < decoded_.size(); ++i) {
      decoded_[i] = Float8E4M3ToFloat(static_cast<uint8_t>(i));
    }
  }

  TensorType listed_type() const override { return TensorType::kF8_E4M3; }

  void DecodeRow(int64_t row, std::byte* out) const override {
    const std::byte* codes = codes_ + row * columns();
    const int64_t block_row = row / rows_ * CeilDiv(rows_, block_.rows) + row % rows_ / block_.rows;
    const float* scale = scales_.data() + block_row * CeilDiv(columns(), block_.columns);
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
  int64_t rows_;  // of one matrix
  std::array<float, 256> decoded_;
};

// The blocks that scales of this shape stand for; none if it is wrong.
std::optional<BlockSize> BlocksOf(const TensorInfo& codes, const TensorInfo& scales,
                                  std::optional<BlockSize> block) {
  std::vector<int64_t> shape = scales.shape;
  if (codes.shape.size() == 3) {
    if (shape.empty() || shape[0] != codes.shape[0]) return std::nullopt;
    shape.erase(shape.begin());
  }
  const int64_t rows = codes.shape[codes.shape.size() - 2], columns = codes.shape.back();
  if (block) {
    const std::vector<int64_t> right = {CeilDiv(rows, block->rows),
                                        CeilDiv(columns, block->columns)};
    return shape == right ? block : std::nullopt;
  }
  if (std::all_of(shape.begin(), shape.end(), [](int64_t size) { return size == 1; })) {
    return BlockSize{rows, columns};
  }
  if (shape == std::vector<int64_t>{rows} || shape == std::vector<int64_t>{rows, 1}) {
    return BlockSize{1, columns};
  }
  return std::nullopt;
}

absl::Status WrongScales(const TensorInfo& codes, const TensorInfo& scales,
                         std::optional<BlockSize> block) {
  const std::string each = codes.shape.size() == 3 ? absl::StrCat(codes.shape[0], ", ") : "";
  const int64_t rows = codes.shape[codes.shape.size() - 2], columns = codes.shape.back();
  if (!block) {
    return WrongTensor(scales, absl::StrCat("one value a matrix or [", each, rows,
                                            ", 1] is right beside '", codes.name, "'"));
  }
  return WrongTensor(
      scales,
      absl::StrCat("[", each, CeilDiv(rows, block->rows), ", ", CeilDiv(columns, block->columns),
                   "] is right for blocks of ", block->rows, " x ", block->columns));
}

class Fp8Scheme final : public QuantizationScheme {
 public:
  explicit Fp8Scheme(std::optional<BlockSize> block) : block_(block) {}

  std::string name() const override { return "fp8"; }

  std::optional<int64_t> CodedValues(const WeightSource& source,
                                     const TensorInfo& tensor) const override {
    if (QuantizationScheme::Ignores(source, tensor)) return 0;
    return Fp8Values(source, tensor);
  }

  absl::StatusOr<std::unique_ptr<QuantizedWeight>> Open(const WeightSource& source,
                                                        const TensorInfo& tensor) const override {
    if (IsPlainFloat(tensor.type)) return nullptr;
    return OpenFp8(source, tensor, block_);
  }

 private:
  std::optional<BlockSize> block_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<QuantizedWeight>> OpenFp8(const WeightSource& source,
                                                         const TensorInfo& codes,
                                                         std::optional<BlockSize> block) {
  if (codes.type != TensorType::kF8_E4M3) {
    return WrongTensor(codes, "F8_E4M3, F32, F16 or BF16 is right in a checkpoint of this scheme");
  }
  const std::vector<int64_t>& shape = codes.shape;
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  if ((shape.size() != 2 && shape.size() != 3) || empty) {
    return WrongTensor(codes, "two dimensions are right, or three with experts, none of them 0");
  }
  const TensorInfo* scales = source.Find(absl::StrCat(codes.name, "_scale_inv"));
  if (scales == nullptr) scales = source.Find(absl::StrCat(codes.name, "_scale"));
  if (scales == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("missing tensor '", codes.name,
                                                   "_scale_inv' or '", codes.name,
                                                   "_scale', the scales of '", codes.name, "'"));
  }
  const std::optional<BlockSize> blocks = BlocksOf(codes, *scales, block);
  if (!blocks) return WrongScales(codes, *scales, block);
  TensorInfo numbers = *scales;
  if (numbers.type == TensorType::kU8) numbers.type = TensorType::kF8_E8M0;
  SKEP_ASSIGN_OR_RETURN(std::vector<float> values, ReadScales(numbers));
  return std::make_unique<Fp8Weight>(codes, *scales, std::move(values), *blocks);
}

std::optional<int64_t> Fp8Values(const WeightSource& source, const TensorInfo& tensor) {
  if (tensor.type == TensorType::kF8_E4M3) return static_cast<int64_t>(tensor.bytes);
  if (LiesBeside(source, tensor, {"_scale_inv", "_scale"}, "")) return 0;
  return std::nullopt;
}

std::unique_ptr<QuantizationScheme> MakeFp8Scheme(std::optional<BlockSize> block) {
  return std::make_unique<Fp8Scheme>(block);
}

absl::StatusOr<std::optional<BlockSize>> ReadBlockSize(const ConfigView& config,
                                                       std::string_view key) {
  if (!config.Has(key)) return std::nullopt;
  SKEP_ASSIGN_OR_RETURN(const std::vector<int64_t> block, config.Ints(key));
  const auto fits = [](int64_t size) { return size > 0 && size <= kLargestBlock; };
  if (block.size() != 2 || !fits(block[0]) || !fits(block[1])) {
    return absl::InvalidArgumentError(absl::StrCat(
        config.file(), ": ", View(key), " must be two numbers from 1 to ", kLargestBlock));
  }
  return BlockSize{block[0], block[1]};
}

}  // namespace skep::models
