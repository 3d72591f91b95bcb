#include "models/loading/mxfp4.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace skep::models {
namespace {

constexpr int64_t kBlockCodes = 16;  // bytes, of two elements each
constexpr int64_t kBlockBytes = 1 + kBlockCodes;

absl::Status CheckShapes(const TensorInfo& blocks, const TensorInfo& scales, int64_t expert) {
  const auto& shape = blocks.shape;
  std::vector<int64_t> expected = shape;
  if (!expected.empty()) expected.pop_back();
  if (shape.size() == 4 && shape[3] == kBlockCodes && scales.shape == expected &&
      blocks.type == TensorType::kU8 && scales.type == TensorType::kU8 && expert < shape[0]) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("tensors '", blocks.name, "' ", ShapeString(blocks.shape), " and '", scales.name,
                   "' ", ShapeString(scales.shape), ": U8 [experts, rows, blocks, ", kBlockCodes,
                   "] and [experts, rows, blocks] with more than ", expert, " experts are right"));
}

class Mxfp4Scheme final : public QuantizationScheme {
 public:
  std::string name() const override { return "mxfp4"; }

  std::optional<int64_t> CodedValues(const WeightSource& source,
                                     const TensorInfo& tensor) const override {
    if (FindBeside(source, tensor, "_scales", "_blocks") != nullptr) return 0;
    if (FindBeside(source, tensor, "_blocks", "_scales") == nullptr) return std::nullopt;
    return 2 * static_cast<int64_t>(tensor.bytes);
  }

  absl::StatusOr<std::unique_ptr<QuantizedWeight>> Open(
      const WeightSource& /*source*/, const TensorInfo& /*tensor*/) const override {
    return nullptr;
  }
};

}  // namespace

absl::StatusOr<std::vector<std::byte>> RepackMxfp4(const TensorInfo& blocks,
                                                   const TensorInfo& scales, int64_t expert) {
  if (absl::Status status = CheckShapes(blocks, scales, expert); !status.ok()) return status;
  const int64_t count = blocks.shape[1] * blocks.shape[2];
  const std::byte* code = blocks.data + expert * count * kBlockCodes;
  const std::byte* scale = scales.data + expert * count;
  std::vector<std::byte> packed(count * kBlockBytes);
  std::byte* out = packed.data();
  const auto element = [&](int64_t i) { return (code[i / 2] >> (4 * (i % 2))) & std::byte{15}; };
  for (int64_t b = 0; b < count; ++b, code += kBlockCodes) {
    *out++ = *scale++;
    // There a byte holds the elements i and i + 16.
    for (int64_t i = 0; i < kBlockCodes; ++i) *out++ = element(i) | element(i + 16) << 4;
  }
  return packed;
}

std::unique_ptr<QuantizationScheme> MakeMxfp4Scheme() { return std::make_unique<Mxfp4Scheme>(); }

}  // namespace skep::models
