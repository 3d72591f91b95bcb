// Packing and its inverse, against the reference decoders.
#include "models/ops/cpu/packed_matrix.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "test_data.h"

namespace skep::cpu {
namespace {

TEST(PackedMatrixTest, RowsDecodeToTheReferenceDecodersBits) {
  for (TensorType type : AllTypes()) {
    for (Fill fill : {Fill::kRandom, Fill::kAllZeroBits, Fill::kAllOneBits}) {
      for (int64_t columns : ColumnsFor(type)) {
        const Case c(type, /*rows=*/19, columns, fill);
        std::vector<float> row(columns);
        for (int64_t r = 0; r < c.file.rows; ++r) {
          c.packed.DecodeRow(r, row.data());
          for (int64_t k = 0; k < columns; ++k) {
            ASSERT_EQ(__builtin_bit_cast(uint32_t, row[k] + 0.0f),
                      __builtin_bit_cast(uint32_t, c.weights[r * columns + k] + 0.0f))
                << models::TypeName(type) << " row " << r << " element " << k;
          }
        }
      }
    }
  }
}

// Bits a weight of the types that grow because each element gets a code of its own.
double ExpandedBits(TensorType type) {
  switch (type) {
    case TensorType::kIQ3_XXS:
    case TensorType::kIQ3_S:
      return 4 + 8.0 / 32 + 16.0 / 256;
    case TensorType::kIQ2_XS:
    case TensorType::kIQ2_S:
    case TensorType::kIQ1_M:
      return 3 + 8.0 / 16 + 16.0 / 256;
    case TensorType::kIQ2_XXS:
    case TensorType::kIQ1_S:
      return 3 + 8.0 / 32 + 16.0 / 256;
    case TensorType::kTQ1_0:
      return 2 + 16.0 / 256;
    default:
      return 0;
  }
}

TEST(PackedMatrixTest, KeepsAboutTheFilesSize) {
  for (TensorType type : kInt8Types) {
    const Case c(type, /*rows=*/64, /*columns=*/2048);
    const double file = 1.04 * static_cast<double>(c.file.bytes.size());
    EXPECT_LE(c.packed.bytes(), std::max(file, ExpandedBits(type) / 8 * 64 * 2048))
        << models::TypeName(type);
  }
}

TEST(PackedMatrixTest, PanelsMayBePackedInAnyOrder) {
  for (TensorType type : AllTypes()) {
    const int64_t columns = ColumnsFor(type).back();
    const Case whole(type, /*rows=*/70, columns);
    Arena arena;
    const absl::StatusOr<PackedMatrix> parts = PackedMatrix::Create(type, columns, 70, arena);
    ASSERT_TRUE(parts.ok());
    for (int64_t panel = parts->panels() - 1; panel >= 0; --panel) {
      parts->PackPanels(whole.file.pointers, panel, panel + 1);
    }
    std::vector<float> expected(columns);
    std::vector<float> actual(columns);
    for (int64_t r = 0; r < 70; ++r) {
      whole.packed.DecodeRow(r, expected.data());
      parts->DecodeRow(r, actual.data());
      ASSERT_EQ(expected, actual) << models::TypeName(type) << " row " << r;
    }
  }
}

TEST(PackedMatrixTest, TheLargestExponentsDecodeExactlyAndMultiplyToNumbers) {
  FileMatrix file(TensorType::kMXFP4, /*r=*/32, /*c=*/64, Fill::kRandom, /*seed=*/1);
  for (size_t at = 0; at < file.bytes.size(); at += 17) file.bytes[at] = std::byte{255};
  Arena arena;
  const PackedMatrix packed =
      *PackedMatrix::Pack(TensorType::kMXFP4, file.columns, file.pointers, arena);
  const std::vector<float> weights = file.Decoded();
  std::vector<float> row(file.columns);
  for (int64_t r = 0; r < file.rows; ++r) {
    packed.DecodeRow(r, row.data());
    for (int64_t k = 0; k < file.columns; ++k) EXPECT_EQ(row[k], weights[r * file.columns + k]);
  }
  const std::vector<float> x = RandomActivations(3, file.columns, 3);
  for (CpuLevel level : LevelsHere()) {
    for (float y : Multiply(KernelsFor(level), packed, x.data(), 3)) EXPECT_FALSE(std::isnan(y));
  }
}

TEST(PackedMatrixTest, RejectsColumnsThatAreNoWholeBlocks) {
  Arena arena;
  const std::vector<const std::byte*> none;
  EXPECT_EQ(PackedMatrix::Pack(TensorType::kQ4_K, 576, none, arena).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skep::cpu
