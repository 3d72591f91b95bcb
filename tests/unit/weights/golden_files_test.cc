// Files written by the gguf and safetensors packages (tests/golden/gguf_files.py), read back whole.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "models/weights/gguf.h"
#include "models/weights/model_files.h"
#include "models/weights/safetensors.h"
#include "tests/golden/golden_path.h"

namespace skep::models {
namespace {

using nlohmann::json;

std::string Folder() { return GoldenPath("gguf_files/"); }

std::string Read(const std::string& name) {
  absl::StatusOr<std::string> text = ReadSmallFile(Folder() + name, /*max_bytes=*/64u << 20);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

void ExpectTensors(const WeightSource& source, const std::string& name) {
  const json expected = json::parse(Read(name + ".json")).at("tensors");
  const std::string data = Read("data.bin");
  EXPECT_EQ(source.tensors().size(), expected.size());
  for (const json& entry : expected) {
    const TensorInfo* tensor = source.Find(entry.at("name").get<std::string>());
    ASSERT_NE(tensor, nullptr) << entry;
    EXPECT_EQ(TypeName(tensor->type), entry.at("type").get<std::string>()) << entry;
    EXPECT_EQ(tensor->shape, entry.at("shape").get<std::vector<int64_t>>()) << entry;
    ASSERT_EQ(tensor->bytes, entry.at("bytes").get<uint64_t>()) << entry;
    const std::string_view actual(reinterpret_cast<const char*>(tensor->data), tensor->bytes);
    const auto begin = entry.at("begin").get<size_t>();
    EXPECT_TRUE(actual == std::string_view(data).substr(begin, tensor->bytes)) << entry;
    // Dropped pages come back from the file.
    source.Release(*tensor);
    EXPECT_TRUE(actual == std::string_view(data).substr(begin, tensor->bytes)) << entry;
  }
  EXPECT_EQ(source.Find("no such tensor"), nullptr);
}

json ValueAsJson(const GgufValue& value) {
  if (value.is_array()) {
    json list = json::array();
    const absl::StatusOr<std::vector<GgufValue>> elements = value.AsElements();
    EXPECT_TRUE(elements.ok());
    for (const GgufValue& element : *elements) list.push_back(ValueAsJson(element));
    return list;
  }
  if (value.type() == GgufValueType::kString) return std::string(*value.AsString());
  if (value.type() == GgufValueType::kBool) return *value.AsBool();
  if (value.type() == GgufValueType::kF32 || value.type() == GgufValueType::kF64) {
    return *value.AsFloat();
  }
  return *value.AsInt();
}

class GgufGoldenTest : public testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(GgufGoldenTest, EverythingIsThere) {
  const auto& [name, file] = GetParam();
  const absl::StatusOr<std::unique_ptr<GgufFile>> gguf = GgufFile::Open(Folder() + file);
  ASSERT_TRUE(gguf.ok()) << gguf.status();
  EXPECT_EQ((*gguf)->version(), 3u);
  EXPECT_EQ(*(*gguf)->Architecture(), "test");
  const json metadata = json::parse(Read(name + ".json")).at("metadata");
  for (const auto& [key, expected] : metadata.items()) {
    const GgufValue* value = (*gguf)->FindValue(key);
    ASSERT_NE(value, nullptr) << key;
    EXPECT_EQ(ValueAsJson(*value), expected) << key;
  }
  ExpectTensors(**gguf, name);
}

INSTANTIATE_TEST_SUITE_P(Files, GgufGoldenTest,
                         testing::Values(std::pair("plain", "plain.gguf"),
                                         std::pair("aligned", "aligned.gguf"),
                                         std::pair("split", "split-00001-of-00005.gguf")),
                         [](const auto& info) { return info.param.first; });

TEST(GgufGolden, TypedGettersConvertExactly) {
  const auto gguf = *GgufFile::Open(Folder() + "plain.gguf");
  EXPECT_EQ(*gguf->Int("t.u32"), 4294967295);
  EXPECT_EQ(*gguf->Int("t.i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(*gguf->Float("t.f32"), 0.15625);
  EXPECT_EQ(*gguf->Float("t.i8"), -128.0);
  EXPECT_EQ(*gguf->Ints("a.bool"), (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(*gguf->Floats("a.int"), (std::vector<double>{1, -2, 3}));
  EXPECT_EQ(gguf->Strings("a.string")->at(1),
            "b\xC3\xA9"
            "e");

  EXPECT_EQ(gguf->Int("absent").status().code(), absl::StatusCode::kNotFound);
  const auto refuses = [](const auto& result) {
    return result.status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refuses(gguf->Int("t.f32")));
  EXPECT_TRUE(refuses(gguf->Int("t.string")));
  EXPECT_TRUE(refuses(gguf->Int("a.int")));
  EXPECT_TRUE(refuses(gguf->Bool("t.u8")));
  EXPECT_TRUE(refuses(gguf->String("t.u8")));
  EXPECT_TRUE(refuses(gguf->Ints("a.nested")));
  EXPECT_TRUE(refuses(gguf->Ints("a.string")));
  EXPECT_TRUE(refuses(gguf->Floats("t.f64")));
  EXPECT_TRUE(refuses(gguf->Strings("a.int")));
  EXPECT_EQ(gguf->Int("a.string").status().message(),
            "'" + Folder() +
                "plain.gguf': key 'a.string' is of type array of string, expected an "
                "integer");
}

TEST(GgufGolden, SplitFilesAreOpenedByTheirFirstPart) {
  const absl::Status status = GgufFile::Open(Folder() + "split-00002-of-00005.gguf").status();
  EXPECT_NE(status.message().find("is part 2 of 5 of a split model: open the first part"),
            absl::string_view::npos)
      << status;
}

TEST(GgufGolden, BigEndianFilesAreRefusedByName) {
  const absl::Status status = GgufFile::Open(Folder() + "big_endian.gguf").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("big-endian"), absl::string_view::npos) << status;
}

TEST(GgufGolden, AVocabularyNeedsNoTensors) {
  const absl::StatusOr<ModelFiles> model = OpenModel(Folder() + "vocabulary.gguf");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(model->weights->tensors().empty());
  const json expected = json::parse(Read("vocabulary.json"));
  EXPECT_EQ(model->config.architecture(), expected.at("architecture").get<std::string>());
  const absl::StatusOr<std::vector<std::string_view>> tokens =
      model->gguf->Strings("tokenizer.ggml.tokens");
  ASSERT_TRUE(tokens.ok());
  const auto expected_tokens = expected.at("tokens").get<std::vector<std::string>>();
  EXPECT_EQ(std::vector<std::string>(tokens->begin(), tokens->end()), expected_tokens);
  EXPECT_EQ(*model->gguf->Floats("tokenizer.ggml.scores"),
            expected.at("scores").get<std::vector<double>>());
  EXPECT_EQ(*model->config.RequiredInt("vocab_size"), static_cast<int64_t>(expected_tokens.size()));
}

TEST(SafetensorsGolden, SingleFile) {
  const auto files = SafetensorsFiles::Open(Folder() + "single.safetensors");
  ASSERT_TRUE(files.ok()) << files.status();
  ExpectTensors(**files, "single");
}

TEST(SafetensorsGolden, Sharded) {
  const auto files = SafetensorsFiles::Open(Folder() + "sharded");
  ASSERT_TRUE(files.ok()) << files.status();
  ExpectTensors(**files, "sharded");
}

}  // namespace
}  // namespace skep::models
