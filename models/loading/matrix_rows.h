// Rows of a matrix on their way from a file to a device.
#ifndef SKEP_MODELS_LOADING_MATRIX_ROWS_H_
#define SKEP_MODELS_LOADING_MATRIX_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/weights/tensor_type.h"

namespace skep::models {

struct MatrixRows {
  TensorType type;
  int64_t columns = 0;
  std::vector<const std::byte*> data;
  std::vector<std::byte> owned;  // what `data` points into where it is not the file
};

// `rows` rows of whole blocks that lie one after another.
MatrixRows RowsOf(TensorType type, int64_t columns, const std::byte* data, int64_t rows);

// The transposed matrix. Types with blocks of several elements, which lie along the rows, become
// float32; the values stay exact.
MatrixRows Transpose(const MatrixRows& matrix);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_MATRIX_ROWS_H_
