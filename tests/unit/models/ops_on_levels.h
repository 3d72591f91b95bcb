// The CPU's operations at every level that this processor runs, and matrices for them.
#ifndef SKEP_TESTS_UNIT_MODELS_OPS_ON_LEVELS_H_
#define SKEP_TESTS_UNIT_MODELS_OPS_ON_LEVELS_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "models/ops/cpu/cpu_ops_impl.h"
#include "models/weights/dequantize.h"

namespace skep::models {

using Row = std::vector<double>;

// A matrix as a file holds it, and its exact values.
class Matrix {
 public:
  Matrix(TensorType type, int64_t rows, int64_t columns, std::mt19937& random)
      : type_(type), columns_(columns) {
    const uint64_t row_bytes = *RowBytes(type, columns);
    std::normal_distribution<float> normal(0.0f, 1.0f / std::sqrt(static_cast<float>(columns)));
    bytes_.resize(rows * row_bytes);
    for (int64_t r = 0; r < rows; ++r) {
      std::byte* row = bytes_.data() + r * row_bytes;
      for (int64_t i = 0; type == TensorType::kF32 && i < columns; ++i) {
        const float value = normal(random);
        std::memcpy(row + i * sizeof(value), &value, sizeof(value));
      }
      for (int64_t block = 0; type == TensorType::kQ8_0 && block < columns / 32; ++block) {
        const uint16_t scale = 0x1000 + random() % 64;  // about 2^-11
        std::memcpy(row + block * 34, &scale, 2);
        for (int64_t i = 2; i < 34; ++i) row[block * 34 + i] = static_cast<std::byte>(random());
      }
      rows_.push_back(row);
      std::vector<float> values(columns);
      EXPECT_TRUE(DequantizeRow(type, row, columns, values.data()).ok());
      values_.emplace_back(values.begin(), values.end());
    }
  }

  LinearWeights Prepare(Ops& ops) const {
    auto matrix =
        ops.PrepareMatrix({"test", type_, static_cast<int64_t>(rows_.size()), columns_, rows_});
    EXPECT_TRUE(matrix.ok()) << matrix.status();
    return {*std::move(matrix), {}};
  }

  Row Multiply(const double* x) const {
    Row y;
    for (const Row& row : values_) {
      double sum = 0;
      for (int64_t i = 0; i < columns_; ++i) sum += row[i] * x[i];
      y.push_back(sum);
    }
    return y;
  }
  double at(int64_t row, int64_t column) const { return values_[row][column]; }

 private:
  TensorType type_;
  int64_t columns_;
  std::vector<std::byte> bytes_;
  std::vector<const std::byte*> rows_;
  std::vector<Row> values_;
};

inline std::vector<std::unique_ptr<Ops>> CpuLevels() {
  std::vector<std::unique_ptr<Ops>> all;
  for (cpu::CpuLevel level :
       {cpu::CpuLevel::kPortable, cpu::CpuLevel::kAvx2, cpu::CpuLevel::kAvx512}) {
    if (level > cpu::DetectCpuLevel()) continue;
    all.push_back(
        std::make_unique<CpuOps>(cpu::KernelsFor(level), /*threads=*/2, cpu::KvType::kF32));
  }
  return all;
}

}  // namespace skep::models

#endif  // SKEP_TESTS_UNIT_MODELS_OPS_ON_LEVELS_H_
