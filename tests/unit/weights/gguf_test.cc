// Damaged and hostile GGUF files: each is a clear error, never more.

#include "models/weights/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/weights/gguf_builder.h"

namespace skep::models {
namespace {

using testing::HasSubstr;

constexpr uint32_t kF32 = 0;
constexpr uint32_t kQ4_0 = 2;
constexpr uint64_t k2To63 = uint64_t{1} << 63;

std::string ErrorOf(const GgufBuilder& builder) {
  const auto file = ParseGguf(builder.Build());
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
  return std::string(file.status().message());
}

TEST(GgufTest, ReadsASmallFile) {
  const std::string bytes = GgufBuilder()
                                .String("general.architecture", "llama")
                                .Tensor("a", {64, 2}, kQ4_0, 0)
                                .Tensor("b", {3}, kF32, 96)
                                .Data(108)
                                .Build();
  const auto file = ParseGguf(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  const TensorInfo* a = (*file)->Find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->shape, (std::vector<int64_t>{2, 64}));
  EXPECT_EQ(a->bytes, 72u);
  const TensorInfo* b = (*file)->Find("b");
  EXPECT_EQ(b->data, a->data + 96);
  EXPECT_EQ(b->data + b->bytes, reinterpret_cast<const std::byte*>(bytes.data()) + bytes.size());
}

TEST(GgufTest, Version2IsTheSame) {
  GgufBuilder builder;
  builder.version = 2;
  EXPECT_TRUE(ParseGguf(builder.U32("x", 1).Build()).ok());
}

TEST(GgufTest, RefusesOtherVersions) {
  for (uint32_t version : {0u, 1u, 4u, 0xFFFFFFFFu}) {
    GgufBuilder builder;
    builder.version = version;
    EXPECT_THAT(ErrorOf(builder), HasSubstr("is not supported (2 and 3 are)"));
  }
  GgufBuilder big_endian;
  big_endian.version = 0x03000000;
  EXPECT_THAT(ErrorOf(big_endian), HasSubstr("big-endian"));
}

TEST(GgufTest, RefusesCountsThatDoNotFit) {
  for (uint64_t count : {uint64_t{1}, uint64_t{1} << 31, uint64_t{1} << 32, k2To63 - 1, k2To63,
                         ~uint64_t{1}, ~uint64_t{0}}) {
    GgufBuilder tensors;
    tensors.tensor_count = count;
    EXPECT_THAT(ErrorOf(tensors), HasSubstr("do not fit in the file"));
    GgufBuilder keys;
    keys.key_count = count;
    EXPECT_THAT(ErrorOf(keys), HasSubstr("do not fit in the file"));
  }
}

TEST(GgufTest, RefusesLengthsBeyondTheFile) {
  for (uint64_t size : {uint64_t{1} << 30, k2To63 - 1, k2To63, ~uint64_t{7}, ~uint64_t{0}}) {
    EXPECT_THAT(ErrorOf(GgufBuilder().Key("s", 8, Bytes(size) + "abc")), HasSubstr("ends inside"));
    for (uint32_t type : {0u, 5u, 8u, 9u, 12u}) {
      EXPECT_THAT(ErrorOf(GgufBuilder().Array("a", type, size, "abcdefgh")),
                  HasSubstr("is longer than the file"));
    }
  }
}

TEST(GgufTest, RefusesBadKeys) {
  EXPECT_THAT(ErrorOf(GgufBuilder().U32("", 1)), HasSubstr("has 0 bytes"));
  EXPECT_THAT(ErrorOf(GgufBuilder().U32(std::string(65536, 'k'), 1)), HasSubstr("65536 bytes"));
  EXPECT_THAT(ErrorOf(GgufBuilder().U32("k", 1).U32("k", 1)), HasSubstr("'k' is there twice"));
  EXPECT_THAT(ErrorOf(GgufBuilder().Key("k", 13, "12345678")),
              HasSubstr("value type 13 is unknown"));
  EXPECT_THAT(ErrorOf(GgufBuilder().Array("k", 13, 1, "12345678")),
              HasSubstr("value type 13 is unknown"));
}

TEST(GgufTest, NamesInMessagesAreEscaped) {
  const std::string error = ErrorOf(GgufBuilder().Key("\n\x1b[31m\0", 99, "12345678"));
  EXPECT_THAT(error, HasSubstr("'\\n\\x1b[31m'"));
}

TEST(GgufTest, RefusesDeepNesting) {
  std::string deep;
  for (int depth = 0; depth < 100'000; ++depth) deep += Bytes<uint32_t>(9) + Bytes<uint64_t>(1);
  EXPECT_THAT(ErrorOf(GgufBuilder().Key("k", 9, deep)), HasSubstr("nested deeper than 8"));
}

TEST(GgufTest, FindsDuplicatesAmongManyKeysQuickly) {
  GgufBuilder builder;
  for (int i = 0; i < 100'000; ++i) builder.U32("key." + std::to_string(i), 1);
  builder.U32("key.77777", 1);
  EXPECT_THAT(ErrorOf(builder), HasSubstr("'key.77777' is there twice"));
}

TEST(GgufTest, RefusesBadAlignment) {
  for (uint32_t alignment : {0u, 1u, 4u, 13u, 33u, 0xFFFFFFFFu}) {
    EXPECT_THAT(ErrorOf(GgufBuilder().U32("general.alignment", alignment)),
                HasSubstr("expected a power of two from 8 up"));
  }
  EXPECT_THAT(ErrorOf(GgufBuilder().String("general.alignment", "32")),
              HasSubstr("is of type string, expected uint32"));
  EXPECT_THAT(ErrorOf(GgufBuilder().Key("general.alignment", 10, Bytes<uint64_t>(32))),
              HasSubstr("is of type uint64, expected uint32"));
  // Possible, but then the data lies beyond this file.
  EXPECT_THAT(
      ErrorOf(GgufBuilder().U32("general.alignment", 1u << 30).Tensor("t", {1}, kF32, 0).Data(64)),
      HasSubstr("past the end"));
}

TEST(GgufTest, RefusesBadDimensions) {
  const auto error = [](const std::vector<uint64_t>& dimensions, uint32_t type) {
    return ErrorOf(GgufBuilder().Tensor("t", dimensions, type, 0).Data(256));
  };
  EXPECT_THAT(error({0}, kF32), HasSubstr("tensor 't': has a dimension of 0"));
  EXPECT_THAT(error({4, 0, 2}, kF32), HasSubstr("has a dimension of 0"));
  EXPECT_THAT(error({k2To63}, kF32), HasSubstr("has a dimension of 9223372036854775808"));
  EXPECT_THAT(error({~uint64_t{0}}, kF32), HasSubstr("expected 1 to 2^63 - 1"));
  EXPECT_THAT(error({1, 1, 1, 1, 1}, kF32), HasSubstr("has 5 dimensions"));
  EXPECT_THAT(error({uint64_t{1} << 32, uint64_t{1} << 32}, kF32), HasSubstr("2^63 - 1 elements"));
  EXPECT_THAT(error({(uint64_t{1} << 42) + 1, 1u << 22}, kF32), HasSubstr("2^63 - 1 elements"));
  EXPECT_THAT(error({uint64_t{1} << 62}, kF32), HasSubstr("too long"));
  EXPECT_THAT(error({uint64_t{1} << 60, 4}, kF32), HasSubstr("2^63 - 1 bytes"));
  EXPECT_THAT(error({uint64_t{1} << 40}, kF32), HasSubstr("past the end"));
  EXPECT_THAT(error({65}, kF32), HasSubstr("260 bytes at offset 0 reach past the end"));
  EXPECT_THAT(error({33}, kQ4_0), HasSubstr("type Q4_0 needs rows in multiples of 32, got 33"));
}

TEST(GgufTest, RefusesDimensionCountsBeyondTheFile) {
  for (uint32_t count : {5u, 9u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    std::string bytes = GgufBuilder().Tensor("t", {1}, kF32, 0).Data(64).Build();
    bytes.replace(24 + 9, 4, Bytes(count));
    EXPECT_THAT(std::string(ParseGguf(bytes).status().message()), HasSubstr("dimensions"));
  }
}

TEST(GgufTest, RefusesBadTypes) {
  const auto error = [](uint32_t type) {
    return ErrorOf(GgufBuilder().Tensor("t", {256}, type, 0).Data(2048));
  };
  for (uint32_t type : {43u, 1000u, 1006u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    EXPECT_THAT(error(type), HasSubstr("is unknown"));
  }
  for (uint32_t type : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u}) {
    EXPECT_THAT(error(type), HasSubstr("was removed from the GGUF format"));
  }
}

TEST(GgufTest, RefusesBadOffsets) {
  const auto error = [](uint64_t offset) {
    return ErrorOf(GgufBuilder().Tensor("t", {8}, kF32, offset).Data(64));
  };
  EXPECT_THAT(error(4), HasSubstr("offset 4 is no multiple of the alignment 32"));
  for (uint64_t offset : {uint64_t{64}, uint64_t{1} << 32, k2To63, ~uint64_t{31}}) {
    EXPECT_THAT(error(offset), HasSubstr("reach past the end"));
  }
}

TEST(GgufTest, RefusesOverlapAndDuplicates) {
  EXPECT_THAT(
      ErrorOf(GgufBuilder().Tensor("a", {32}, kF32, 0).Tensor("b", {8}, kF32, 96).Data(128)),
      HasSubstr("tensors 'a' and 'b' overlap"));
  EXPECT_THAT(ErrorOf(GgufBuilder().Tensor("a", {8}, kF32, 0).Tensor("a", {8}, kF32, 32).Data(64)),
              HasSubstr("tensor 'a' is there twice"));
  EXPECT_THAT(ErrorOf(GgufBuilder().Tensor("", {8}, kF32, 0).Data(64)), HasSubstr("0 bytes"));
}

TEST(GgufTest, RefusesOtherFiles) {
  for (std::string_view bytes : {"", "G", "GGUF", "GGML\3\0\0\0", "FUGG", "PK\3\4zip archive"}) {
    EXPECT_EQ(ParseGguf(bytes).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace skep::models
