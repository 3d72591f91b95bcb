#include "models/loading/grouped_codes.h"

#include <c10/util/Half.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace skep::models {
namespace {

constexpr int64_t kBlock = 32;
// A block of Q8_0 may need twice a group's scale for codes of 8 bits and their zero points.
constexpr float kLargestScale = 32000.0f;

// How a block type keeps whole numbers.
struct IntegerBlocks {
  TensorType type;
  int lowest;
  int highest;
};
constexpr IntegerBlocks kIntegerBlocks[] = {
    {TensorType::kQ4_0, -8, 7}, {TensorType::kQ5_0, -16, 15}, {TensorType::kQ8_0, -128, 127}};

void StoreHalf(float value, std::byte* out) {
  const c10::Half half = value;
  std::memcpy(out, &half, sizeof(half));
}

// The layouts: models/weights/decode_legacy.cc.
void StoreBlock(TensorType type, float scale, const int16_t* values, std::byte* out) {
  StoreHalf(scale, out);
  out += 2;
  if (type == TensorType::kQ8_0) {
    for (int64_t i = 0; i < kBlock; ++i) out[i] = static_cast<std::byte>(values[i]);
    return;
  }
  const bool five = type == TensorType::kQ5_0;
  const int offset = five ? 16 : 8;
  if (five) {
    uint32_t top = 0;
    for (int64_t i = 0; i < kBlock; ++i) {
      top |= static_cast<uint32_t>((values[i] + offset) >> 4) << i;
    }
    std::memcpy(out, &top, sizeof(top));
    out += sizeof(top);
  }
  for (int64_t i = 0; i < kBlock / 2; ++i) {
    const int low = (values[i] + offset) & 15, high = (values[i + kBlock / 2] + offset) & 15;
    out[i] = static_cast<std::byte>(low | high << 4);
  }
}

// As GGUF files are quantised to Q8_0: half of a step is rounded away from zero.
void StoreRounded(const float* values, std::byte* out) {
  float largest = 0.0f;
  for (int64_t i = 0; i < kBlock; ++i) largest = std::max(largest, std::abs(values[i]));
  const float scale = largest / 127.0f;
  const float inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
  int16_t rounded[kBlock];
  for (int64_t i = 0; i < kBlock; ++i) {
    rounded[i] = static_cast<int16_t>(std::round(std::clamp(values[i] * inverse, -127.0f, 127.0f)));
  }
  StoreBlock(TensorType::kQ8_0, scale, rounded, out);
}

class GroupedWeight final : public QuantizedWeight {
 public:
  GroupedWeight(TensorType type, bool exact, GroupedCodes grouped,
                std::vector<const TensorInfo*> companions)
      : QuantizedWeight(type, {grouped.rows, grouped.columns}, std::move(companions)),
        grouped_(std::move(grouped)),
        exact_(exact) {}

  void Arrange(const ForRanges& for_ranges) override {
    if (grouped_.arrange != nullptr) grouped_.arrange(for_ranges);
  }

  void DecodeRow(int64_t row, std::byte* out) const override {
    std::vector<int16_t> codes(columns());
    grouped_.read(row, codes.data());
    const float* scales = grouped_.scales.data() + row * grouped_.groups;
    const int16_t* zeros = grouped_.zeros.data() + row * grouped_.groups;
    for (int64_t i = 0; i < columns(); i += kBlock, out += Traits(type()).block_bytes) {
      const int32_t* group = grouped_.group_of.data() + i;
      if (exact_) {
        for (int64_t k = 0; k < kBlock; ++k) codes[i + k] -= zeros[group[0]];
        StoreBlock(type(), scales[group[0]], codes.data() + i, out);
        continue;
      }
      float values[kBlock];
      for (int64_t k = 0; k < kBlock; ++k) {
        values[k] = static_cast<float>(codes[i + k] - zeros[group[k]]) * scales[group[k]];
      }
      StoreRounded(values, out);
    }
  }

 private:
  GroupedCodes grouped_;
  bool exact_;
};

// The block type that holds all code - zero; null if there is none.
const IntegerBlocks* BlocksFor(const GroupedCodes& grouped) {
  for (int64_t i = 0; i < grouped.columns; ++i) {
    if (grouped.group_of[i] != grouped.group_of[i / kBlock * kBlock]) return nullptr;
  }
  const auto [least, most] = std::minmax_element(grouped.zeros.begin(), grouped.zeros.end());
  for (const IntegerBlocks& blocks : kIntegerBlocks) {
    if (grouped.lowest - *most >= blocks.lowest && grouped.highest - *least <= blocks.highest) {
      return &blocks;
    }
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<std::unique_ptr<QuantizedWeight>> MakeGroupedWeight(
    const TensorInfo& codes, GroupedCodes grouped, std::vector<const TensorInfo*> companions) {
  if (grouped.columns % kBlock != 0) {
    return WrongTensor(codes, absl::StrCat("rows in multiples of ", kBlock,
                                           " values are right, got ", grouped.columns));
  }
  for (float scale : grouped.scales) {
    if (!(std::abs(scale) <= kLargestScale)) {
      return WrongTensor(codes,
                         absl::StrCat("one of its scales is ", scale,
                                      ", above the largest that can be used, ", kLargestScale));
    }
  }
  const IntegerBlocks* blocks = BlocksFor(grouped);
  const TensorType type = blocks != nullptr ? blocks->type : TensorType::kQ8_0;
  return std::make_unique<GroupedWeight>(type, blocks != nullptr, std::move(grouped),
                                         std::move(companions));
}

absl::StatusOr<std::vector<int32_t>> GroupOfColumns(const TensorInfo* indices, int64_t columns,
                                                    int64_t group_size, int64_t groups) {
  std::vector<int32_t> group_of(columns);
  if (indices == nullptr) {
    const bool covers = group_size > 0 && groups > 0 && (columns - 1) / group_size == groups - 1;
    if (!covers || groups > std::numeric_limits<int32_t>::max()) {
      return absl::InvalidArgumentError(absl::StrCat(
          groups, " groups of ", group_size, " columns are not right for ", columns, " columns"));
    }
    for (int64_t i = 0; i < columns; ++i) group_of[i] = static_cast<int32_t>(i / group_size);
    return group_of;
  }
  if (absl::Status status = CheckTensor(*indices, TensorType::kI32, {columns}); !status.ok()) {
    return status;
  }
  std::memcpy(group_of.data(), indices->data, indices->bytes);
  for (int32_t group : group_of) {
    if (group < 0 || group >= groups) {
      return WrongTensor(
          *indices, absl::StrCat("there is no group ", group, ": 0 to ", groups - 1, " are right"));
    }
  }
  return group_of;
}

}  // namespace skep::models
