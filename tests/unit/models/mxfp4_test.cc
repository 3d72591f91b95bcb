#include "models/loading/mxfp4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/weights/dequantize.h"

namespace skep::models {
namespace {

using testing::HasSubstr;

TensorInfo Bytes(const std::string& name, std::vector<int64_t> shape,
                 const std::vector<uint8_t>& bytes) {
  return {name, TensorType::kU8, std::move(shape), reinterpret_cast<const std::byte*>(bytes.data()),
          bytes.size()};
}

// Two experts of one row of one block each; the second has codes 0 to 15 twice, times 2^(128-127).
TEST(Mxfp4Test, GivesTheValuesInOrder) {
  std::vector<uint8_t> blocks(32), scales = {127, 128};
  for (int i = 0; i < 16; ++i) blocks[16 + i] = static_cast<uint8_t>(2 * i | (2 * i + 1) << 4);
  const auto rows = RepackMxfp4(Bytes("w_blocks", {2, 1, 1, 16}, blocks),
                                Bytes("w_scales", {2, 1, 1}, scales), /*expert=*/1);
  ASSERT_TRUE(rows.ok()) << rows.status();
  std::vector<float> values(32);
  ASSERT_TRUE(DequantizeRow(TensorType::kMXFP4, rows->data(), 32, values.data()).ok());
  // E2M1: OCP Microscaling Formats, version 1.0, table 5.
  const float positive[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (int i = 0; i < 32; ++i) {
    const float sign = i % 16 < 8 ? 1.0f : -1.0f;
    EXPECT_EQ(values[i], 2 * sign * positive[i % 8]) << i;
  }
}

TEST(Mxfp4Test, RefusesShapesThatDoNotBelongTogether) {
  const std::vector<uint8_t> bytes(64);
  const auto message = [&](std::vector<int64_t> blocks, std::vector<int64_t> scales,
                           int64_t expert) {
    return std::string(
        RepackMxfp4(Bytes("w_blocks", blocks, bytes), Bytes("w_scales", scales, bytes), expert)
            .status()
            .message());
  };
  EXPECT_THAT(message({2, 1, 1, 16}, {2, 1, 2}, 0), HasSubstr("'w_scales' [2, 1, 2]"));
  EXPECT_THAT(message({2, 1, 1, 8}, {2, 1, 1}, 0), HasSubstr("'w_blocks' [2, 1, 1, 8]"));
  EXPECT_THAT(message({2, 16}, {2}, 0), HasSubstr("'w_blocks' [2, 16]"));
  EXPECT_THAT(message({}, {}, 0), HasSubstr("'w_blocks' []"));
  EXPECT_THAT(message({2, 1, 1, 16}, {2, 1, 1}, 2), HasSubstr("more than 2 experts"));
}

}  // namespace
}  // namespace skep::models
