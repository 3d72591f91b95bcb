// What holds for the tensors of every file that loads.
#ifndef SKEP_TESTS_FUZZ_TENSOR_CHECKS_H_
#define SKEP_TESTS_FUZZ_TENSOR_CHECKS_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "models/weights/dequantize.h"
#include "models/weights/weight_source.h"
#include "tests/fuzz/require.h"

namespace skep::fuzz {

// Decodes all rows, so that every byte is read.
inline void ReadTensor(const models::TensorInfo& tensor) {
  const int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  const auto row_bytes = models::RowBytes(tensor.type, columns);
  Require(row_bytes.ok(), "a tensor that loads has whole rows");
  if (*row_bytes == 0) return;
  std::vector<float> row(static_cast<size_t>(columns));
  for (uint64_t at = 0; at < tensor.bytes; at += *row_bytes) {
    Require(models::DequantizeRow(tensor.type, tensor.data + at, columns, row.data()).ok(),
            "a row of a tensor that loads can be decoded");
  }
}

// Inside `file`, of the size that shape and type say, apart from each other.
inline void CheckTensors(absl::Span<const models::TensorInfo> tensors,
                         absl::Span<const std::byte> file) {
  std::vector<absl::Span<const std::byte>> ranges;
  for (const models::TensorInfo& tensor : tensors) {
    const auto bytes = models::BytesFor(tensor.type, tensor.shape);
    Require(bytes.ok() && *bytes == tensor.bytes, "a tensor has as many bytes as its shape needs");
    if (tensor.bytes == 0) continue;
    const std::byte* end = file.data() + file.size();
    Require(tensor.data >= file.data() && tensor.data <= end &&
                tensor.bytes <= static_cast<uint64_t>(end - tensor.data),
            "a tensor lies in the file");
    ranges.emplace_back(tensor.data, tensor.bytes);
    ReadTensor(tensor);
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.data() < b.data(); });
  for (size_t i = 1; i < ranges.size(); ++i) {
    Require(ranges[i - 1].data() + ranges[i - 1].size() <= ranges[i].data(),
            "no byte belongs to two tensors");
  }
}

inline void CheckTensors(const models::WeightSource& source, absl::Span<const std::byte> file) {
  CheckTensors(source.tensors(), file);
  for (const models::TensorInfo& tensor : source.tensors()) {
    Require(source.Find(tensor.name) == &tensor, "a tensor is found by its name");
  }
}

}  // namespace skep::fuzz

#endif  // SKEP_TESTS_FUZZ_TENSOR_CHECKS_H_
