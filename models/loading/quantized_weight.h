// Matrices of SafeTensors checkpoints that are quantised in one of Hugging Face's schemes.
//
// Such a checkpoint says in quantization_config how it keeps its matrices: codes in one tensor,
// scales in others beside it. A scheme finds them and gives back rows of a type that every backend
// multiplies with:
//
//   4-bit and 8-bit integers  blocks of Q4_0, Q5_0 or Q8_0 (grouped_codes.h)
//   FP4                       blocks of MXFP4 or NVFP4 (fp4.h)
//   FP8                       BF16 (fp8.h)
//
// The tensors decide matrix by matrix: what a scheme left alone (modules_to_not_convert, ignore) is
// there under its plain name and read as it is. Activations are quantised as the backend likes,
// whatever the checkpoint was calibrated for: its scales of activations and of cached keys and
// values are not used.
#ifndef SKEP_MODELS_LOADING_QUANTIZED_WEIGHT_H_
#define SKEP_MODELS_LOADING_QUANTIZED_WEIGHT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/weights/config_view.h"
#include "models/weights/weight_source.h"

namespace skep::models {

// Calls body(begin, end) for ranges that make up [0, count), perhaps from several threads at once.
using ForRanges =
    std::function<void(int64_t count, const std::function<void(int64_t, int64_t)>& body)>;
// All of them in one, on the calling thread.
inline void InOneRange(int64_t count, const std::function<void(int64_t, int64_t)>& body) {
  body(0, count);
}

// One matrix, or several of the same shape, read row by row. The source must outlive it.
class QuantizedWeight {
 public:
  virtual ~QuantizedWeight() = default;

  // [rows, columns], or [experts, rows, columns]; columns are whole blocks of type().
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t columns() const { return shape_.back(); }
  // Of the rows that DecodeRow gives.
  TensorType type() const { return type_; }
  // What the matrix counts as where types of a model are listed.
  virtual TensorType listed_type() const { return type_; }
  // All of its values are to be multiplied by this.
  virtual float factor() const { return 1.0f; }
  // The tensors that it is made of, beside the codes.
  const std::vector<const TensorInfo*>& companions() const { return companions_; }

  // What is worth doing once for all rows: to be called before the first of them is decoded.
  virtual void Arrange(const ForRanges& /*for_ranges*/) {}
  // Writes RowBytes(type(), columns()) bytes. Rows of all matrices are counted in one. Safe from
  // several threads at once.
  virtual void DecodeRow(int64_t row, std::byte* out) const = 0;

 protected:
  QuantizedWeight(TensorType type, std::vector<int64_t> shape,
                  std::vector<const TensorInfo*> companions)
      : type_(type), shape_(std::move(shape)), companions_(std::move(companions)) {}

 private:
  TensorType type_;
  std::vector<int64_t> shape_;
  std::vector<const TensorInfo*> companions_;
};

class QuantizationScheme {
 public:
  virtual ~QuantizationScheme() = default;
  // What the names of codes end with where plain matrices' end with ".weight".
  virtual std::string_view codes_suffix() const { return ".weight"; }
  // The matrix whose codes `tensor` holds; null if the scheme left it alone. Errors name what is
  // missing beside it, or what has the wrong shape or type.
  virtual absl::StatusOr<std::unique_ptr<QuantizedWeight>> Open(const WeightSource& source,
                                                                const TensorInfo& tensor) const = 0;
  // What it is called where a model is described: "gptq 4-bit".
  virtual std::string name() const = 0;
  // How many values `tensor` stands for: those of a matrix whose codes it holds; 0 where it lies
  // beside codes, as scales do. None: the scheme left it alone. By headers alone.
  virtual std::optional<int64_t> CodedValues(const WeightSource& source,
                                             const TensorInfo& tensor) const = 0;
  // Whether nothing is lost if no layer asks for this tensor: scales of what is not quantised here.
  virtual bool Ignores(const WeightSource& source, const TensorInfo& tensor) const;
};

// The scheme that quantization_config names; null where there is none, as in GGUF.
// Unimplemented, naming it and what can be read, for all but
//   fp8, fbgemm_fp8, quark, modelopt (FP8)   fp8.h
//   modelopt (NVFP4)                         fp4.h
//   gptq, awq                                packed_int32.h
//   compressed-tensors                       compressed_tensors.h
absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadQuantizationScheme(const ConfigView& view);

// --- for schemes ---------------------------------------------------------------------------------

// The tensor that has the name of `tensor` with `from` at its end in place of `to`; null if there
// is none.
const TensorInfo* FindBeside(const WeightSource& source, const TensorInfo& tensor,
                             std::string_view from, std::string_view to);
// The same; InvalidArgument, saying that it is missing.
absl::StatusOr<const TensorInfo*> RequireBeside(const WeightSource& source,
                                                const TensorInfo& tensor, std::string_view from,
                                                std::string_view to);

// "tensor 'name': I32 [1, 2]: what is right".
absl::Status WrongTensor(const TensorInfo& tensor, std::string_view right);
absl::Status CheckTensor(const TensorInfo& tensor, TensorType type,
                         const std::vector<int64_t>& shape);
// All values of a tensor of F32, F16, BF16 or F8_E8M0 with finite values. InvalidArgument for
// others.
absl::StatusOr<std::vector<float>> ReadScales(const TensorInfo& tensor);
// Whether there is a tensor that has the name of `tensor` with `codes` in place of one of
// `suffixes`.
bool LiesBeside(const WeightSource& source, const TensorInfo& tensor,
                std::initializer_list<std::string_view> suffixes, std::string_view codes);
// F32, F16, BF16 and F64: what a matrix may be that a scheme left alone.
bool IsPlainFloat(TensorType type);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_QUANTIZED_WEIGHT_H_
