// Weight matrices in the layout that the kernels stream.
//
// Sixteen rows (a *panel*) are interleaved so that one 64-byte vector holds 16 rows x 4 inputs: the
// shape of an int8 dot-product instruction with the activations broadcast. Quantised weights keep
// their bits, scales and size, but for the codebook types. A panel is [quants of all
// blocks][scales] [super scales]:
//
//   quants    codes of n bits, n vectors a 32-block. A "step" is four inputs of the 16 rows, 4s ..
//             4s + 3: byte b of row r is input 4s + b. With n a power of two the block is one plane
//             of n bits: step s is field s / n (of 8 / n) of vector s % n. Otherwise (3, 5, 6) the
//             low bits are a plane of 2 or 4 bits and the rest is another behind it.
//   scales    per block (Q2_0, Q1_0, ternary: per 2, 4, 8 blocks) and row f16 d [, f16 m], or
//   bytes:
//             one or two scales, a scale and a minimum (Q4_K, Q5_K), an exponent (MXFP4).
//   super     per 256 inputs and row (K and IQ types but IQ4_NL): f16 d [, f16 dmin].
//
// IQ1 to IQ3 types look up groups of elements in codebooks, and would do so for each step of a
// model. Packed, every element has a code of its own, 3 or 4 bits, into a table of its possible
// values: 2.1 to 3.4 bits a weight become 3.3 to 4.3, and the product is as fast as the others.
//
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
  kQ8_0,  // and Q8_1
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
  kMXFP4,
  kNVFP4,
  kIQ3_XXS,
  kIQ3_S,
  kIQ2_XXS,
  kIQ2_S,  // and IQ2_XS
  kIQ1_S,
  kIQ1_M,
  kTernary,  // TQ1_0, TQ2_0
  kQ2_0,
  kQ1_0,
  kF32,
  kF16,
  kBF16,
  kFileRows,  // any other type: rows as in the file, decoded a panel at a time
};
inline constexpr int kNumInt8Formats = 23;

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

  // Packs rows of `columns` elements of `type`. The arena must outlive the matrix.
  // InvalidArgument when `columns` is not a whole number of blocks.
  static absl::StatusOr<PackedMatrix> Pack(TensorType type, int64_t columns,
                                           std::span<const std::byte* const> rows, Arena& arena);

  // The same in two parts. Panels may be packed by several threads, each panel once; panel p reads
  // rows 16 p .. 16 p + 15 only, so that a caller can release the rows that are done.
  static absl::StatusOr<PackedMatrix> Create(TensorType type, int64_t columns, int64_t rows,
                                             Arena& arena);
  void PackPanels(std::span<const std::byte* const> rows, int64_t begin, int64_t end) const;

  TensorType type() const { return type_; }
  PackedFormat format() const { return format_; }
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t panels() const { return panels_; }  // even
  int64_t bytes() const { return bytes_; }

  // The matrix stands for its values times this. Products are multiplied by it once.
  float factor() const { return factor_; }
  void set_factor(float factor) { factor_ = factor; }

  // BF16 only: activations are rounded to bfloat16 too, for dot products of pairs (see
  // FastBfloatDots). Else they are multiplied in float32.
  bool rounds_inputs() const { return rounds_inputs_; }
  void set_rounds_inputs(bool rounds) { rounds_inputs_ = rounds && format_ == PackedFormat::kBF16; }

  int64_t panel_bytes() const { return panel_bytes_; }  // from panel to panel
  PanelView Panel(int64_t panel) const {
    const uint8_t* base = data_ + panel * panel_bytes_;
    return {base, base + scales_at_, base + supers_at_};
  }

  // One row as floats, equal to models::DequantizeRow of the row that was packed, without factor().
  void DecodeRow(int64_t row, float* out) const;

  // kFileRows: the panel as [columns][16] floats. `scratch`: `columns` floats.
  void DecodePanel(int64_t panel, float* out, float* scratch) const;

 private:
  void PackInt8Panel(std::span<const std::byte* const> rows, int64_t panel) const;
  void PackFloatRow(const std::byte* source, int64_t row) const;

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
  float factor_ = 1.0f;
  bool rounds_inputs_ = false;
  uint8_t* data_ = nullptr;
};

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_PACKED_MATRIX_H_
