#include "models/ops/cpu/packed_matrix.h"

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/ops/cpu/activation_block.h"
#include "models/ops/cpu/block_codec.h"
#include "models/ops/cpu/half.h"
#include "models/weights/dequantize.h"

namespace skep::cpu {
namespace {

PackedFormat FormatOf(TensorType type) {
  switch (type) {
    case TensorType::kQ4_0:
      return PackedFormat::kQ4_0;
    case TensorType::kQ4_1:
      return PackedFormat::kQ4_1;
    case TensorType::kQ5_0:
      return PackedFormat::kQ5_0;
    case TensorType::kQ5_1:
      return PackedFormat::kQ5_1;
    case TensorType::kQ8_0:
      return PackedFormat::kQ8_0;
    case TensorType::kQ4_K:
      return PackedFormat::kQ4_K;
    case TensorType::kQ5_K:
      return PackedFormat::kQ5_K;
    case TensorType::kQ6_K:
      return PackedFormat::kQ6_K;
    case TensorType::kF32:
      return PackedFormat::kF32;
    case TensorType::kF16:
      return PackedFormat::kF16;
    case TensorType::kBF16:
      return PackedFormat::kBF16;
    default:
      return PackedFormat::kFileRows;
  }
}

int64_t FloatBytes(PackedFormat format) { return format == PackedFormat::kF32 ? 4 : 2; }

// Where input k of row `lane` lies in a panel of floats, in elements.
int64_t FloatIndex(PackedFormat format, int64_t k, int64_t lane) {
  if (format == PackedFormat::kBF16) return (k / 2 * kLanes + lane) * 2 + k % 2;
  return k * kLanes + lane;
}

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

absl::StatusOr<PackedMatrix> PackedMatrix::Pack(TensorType type, int64_t columns,
                                                std::span<const std::byte* const> rows,
                                                Arena& arena) {
  absl::StatusOr<uint64_t> row_bytes = models::RowBytes(type, columns);
  if (!row_bytes.ok()) return row_bytes.status();
  PackedMatrix m;
  m.type_ = type;
  m.format_ = FormatOf(type);
  m.rows_ = static_cast<int64_t>(rows.size());
  m.columns_ = columns;
  m.panels_ = RoundUp(m.rows_, 2 * kLanes) / kLanes;
  if (m.format_ == PackedFormat::kFileRows) {
    m.row_bytes_ = static_cast<int64_t>(*row_bytes);
    m.bytes_ = m.row_bytes_ * m.rows_;
  } else if (IsInt8(m.format_)) {
    const FormatLayout& layout = LayoutOf(m.format_);
    m.scales_at_ = BlocksOf(columns) * layout.quant_bytes;
    m.supers_at_ = m.scales_at_ + BlocksOf(columns) * layout.scale_bytes;
    m.panel_bytes_ = RoundUp(m.supers_at_ + BlocksOf(columns) / 8 * layout.super_bytes, 64);
    m.bytes_ = m.panel_bytes_ * m.panels_;
  } else {
    m.panel_bytes_ = RoundUp(RoundUp(columns, 2) * kLanes * FloatBytes(m.format_), 64);
    m.bytes_ = m.panel_bytes_ * m.panels_;
  }
  absl::StatusOr<uint8_t*> data = arena.Allocate(m.bytes_);
  if (!data.ok()) return data.status();
  m.data_ = *data;

  for (int64_t r = 0; r < m.rows_; ++r) {
    const uint8_t* source = reinterpret_cast<const uint8_t*>(rows[r]);
    if (m.format_ == PackedFormat::kFileRows) {
      std::memcpy(m.data_ + r * m.row_bytes_, source, m.row_bytes_);
      continue;
    }
    uint8_t* panel = m.data_ + r / kLanes * m.panel_bytes_;
    const int lane = static_cast<int>(r % kLanes);
    if (IsInt8(m.format_)) {
      for (int64_t b = 0; b < BlocksOf(columns); ++b) {
        StorePanelBlock(m.format_, ReadFileBlock(m.format_, source, b), panel, panel + m.scales_at_,
                        panel + m.supers_at_, b, lane);
      }
    } else {
      const int64_t size = FloatBytes(m.format_);
      for (int64_t k = 0; k < columns; ++k) {
        std::memcpy(panel + FloatIndex(m.format_, k, lane) * size, source + k * size, size);
      }
    }
  }
  return m;
}

void PackedMatrix::DecodeRow(int64_t row, float* out) const {
  if (format_ == PackedFormat::kFileRows) {
    const auto* bytes = reinterpret_cast<const std::byte*>(data_ + row * row_bytes_);
    models::DequantizeRow(type_, bytes, columns_, out).IgnoreError();  // checked by Pack
    return;
  }
  const PanelView panel = Panel(row / kLanes);
  const int lane = static_cast<int>(row % kLanes);
  if (IsInt8(format_)) {
    for (int64_t b = 0; b < BlocksOf(columns_); ++b) {
      DecodeBlock(format_, LoadPanelBlock(format_, panel, b, lane), out + b * kBlock);
    }
    return;
  }
  for (int64_t k = 0; k < columns_; ++k) {
    const uint8_t* source = panel.quants + FloatIndex(format_, k, lane) * FloatBytes(format_);
    if (format_ == PackedFormat::kF32) {
      std::memcpy(out + k, source, 4);
      continue;
    }
    uint16_t bits;
    std::memcpy(&bits, source, 2);
    out[k] = format_ == PackedFormat::kF16 ? HalfToFloat(bits) : Bfloat16ToFloat(bits);
  }
}

void PackedMatrix::DecodePanel(int64_t panel, float* out, float* scratch) const {
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    const int64_t row = panel * kLanes + lane;
    if (row < rows_) {
      DecodeRow(row, scratch);
    } else {
      std::fill(scratch, scratch + columns_, 0.0f);
    }
    for (int64_t k = 0; k < columns_; ++k) out[k * kLanes + lane] = scratch[k];
  }
}

}  // namespace skep::cpu
