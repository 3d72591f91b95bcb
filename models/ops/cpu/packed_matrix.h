// Weight matrices in the layout that the kernels stream.
//
// Sixteen rows (a *panel*) are interleaved so that one 64-byte vector holds 16 rows x 4 inputs: the
// shape of an int8 dot-product instruction with the activations broadcast. Quantised weights keep
// their bits, scales and size. A panel is [quants of all blocks][scales][super scales]:
//
//   nibbles   256 bytes a 32-block: vector v, row r, byte b holds input 4v + b in its low and input
//             16 + 4v + b in its high half; so "step" s < 4 (low) or s - 4 (high) is one vector.
//   fifth bit one more vector: bit s of byte b of row r belongs to step s.
//   bits 4, 5 (Q6_K) two more vectors: bits 2j, 2j + 1 of vector h belong to step 4h + j.
//   bytes     (Q8_0) 8 vectors, one a step, stored + 128.
//   scales    per block and row: f16 d [, f16 m], or u8 scale + u8 min, or two i8 scales (Q6_K).
//   super     per 256 inputs and row (K types): f16 d [, f16 dmin].
//   floats    (F32, F16) input k of the 16 rows is one vector.
//   bfloats   (BF16) inputs k and k + 1 (k even) of the 16 rows are one vector of pairs.
//
// Panels come in pairs: rows are padded with zeros to a multiple of 32.
#ifndef SKEP_MODELS_OPS_CPU_PACKED_MATRIX_H_
#define SKEP_MODELS_OPS_CPU_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "models/ops/cpu/arena.h"
#include "models/weights/tensor_type.h"

namespace skep::cpu {

using models::TensorType;

enum class PackedFormat : uint8_t {
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kF32,
  kF16,
  kBF16,
  kFileRows,  // any other type: rows as in the file, decoded a panel at a time
};
inline constexpr int kNumInt8Formats = 8;

inline bool IsInt8(PackedFormat format) { return static_cast<int>(format) < kNumInt8Formats; }

// Where a panel's parts begin.
struct PanelView {
  const uint8_t* quants = nullptr;
  const uint8_t* scales = nullptr;
  const uint8_t* supers = nullptr;
};

class PackedMatrix final {
 public:
  PackedMatrix() = default;

  // Packs `rows` rows of `columns` elements of `type`. The arena must outlive the matrix.
  // InvalidArgument when `columns` is not a whole number of blocks.
  static absl::StatusOr<PackedMatrix> Pack(TensorType type, int64_t columns,
                                           std::span<const std::byte* const> rows, Arena& arena);

  TensorType type() const { return type_; }
  PackedFormat format() const { return format_; }
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t panels() const { return panels_; }  // even
  int64_t bytes() const { return bytes_; }

  PanelView Panel(int64_t panel) const {
    const uint8_t* base = data_ + panel * panel_bytes_;
    return {base, base + scales_at_, base + supers_at_};
  }

  // One row as floats, equal to models::DequantizeRow of the row that was packed.
  void DecodeRow(int64_t row, float* out) const;

  // kFileRows: the panel as [columns][16] floats. `scratch`: `columns` floats.
  void DecodePanel(int64_t panel, float* out, float* scratch) const;

 private:
  TensorType type_ = TensorType::kF32;
  PackedFormat format_ = PackedFormat::kF32;
  int64_t rows_ = 0;
  int64_t columns_ = 0;
  int64_t panels_ = 0;
  int64_t bytes_ = 0;
  int64_t panel_bytes_ = 0;
  int64_t scales_at_ = 0;
  int64_t supers_at_ = 0;
  int64_t row_bytes_ = 0;  // kFileRows
  uint8_t* data_ = nullptr;
};

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_PACKED_MATRIX_H_
