// Damaged and hostile SafeTensors files: each is a clear error, never more.

#include "models/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace skep::models {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::vector<TensorInfo>> Parse(std::string_view bytes) {
  return ParseSafetensors({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "test");
}

std::string File(const std::string& header, size_t data_bytes) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header +
         std::string(data_bytes, '\7');
}

std::string ErrorOf(const std::string& header, size_t data_bytes) {
  const auto tensors = Parse(File(header, data_bytes));
  EXPECT_EQ(tensors.status().code(), absl::StatusCode::kInvalidArgument) << header;
  return std::string(tensors.status().message());
}

std::string Tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return absl::StrCat("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":", shape,
                      ",\"data_offsets\":", offsets, "}");
}

TEST(SafetensorsTest, ReadsASmallFile) {
  const std::string file =
      File("{\"__metadata__\":{\"format\":\"pt\"}," + Tensor("b", "F16", "[2]", "[8,12]") + "," +
               Tensor("a", "F32", "[1,2]", "[0,8]") + "}   ",
           12);
  const auto tensors = Parse(file);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_EQ(tensors->size(), 2u);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_EQ((*tensors)[0].shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ((*tensors)[1].type, TensorType::kF16);
  EXPECT_EQ((*tensors)[1].data, (*tensors)[0].data + 8);
}

TEST(SafetensorsTest, EmptyTensorsAndScalars) {
  EXPECT_TRUE(Parse(File("{}", 0)).ok());
  EXPECT_TRUE(Parse(File("{" + Tensor("s", "F32", "[]", "[0,4]") + "}", 4)).ok());
  const auto tensors = Parse(File("{" + Tensor("e", "F32", "[0,3]", "[0,0]") + "," +
                                      Tensor("f", "U8", "[0]", "[0,0]") + "," +
                                      Tensor("g", "U8", "[1]", "[0,1]") + "}",
                                  1));
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_EQ(tensors->size(), 3u);
}

TEST(SafetensorsTest, RefusesBadHeaderLengths) {
  for (uint64_t size : {uint64_t{3}, uint64_t{7}, uint64_t{100'000'000}, uint64_t{1} << 32,
                        ~uint64_t{0} - 7, ~uint64_t{0}}) {
    std::string file = File("{}", 0);
    std::memcpy(file.data(), &size, 8);
    EXPECT_EQ(Parse(file).status().code(), absl::StatusCode::kInvalidArgument) << size;
  }
  for (size_t bytes = 0; bytes < 8; ++bytes) EXPECT_FALSE(Parse(std::string(bytes, '\0')).ok());
  EXPECT_FALSE(Parse(std::string(8, '\0')).ok()) << "a header of no bytes is no JSON";
}

TEST(SafetensorsTest, RefusesHolesOverlapsAndRests) {
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "U8", "[4]", "[1,5]") + "}", 5), HasSubstr("hole"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "U8", "[4]", "[0,4]") + "," +
                          Tensor("b", "U8", "[4]", "[3,7]") + "}",
                      7),
              HasSubstr("overlap"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "U8", "[4]", "[0,4]") + "}", 5),
              HasSubstr("1 bytes after the last tensor"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "U8", "[4]", "[0,4]") + "}", 3),
              HasSubstr("do not lie in the data"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "U8", "[4]", "[4,0]") + "}", 4), HasSubstr("hole"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "U8", "[0]", "[0,0]") + "," +
                          Tensor("b", "U8", "[1]", "[1,0]") + "}",
                      1),
              HasSubstr("hole"));
}

TEST(SafetensorsTest, ManyOverlapsAreFoundQuickly) {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) {
    absl::StrAppend(&header, i > 0 ? "," : "", Tensor(std::to_string(i), "U8", "[8]", "[0,8]"));
  }
  EXPECT_THAT(ErrorOf(header + "}", 8), HasSubstr("overlap"));
}

TEST(SafetensorsTest, RefusesShapesThatDoNotMatch) {
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "F32", "[2]", "[0,4]") + "}", 4),
              HasSubstr("do not match F32 of shape [2], which is 8 bytes"));
  // Products that wrap to exactly 0, or to the size of the data.
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "U8", "[4294967296,4294967296]", "[0,0]") + "}", 0),
              HasSubstr("2^63 - 1 elements"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "F32", "[4611686018427387904,4]", "[0,0]") + "}", 0),
              HasSubstr("2^63 - 1 elements"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "F64", "[2305843009213693953]", "[0,8]") + "}", 8),
              HasSubstr("too long"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "U8", "[4294967296,4294967296,0]", "[0,0]") + "}", 0),
              HasSubstr("2^63 - 1 elements"));
}

TEST(SafetensorsTest, RefusesBadNumbers) {
  for (const char* shape :
       {"[-1]", "[1.0]", "[1e30]", "[18446744073709551615]", "[9223372036854775808]", "[null]",
        "[\"1\"]", "[[1]]", "[true]", "{}", "1", "null", "[1,1,1,1,1,1,1,1,1]"}) {
    ErrorOf("{" + Tensor("a", "U8", shape, "[0,1]") + "}", 1);
  }
  for (const char* offsets : {"[-1,1]", "[0]", "[0,1,2]", "[]", "[0,1e0]", "null", "\"01\""}) {
    ErrorOf("{" + Tensor("a", "U8", "[1]", offsets) + "}", 1);
  }
}

TEST(SafetensorsTest, RefusesBadStructure) {
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "F4", "[2]", "[0,1]") + "}", 1),
              HasSubstr("dtype 'F4' is unknown"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "Q4_0", "[32]", "[0,18]") + "}", 18),
              HasSubstr("dtype 'Q4_0' is unknown"));
  EXPECT_THAT(ErrorOf("{" + Tensor("a", "U8", "[1]", "[0,1]") + "," +
                          Tensor("a", "U8", "[1]", "[1,2]") + "}",
                      2),
              HasSubstr("'a' is there twice"));
  EXPECT_THAT(ErrorOf("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1]}}", 1),
              HasSubstr("there twice"));
  EXPECT_THAT(ErrorOf("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1), HasSubstr("needs dtype"));
  EXPECT_THAT(ErrorOf("{\"a\":{}}", 0), HasSubstr("needs dtype"));
  EXPECT_THAT(ErrorOf("{\"__metadata__\":{\"x\":1}}", 0), HasSubstr("not expected"));
  EXPECT_THAT(ErrorOf("{\"__metadata__\":{\"x\":{}}}", 0), HasSubstr("not expected"));
  EXPECT_THAT(ErrorOf("{\"__metadata__\":\"x\"}", 0), HasSubstr("not expected"));
  for (const char* header : {"", " ", "[]", "1", "null", "\"a\"", "{", "{}{}", "{} x", "{\"a\":",
                             "{\"a\":1}", "{\"a\":[]}", "{\"\xff\":{}}", "{\"a\":{\"x\":1}}"}) {
    ErrorOf(header, 0);
  }
}

TEST(SafetensorsTest, RefusesDeepNesting) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += open;
    ErrorOf(deep, 0);
    ErrorOf("{\"a\":" + deep, 0);
    ErrorOf("{\"a\":{\"shape\":" + deep, 0);
  }
}

TEST(CheckShardNameTest, PlainNamesOnly) {
  EXPECT_TRUE(CheckShardName("model-00001-of-00002.safetensors").ok());
  for (const std::string& name :
       {std::string("../x.safetensors"), std::string("/etc/passwd"), std::string("a/b.safetensors"),
        std::string("a\\b.safetensors"), std::string("..\0.safetensors", 15), std::string(".."),
        std::string(""), std::string(".safetensors"), std::string("model.bin")}) {
    EXPECT_FALSE(CheckShardName(name).ok()) << name;
  }
}

}  // namespace
}  // namespace skep::models
