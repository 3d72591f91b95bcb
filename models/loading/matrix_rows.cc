#include "models/loading/matrix_rows.h"

#include <cstring>

#include "models/weights/dequantize.h"

namespace skep::models {
namespace {

// Of elements that stand alone.
MatrixRows TransposeElements(const MatrixRows& matrix, size_t element_bytes) {
  const int64_t rows = static_cast<int64_t>(matrix.data.size());
  std::vector<std::byte> out(matrix.columns * rows * element_bytes);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < matrix.columns; ++c) {
      std::memcpy(out.data() + (c * rows + r) * element_bytes, matrix.data[r] + c * element_bytes,
                  element_bytes);
    }
  }
  MatrixRows result = RowsOf(matrix.type, rows, out.data(), matrix.columns);
  result.owned = std::move(out);  // keeps its place in memory
  return result;
}

}  // namespace

MatrixRows RowsOf(TensorType type, int64_t columns, const std::byte* data, int64_t rows) {
  MatrixRows result{type, columns, std::vector<const std::byte*>(rows), {}};
  const uint64_t row_bytes = *RowBytes(type, columns);
  for (int64_t i = 0; i < rows; ++i) result.data[i] = data + i * row_bytes;
  return result;
}

MatrixRows Transpose(const MatrixRows& matrix) {
  const TypeTraits& traits = Traits(matrix.type);
  if (traits.block_elements == 1) return TransposeElements(matrix, traits.block_bytes);
  const int64_t rows = static_cast<int64_t>(matrix.data.size());
  std::vector<float> values(rows * matrix.columns);
  for (int64_t r = 0; r < rows; ++r) {
    // Whole blocks: it cannot fail.
    DequantizeRow(matrix.type, matrix.data[r], matrix.columns, values.data() + r * matrix.columns)
        .IgnoreError();
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
  return TransposeElements(RowsOf(TensorType::kF32, matrix.columns, bytes, rows), sizeof(float));
}

}  // namespace skep::models
