// Weight rows and activations for the kernel tests, and what they should multiply to.
#ifndef SKEP_TESTS_UNIT_OPS_CPU_TEST_DATA_H_
#define SKEP_TESTS_UNIT_OPS_CPU_TEST_DATA_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "models/ops/cpu/activation_block.h"
#include "models/ops/cpu/half.h"
#include "models/ops/cpu/kernels.h"
#include "models/ops/cpu/packed_matrix.h"
#include "models/weights/dequantize.h"

namespace skep::cpu {

using models::TensorType;

inline std::vector<CpuLevel> LevelsHere() {
  std::vector<CpuLevel> levels;
  for (CpuLevel level : {CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512}) {
    if (level <= DetectCpuLevel()) levels.push_back(level);
  }
  return levels;
}

// Where the float16 fields of a type's block are, so that random bytes stay finite numbers.
inline std::vector<int64_t> HalfFields(TensorType type) {
  switch (type) {
    case TensorType::kQ4_0:
    case TensorType::kQ5_0:
    case TensorType::kQ8_0:
    case TensorType::kQ8_1:
    case TensorType::kIQ4_NL:
    case TensorType::kIQ4_XS:
    case TensorType::kIQ3_XXS:
    case TensorType::kIQ3_S:
    case TensorType::kIQ2_XXS:
    case TensorType::kIQ2_XS:
    case TensorType::kIQ2_S:
    case TensorType::kIQ1_S:
    case TensorType::kQ2_0:
    case TensorType::kQ1_0:
    case TensorType::kF16:
      return {0};
    case TensorType::kQ4_1:
    case TensorType::kQ5_1:
    case TensorType::kQ4_K:
    case TensorType::kQ5_K:
      return {0, 2};
    case TensorType::kQ2_K:
      return {80, 82};
    case TensorType::kQ3_K:
      return {108};
    case TensorType::kQ6_K:
      return {208};
    case TensorType::kTQ1_0:
      return {52};
    case TensorType::kTQ2_0:
      return {64};
    default:
      return {};
  }
}

// The float16 of IQ1_M lies in the top nibbles of four 16-bit words.
inline void SetIq1MScale(std::byte* block, uint16_t half) {
  for (int i = 0; i < 4; ++i) {
    const int high = (half >> (4 * i)) & 15;
    std::byte& byte = block[48 + 2 * i + 1];
    byte = (byte & std::byte{15}) | static_cast<std::byte>(high << 4);
  }
}

enum class Fill { kRandom, kAllZeroBits, kAllOneBits };

// The rows of a matrix as a file holds them.
struct FileMatrix {
  TensorType type;
  int64_t rows;
  int64_t columns;
  int64_t row_bytes;
  std::vector<std::byte> bytes;
  std::vector<const std::byte*> pointers;

  FileMatrix(TensorType t, int64_t r, int64_t c, Fill fill, uint32_t seed)
      : type(t), rows(r), columns(c), row_bytes(static_cast<int64_t>(*models::RowBytes(t, c))) {
    bytes.resize(rows * row_bytes);
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    if (type == TensorType::kF32 || type == TensorType::kBF16) {
      const int64_t size = type == TensorType::kF32 ? 4 : 2;
      for (int64_t i = 0; i < rows * columns; ++i) {
        const float value = normal(random);
        const uint16_t half = FloatToBfloat16(value);
        std::memcpy(bytes.data() + i * size, size == 4 ? static_cast<const void*>(&value) : &half,
                    size);
      }
    } else {
      for (std::byte& b : bytes) {
        b = fill == Fill::kRandom ? static_cast<std::byte>(random())
                                  : static_cast<std::byte>(fill == Fill::kAllOneBits ? 255 : 0);
      }
    }
    const int64_t block = models::Traits(type).block_bytes;
    const auto scale = [&] {
      // Ordinary scales, with zeros, subnormals and both signs among them.
      float value = normal(random) * 0.02f;
      if (random() % 16 == 0) value = 0.0f;
      if (random() % 16 == 0) value = 0x1p-20f;
      if (fill != Fill::kRandom && random() % 2 == 0) value = random() % 2 ? 900.0f : -900.0f;
      return FloatToHalf(value);
    };
    for (int64_t at = 0; at < static_cast<int64_t>(bytes.size()); at += block) {
      for (int64_t field : HalfFields(type)) {
        const uint16_t half = scale();
        std::memcpy(bytes.data() + at + field, &half, 2);
      }
      if (type == TensorType::kIQ1_M) SetIq1MScale(bytes.data() + at, scale());
      if (type == TensorType::kMXFP4) {
        // An exponent: 2^-20 to 2^10, and the subnormal numbers of e = 0 and 1.
        bytes[at] = static_cast<std::byte>(random() % 16 == 0 ? random() % 2 : 107 + random() % 30);
      }
    }
    for (int64_t i = 0; i < rows; ++i) pointers.push_back(bytes.data() + i * row_bytes);
  }

  // The reference decoder's weights, [rows, columns].
  std::vector<float> Decoded() const {
    std::vector<float> out(rows * columns);
    for (int64_t r = 0; r < rows; ++r) {
      EXPECT_TRUE(models::DequantizeRow(type, pointers[r], columns, out.data() + r * columns).ok());
    }
    return out;
  }
};

// Rows of activations: normal, with outliers and whole blocks of zeros.
inline std::vector<float> RandomActivations(int64_t rows, int64_t columns, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(rows * columns);
  for (int64_t i = 0; i < rows * columns; ++i) {
    x[i] = normal(random);
    if (random() % 97 == 0) x[i] *= 40.0f;
    if ((i / 32) % 11 == 5) x[i] = 0.0f;
  }
  return x;
}

struct AlignedBlocks {
  std::vector<ActivationBlock> storage;
  explicit AlignedBlocks(int64_t rows, int64_t columns)
      : storage(ActivationBlocks(rows, columns)) {}
  ActivationBlock* data() { return storage.data(); }
};

inline void QuantiseRows(const Kernels& kernels, const float* x, int64_t rows, int64_t columns,
                         ActivationBlock* blocks) {
  for (int64_t r = 0; r < rows; ++r) {
    kernels.quantise(x + r * columns, columns, blocks + ActivationIndex(r, 0, BlocksOf(columns)));
  }
}

// Every block type that files may have.
inline const std::vector<TensorType> kInt8Types = {
    TensorType::kQ4_0,   TensorType::kQ4_1,    TensorType::kQ5_0,   TensorType::kQ5_1,
    TensorType::kQ8_0,   TensorType::kQ8_1,    TensorType::kQ2_K,   TensorType::kQ3_K,
    TensorType::kQ4_K,   TensorType::kQ5_K,    TensorType::kQ6_K,   TensorType::kIQ4_NL,
    TensorType::kIQ4_XS, TensorType::kMXFP4,   TensorType::kNVFP4,  TensorType::kIQ3_XXS,
    TensorType::kIQ3_S,  TensorType::kIQ2_XXS, TensorType::kIQ2_XS, TensorType::kIQ2_S,
    TensorType::kIQ1_S,  TensorType::kIQ1_M,   TensorType::kTQ1_0,  TensorType::kTQ2_0,
    TensorType::kQ2_0,   TensorType::kQ1_0};
inline const std::vector<TensorType> kOtherTypes = {TensorType::kF32, TensorType::kF16,
                                                    TensorType::kBF16, TensorType::kI8};

inline std::vector<TensorType> AllTypes() {
  std::vector<TensorType> all = kInt8Types;
  all.insert(all.end(), kOtherTypes.begin(), kOtherTypes.end());
  return all;
}

struct Case {
  FileMatrix file;
  Arena arena;
  PackedMatrix packed;
  std::vector<float> weights;

  Case(TensorType type, int64_t rows, int64_t columns, Fill fill = Fill::kRandom, uint32_t seed = 1)
      : file(type, rows, columns, fill, seed), weights(file.Decoded()) {
    absl::StatusOr<PackedMatrix> result = PackedMatrix::Pack(type, columns, file.pointers, arena);
    EXPECT_TRUE(result.ok()) << result.status();
    packed = *result;
  }
};

// y = W x by a level's kernel. `parts`: into how many calls the units are cut.
inline std::vector<float> Multiply(const Kernels& kernels, const PackedMatrix& matrix,
                                   const float* x, int64_t rows, int64_t parts, bool spare_pipes) {
  AlignedBlocks blocks(rows, matrix.columns());
  QuantiseRows(kernels, x, rows, matrix.columns(), blocks.data());
  std::vector<float> y(rows * matrix.rows(), -1.0f);
  std::vector<ActivationBlock> workspace(GemmWorkspaceBytes(matrix) / 64 + 1);
  GemmJob job;
  job.matrix = &matrix;
  job.blocks = blocks.data();
  job.values = x;
  job.values_stride = matrix.columns();
  job.rows = rows;
  job.spare_pipes = spare_pipes;
  job.out = y.data();
  job.out_stride = matrix.rows();
  const int64_t units = UnitsOf(matrix);
  for (int64_t p = 0; p < parts; ++p) {
    kernels.gemm(job, units * p / parts, units * (p + 1) / parts,
                 reinterpret_cast<uint8_t*>(workspace.data()));
  }
  return y;
}

inline std::vector<float> Multiply(const Kernels& kernels, const PackedMatrix& matrix,
                                   const float* x, int64_t rows, int64_t parts = 1) {
  return Multiply(kernels, matrix, x, rows, parts, /*spare_pipes=*/false);
}

// Row lengths to try: one block and several, with and without whole tiles of 256.
inline std::vector<int64_t> ColumnsFor(TensorType type) {
  const int64_t block = models::Traits(type).block_elements;
  if (block == 256) return {256, 768};
  if (block == 1) return {1, 31, 100};
  if (block == 128) return {128, 384};
  if (block == 64) return {64, 192, 576};
  return {32, 96, 576};
}

}  // namespace skep::cpu

#endif  // SKEP_TESTS_UNIT_OPS_CPU_TEST_DATA_H_
