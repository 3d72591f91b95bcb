#include "models/ops/cpu/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "models/ops/cpu/activation_block.h"
#include "models/ops/cpu/block_codec.h"
#include "models/ops/cpu/file_blocks.h"
#include "models/ops/cpu/half.h"
#include "models/weights/dequantize.h"

namespace skep::cpu {
namespace {

PackedFormat FormatOf(TensorType type) {
  using T = TensorType;
  using F = PackedFormat;
  static constexpr std::pair<T, F> kFormats[] = {
      {T::kQ4_0, F::kQ4_0},       {T::kQ4_1, F::kQ4_1},     {T::kQ5_0, F::kQ5_0},
      {T::kQ5_1, F::kQ5_1},       {T::kQ8_0, F::kQ8_0},     {T::kQ8_1, F::kQ8_0},
      {T::kQ2_K, F::kQ2_K},       {T::kQ3_K, F::kQ3_K},     {T::kQ4_K, F::kQ4_K},
      {T::kQ5_K, F::kQ5_K},       {T::kQ6_K, F::kQ6_K},     {T::kIQ4_NL, F::kIQ4_NL},
      {T::kIQ4_XS, F::kIQ4_XS},   {T::kMXFP4, F::kMXFP4},   {T::kNVFP4, F::kNVFP4},
      {T::kIQ3_XXS, F::kIQ3_XXS}, {T::kIQ3_S, F::kIQ3_S},   {T::kIQ2_XXS, F::kIQ2_XXS},
      {T::kIQ2_XS, F::kIQ2_S},    {T::kIQ2_S, F::kIQ2_S},   {T::kIQ1_S, F::kIQ1_S},
      {T::kIQ1_M, F::kIQ1_M},     {T::kTQ1_0, F::kTernary}, {T::kTQ2_0, F::kTernary},
      {T::kQ2_0, F::kQ2_0},       {T::kQ1_0, F::kQ1_0},     {T::kF32, F::kF32},
      {T::kF16, F::kF16},         {T::kBF16, F::kBF16},
  };
  for (const auto& [from, to] : kFormats) {
    if (from == type) return to;
  }
  return F::kFileRows;
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

absl::StatusOr<PackedMatrix> PackedMatrix::Create(TensorType type, int64_t columns, int64_t rows,
                                                  Arena& arena) {
  absl::StatusOr<uint64_t> row_bytes = models::RowBytes(type, columns);
  if (!row_bytes.ok()) return row_bytes.status();
  PackedMatrix m;
  m.type_ = type;
  m.format_ = FormatOf(type);
  m.rows_ = rows;
  m.columns_ = columns;
  m.panels_ = RoundUp(m.rows_, 2 * kLanes) / kLanes;
  if (m.format_ == PackedFormat::kFileRows) {
    m.row_bytes_ = static_cast<int64_t>(*row_bytes);
    m.bytes_ = m.row_bytes_ * m.rows_;
  } else if (IsInt8(m.format_)) {
    const FormatLayout& layout = LayoutOf(m.format_);
    const int64_t blocks = BlocksOf(columns);
    m.scales_at_ = blocks * layout.quant_bytes();
    m.supers_at_ = m.scales_at_ + blocks / layout.scale_blocks * layout.scale_bytes();
    m.panel_bytes_ = RoundUp(m.supers_at_ + blocks / 8 * layout.super_bytes(), 64);
    m.bytes_ = m.panel_bytes_ * m.panels_;
  } else {
    m.panel_bytes_ = RoundUp(RoundUp(columns, 2) * kLanes * FloatBytes(m.format_), 64);
    m.bytes_ = m.panel_bytes_ * m.panels_;
  }
  absl::StatusOr<uint8_t*> data = arena.Allocate(m.bytes_);
  if (!data.ok()) return data.status();
  m.data_ = *data;
  return m;
}

absl::StatusOr<PackedMatrix> PackedMatrix::Pack(TensorType type, int64_t columns,
                                                std::span<const std::byte* const> rows,
                                                Arena& arena) {
  absl::StatusOr<PackedMatrix> matrix =
      Create(type, columns, static_cast<int64_t>(rows.size()), arena);
  if (matrix.ok()) matrix->PackPanels(rows, 0, matrix->panels());
  return matrix;
}

void PackedMatrix::PackPanels(std::span<const std::byte* const> rows, int64_t begin,
                              int64_t end) const {
  for (int64_t panel = begin; panel < end; ++panel) {
    if (IsInt8(format_)) {
      PackInt8Panel(rows, panel);
      continue;
    }
    for (int64_t r = panel * kLanes; r < std::min(rows_, (panel + 1) * kLanes); ++r) {
      if (format_ == PackedFormat::kFileRows) {
        std::memcpy(data_ + r * row_bytes_, rows[r], row_bytes_);
      } else {
        PackFloatRow(rows[r], r);
      }
    }
  }
}

void PackedMatrix::PackInt8Panel(std::span<const std::byte* const> rows, int64_t panel) const {
  uint8_t* data = data_ + panel * panel_bytes_;
  const int64_t first = panel * kLanes;
  const FileBlockReader read = FileBlockReaderOf(type_);
  RowBlock blocks[kLanes];  // rows beyond the last stay zero
  for (int64_t b = 0; b < BlocksOf(columns_); ++b) {
    for (int64_t lane = 0; lane < std::min(rows_ - first, kLanes); ++lane) {
      read(reinterpret_cast<const uint8_t*>(rows[first + lane]), b, &blocks[lane]);
    }
    StorePanelBlock(format_, blocks, data, data + scales_at_, data + supers_at_, b);
  }
}

void PackedMatrix::PackFloatRow(const std::byte* source, int64_t row) const {
  uint8_t* panel = data_ + row / kLanes * panel_bytes_;
  const int64_t size = FloatBytes(format_);
  for (int64_t k = 0; k < columns_; ++k) {
    std::memcpy(panel + FloatIndex(format_, k, row % kLanes) * size, source + k * size, size);
  }
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
