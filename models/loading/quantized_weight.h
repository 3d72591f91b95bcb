// Matrices of SafeTensors checkpoints that are quantised in one of Hugging Face's schemes.
//
// Such a checkpoint says in quantization_config how it keeps its matrices: codes in the tensor that
// has the matrix's name, scales in others beside it. A scheme finds them and gives back rows of a
// type that every backend multiplies with. Matrices that the scheme left alone are as they are.
#ifndef SKEP_MODELS_LOADING_QUANTIZED_WEIGHT_H_
#define SKEP_MODELS_LOADING_QUANTIZED_WEIGHT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "models/weights/config_view.h"
#include "models/weights/weight_source.h"

namespace skep::models {

// One matrix, read row by row. The source must outlive it.
class QuantizedWeight {
 public:
  virtual ~QuantizedWeight() = default;

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  // Of the rows that DecodeRow gives.
  TensorType type() const { return type_; }
  // The tensors that it is made of, beside the one with its name.
  const std::vector<const TensorInfo*>& companions() const { return companions_; }

  // Writes RowBytes(type(), columns()) bytes.
  virtual void DecodeRow(int64_t row, std::byte* out) const = 0;

 protected:
  QuantizedWeight(TensorType type, int64_t rows, int64_t columns,
                  std::vector<const TensorInfo*> companions)
      : type_(type), rows_(rows), columns_(columns), companions_(std::move(companions)) {}

 private:
  TensorType type_;
  int64_t rows_;
  int64_t columns_;
  std::vector<const TensorInfo*> companions_;
};

class QuantizationScheme {
 public:
  virtual ~QuantizationScheme() = default;
  // The matrix whose codes `tensor` holds; null if the scheme left it alone. Errors name what is
  // missing beside it, or what has the wrong shape.
  virtual absl::StatusOr<std::unique_ptr<QuantizedWeight>> Open(const WeightSource& source,
                                                                const TensorInfo& tensor) const = 0;
};

// The scheme that quantization_config names; null where there is none, as in GGUF.
// Unimplemented, naming it, for those that cannot be read:
//   fp8 with weight_block_size [m, n]   E4M3 codes, "<name>_scale_inv" [rows / m, columns / n] that
//                                       multiplies blocks of m x n; rows of BF16
absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadQuantizationScheme(const ConfigView& view);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_QUANTIZED_WEIGHT_H_
