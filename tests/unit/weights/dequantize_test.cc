// Every type against gguf.quants (tests/golden/dequantize.py), bit for bit.

#include "models/weights/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "models/weights/model_files.h"
#include "tests/golden/golden_path.h"

namespace skep::models {
namespace {

std::string Golden(std::string_view type, const char* suffix) {
  const std::string path = GoldenPath("dequantize/") + std::string(type) + suffix;
  absl::StatusOr<std::string> text = ReadSmallFile(path, /*max_bytes=*/64u << 20);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

class DequantizeTest : public testing::TestWithParam<TypeTraits> {};

// Equal bits, except that a NaN is as good as another.
testing::AssertionResult Same(float actual, float expected) {
  if (std::isnan(actual) && std::isnan(expected)) return testing::AssertionSuccess();
  if (std::bit_cast<uint32_t>(actual) == std::bit_cast<uint32_t>(expected)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << actual << " instead of " << expected;
}

TEST_P(DequantizeTest, EqualsReference) {
  const TypeTraits& traits = GetParam();
  const std::string blocks = Golden(traits.name, ".blocks");
  const std::string values = Golden(traits.name, ".f32");
  ASSERT_FALSE(blocks.empty());
  ASSERT_EQ(blocks.size() % static_cast<size_t>(traits.block_bytes), 0u);
  const int64_t columns =
      static_cast<int64_t>(blocks.size()) / traits.block_bytes * traits.block_elements;
  ASSERT_EQ(values.size(), static_cast<size_t>(columns) * sizeof(float));
  std::vector<float> expected(static_cast<size_t>(columns));
  std::memcpy(expected.data(), values.data(), values.size());

  // One byte off, since rows need no alignment.
  const std::string shifted = "x" + blocks;
  std::vector<float> actual(expected.size() + 1, 12345.0f);
  ASSERT_TRUE(DequantizeRow(traits.type, reinterpret_cast<const std::byte*>(shifted.data()) + 1,
                            columns, actual.data())
                  .ok());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_TRUE(Same(actual[i], expected[i]))
        << "element " << i << ": element " << i % traits.block_elements << " of block "
        << i / traits.block_elements;
  }
  EXPECT_EQ(actual.back(), 12345.0f) << "written past the end";
}

INSTANTIATE_TEST_SUITE_P(Types, DequantizeTest,
                         testing::ValuesIn(AllTypes().begin(), AllTypes().end()),
                         [](const testing::TestParamInfo<TypeTraits>& info) {
                           return std::string(info.param.name);
                         });

TEST(DequantizeRowTest, RefusesPartsOfABlock) {
  std::vector<std::byte> row(300);
  std::vector<float> out(512);
  const absl::Status status = DequantizeRow(TensorType::kQ4_K, row.data(), 255, out.data());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "type Q4_K needs rows in multiples of 256, got 255");
  EXPECT_FALSE(DequantizeRow(TensorType::kF32, row.data(), -1, out.data()).ok());
}

TEST(DequantizeRowTest, AnEmptyRowIsNothing) {
  float out = 7;
  EXPECT_TRUE(DequantizeRow(TensorType::kQ6_K, nullptr, 0, &out).ok());
  EXPECT_EQ(out, 7);
}

}  // namespace
}  // namespace skep::models
