#include "models/weights/tensor_type.h"

#include <gtest/gtest.h>

#include <limits>

namespace skep::models {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(TensorTypeTest, EveryTypeFindsItself) {
  uint32_t last = 0;
  for (const TypeTraits& traits : AllTypes()) {
    const auto id = static_cast<uint32_t>(traits.type);
    EXPECT_TRUE(&traits == AllTypes().data() || id > last) << "ids must ascend";
    last = id;
    EXPECT_EQ(&Traits(traits.type), &traits);
    if (id < 1000) {
      EXPECT_EQ(*TypeFromGgufId(id), traits.type);
    }
  }
}

TEST(TensorTypeTest, SafetensorsKnowsPlainTypesOnly) {
  EXPECT_EQ(TypeFromSafetensorsName("BF16"), TensorType::kBF16);
  EXPECT_EQ(TypeFromSafetensorsName("BOOL"), TensorType::kBool);
  EXPECT_EQ(TypeFromSafetensorsName("Q8_0"), std::nullopt);
  EXPECT_EQ(TypeFromSafetensorsName("bf16"), std::nullopt);
  EXPECT_EQ(TypeFromSafetensorsName(""), std::nullopt);
}

TEST(TensorTypeTest, BytesAreCheckedProducts) {
  EXPECT_EQ(*BytesFor(TensorType::kF32, {}), 4u);
  EXPECT_EQ(*BytesFor(TensorType::kF32, {2, 3}), 24u);
  EXPECT_EQ(*BytesFor(TensorType::kF32, {2, 0}), 0u);
  EXPECT_EQ(*BytesFor(TensorType::kQ4_K, {3, 512}), 3u * 2 * 144);
  EXPECT_EQ(*BytesFor(TensorType::kU8, {kMax}), static_cast<uint64_t>(kMax));
  EXPECT_FALSE(BytesFor(TensorType::kQ4_K, {3, 255}).ok());
  EXPECT_FALSE(BytesFor(TensorType::kQ4_K, {}).ok());
  EXPECT_FALSE(BytesFor(TensorType::kF32, {-1}).ok());
  EXPECT_FALSE(BytesFor(TensorType::kF16, {kMax}).ok());
  EXPECT_FALSE(BytesFor(TensorType::kU8, {kMax, 2}).ok());
  EXPECT_FALSE(BytesFor(TensorType::kU8, {int64_t{1} << 32, int64_t{1} << 32, 0}).ok());
  EXPECT_FALSE(BytesFor(TensorType::kF64, {int64_t{1} << 31, int64_t{1} << 31}).ok());
}

TEST(TensorTypeTest, Shapes) {
  EXPECT_EQ(ShapeString({}), "[]");
  EXPECT_EQ(ShapeString({2, 3}), "[2, 3]");
  EXPECT_EQ(*ElementsOf({}), 1);
  EXPECT_EQ(*ElementsOf({4, 5}), 20);
}

}  // namespace
}  // namespace skep::models
