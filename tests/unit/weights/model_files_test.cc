// Folders and files on disk: what is opened, what is refused, where links may lead.

#include "models/weights/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "models/weights/safetensors.h"
#include "tests/unit/weights/gguf_builder.h"

namespace skep::models {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr char kConfig[] = R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama"})";

// Tensors of one float32 each, whose bytes are all `byte`.
std::string TinySafetensors(const std::vector<std::string>& names, char byte = 'a') {
  std::string header;
  for (const std::string& name : names) {
    const size_t begin = header.empty() ? 0 : 4;  // of two at most
    header += (header.empty() ? "{\"" : ",\"") + name +
              "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" + std::to_string(begin) +
              "," + std::to_string(begin + 4) + "]}";
  }
  header += "}";
  return Bytes<uint64_t>(header.size()) + header + std::string(4 * names.size(), byte);
}

class ModelFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) /
            (std::string("model_files_") +
             testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
             std::to_string(getpid()));
    fs::create_directories(root_ / "model");
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& name, std::string_view content) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary).write(content.data(), content.size());
  }
  absl::StatusOr<ModelFiles> Open(const std::string& name = "model") {
    return OpenModel((root_ / name).string());
  }
  std::string ErrorOf(const std::string& name = "model") {
    const absl::StatusOr<ModelFiles> model = Open(name);
    EXPECT_FALSE(model.ok());
    return std::string(model.status().message());
  }
  void WriteIndex(const std::string& map) {
    Write("model/model.safetensors.index.json", "{\"weight_map\":" + map + "}");
  }

  fs::path root_;
};

TEST_F(ModelFilesTest, AFolder) {
  Write("model/config.json", kConfig);
  Write("model/generation_config.json", R"({"top_k": 5})");
  Write("model/model.safetensors", TinySafetensors({"w"}));
  const auto model = Open();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->gguf, nullptr);
  EXPECT_EQ(model->weights->format(), "safetensors");
  EXPECT_EQ(model->config.architecture(), "LlamaForCausalLM");
  EXPECT_EQ(*model->config.Generation().IntOr("top_k", 0), 5);
  EXPECT_EQ(model->folder, (root_ / "model").string());
  ASSERT_NE(model->weights->Find("w"), nullptr);
}

TEST_F(ModelFilesTest, AGgufFile) {
  Write("model/m.gguf", GgufBuilder()
                            .String("general.architecture", "llama")
                            .Tensor("t", {8}, 0, 0)
                            .Data(32)
                            .Build());
  const auto model = Open("model/m.gguf");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->gguf, model->weights.get());
  EXPECT_EQ(model->folder, (root_ / "model").string());
}

TEST_F(ModelFilesTest, MissingFilesAreNamed) {
  EXPECT_THAT(ErrorOf("absent.gguf"), HasSubstr("does not exist"));
  EXPECT_THAT(ErrorOf(), HasSubstr("'config.json' does not exist in"));
  Write("model/config.json", kConfig);
  EXPECT_THAT(ErrorOf(),
              HasSubstr("has neither model.safetensors nor model.safetensors.index.json"));
}

TEST_F(ModelFilesTest, PickledFilesAreRefused) {
  Write("model/pytorch_model.bin", "PK");
  EXPECT_THAT(ErrorOf("model/pytorch_model.bin"), HasSubstr("are never read"));
  Write("model/config.json", kConfig);
  EXPECT_FALSE(Open().ok());
}

TEST_F(ModelFilesTest, EmptyAndSpecialFilesAreRefused) {
  Write("empty.gguf", "");
  EXPECT_THAT(ErrorOf("empty.gguf"), HasSubstr("is empty"));
  ASSERT_EQ(mkfifo((root_ / "pipe.gguf").c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf("pipe.gguf"), HasSubstr("is not a regular file"));
  Write("model/config.json", "");
  EXPECT_THAT(ErrorOf(), HasSubstr("no valid JSON"));
  fs::remove(root_ / "model/config.json");
  fs::create_directories(root_ / "model/config.json");
  EXPECT_THAT(ErrorOf(), HasSubstr("is not a regular file"));
}

TEST_F(ModelFilesTest, SparseTerabytesDoNotCount) {
  Write("big.safetensors", TinySafetensors({"w"}));
  fs::resize_file(root_ / "big.safetensors", uint64_t{1} << 40);
  const auto files = SafetensorsFiles::Open((root_ / "big.safetensors").string());
  EXPECT_THAT(std::string(files.status().message()), HasSubstr("after the last tensor"));
}

TEST_F(ModelFilesTest, Shards) {
  Write("model/config.json", kConfig);
  Write("model/a.safetensors", TinySafetensors({"x"}));
  Write("model/b.safetensors", TinySafetensors({"y"}));
  WriteIndex(R"({"x": "a.safetensors", "y": "b.safetensors"})");
  const auto model = Open();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->weights->tensors().size(), 2u);

  WriteIndex(R"({"x": "a.safetensors", "z": "b.safetensors"})");
  EXPECT_THAT(ErrorOf(), HasSubstr("tensor 'z' is not in 'b.safetensors'"));
  WriteIndex(R"({"x": "a.safetensors", "y": "c.safetensors"})");
  EXPECT_THAT(ErrorOf(), HasSubstr("'c.safetensors' does not exist"));
  for (const char* map : {"{}", "[]", "3", R"({"x": 1})", R"({"x": null})"}) {
    WriteIndex(map);
    EXPECT_FALSE(Open().ok()) << map;
  }
}

TEST_F(ModelFilesTest, TheIndexDecidesBetweenTwoShardsWithATensor) {
  Write("model/config.json", kConfig);
  Write("model/a.safetensors", TinySafetensors({"x", "y"}, 'a'));
  Write("model/b.safetensors", TinySafetensors({"x", "z"}, 'b'));
  WriteIndex(R"({"x": "b.safetensors", "y": "a.safetensors"})");
  const auto model = Open();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->weights->tensors().size(), 3u);
  EXPECT_EQ(model->weights->Find("x")->data[0], std::byte{'b'});

  // The index is silent about x.
  WriteIndex(R"({"y": "a.safetensors", "z": "b.safetensors"})");
  EXPECT_THAT(ErrorOf(), HasSubstr("tensor 'x' is in another file too"));
}

TEST_F(ModelFilesTest, AnIndexStaysInItsFolder) {
  Write("model/config.json", kConfig);
  Write("secret.safetensors", TinySafetensors({"x"}));
  for (const std::string& name :
       {std::string("../secret.safetensors"), (root_ / "secret.safetensors").string(),
        std::string("../../etc/passwd"), std::string("x\\u0000.safetensors")}) {
    WriteIndex("{\"x\": \"" + name + "\"}");
    EXPECT_THAT(ErrorOf(), HasSubstr("must be a plain name"));
  }
  fs::create_symlink(root_ / "secret.safetensors", root_ / "model/link.safetensors");
  WriteIndex(R"({"x": "link.safetensors"})");
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(ErrorOf(), HasSubstr("is a link that leads out of the folder"));
}

TEST_F(ModelFilesTest, LinksMayLeadElsewhereInTheFolder) {
  Write("model/config.json", kConfig);
  Write("model/files/real.safetensors", TinySafetensors({"x"}));
  fs::create_symlink("files/real.safetensors", root_ / "model/model.safetensors");
  EXPECT_TRUE(Open().ok()) << Open().status();
  fs::remove(root_ / "model/files/real.safetensors");
  EXPECT_FALSE(Open().ok()) << "a dangling link";
}

TEST_F(ModelFilesTest, TheHubsCacheLinksToItsBlobs) {
  Write("models--x/blobs/1111", kConfig);
  Write("models--x/blobs/2222", TinySafetensors({"x"}));
  Write("models--y/blobs/3333", TinySafetensors({"x"}));
  const fs::path snapshot = root_ / "models--x/snapshots/abcdef";
  fs::create_directories(snapshot);
  fs::create_symlink("../../blobs/1111", snapshot / "config.json");
  fs::create_symlink("../../blobs/2222", snapshot / "model.safetensors");
  EXPECT_TRUE(Open("models--x/snapshots/abcdef").ok());
  fs::remove(snapshot / "model.safetensors");
  fs::create_symlink("../../../models--y/blobs/3333", snapshot / "model.safetensors");
  EXPECT_EQ(Open("models--x/snapshots/abcdef").status().code(),
            absl::StatusCode::kPermissionDenied);
}

// A part of a split model; `number` counts from 0.
std::string Part(uint16_t number, uint16_t count, const std::string& tensor) {
  GgufBuilder builder;
  if (number == 0) builder.String("general.architecture", "llama");
  builder.Key("split.no", /*type=*/2, Bytes(number)).Key("split.count", 2, Bytes(count));
  builder.Key("split.tensors.count", /*type=*/5, Bytes<int32_t>(2));
  return builder.Tensor(tensor, {8}, 0, 0).Data(32).Build();
}

TEST_F(ModelFilesTest, SplitGguf) {
  Write("m-00001-of-00002.gguf", Part(0, 2, "a"));
  EXPECT_THAT(ErrorOf("m-00001-of-00002.gguf"), HasSubstr("m-00002-of-00002.gguf"));
  Write("m-00002-of-00002.gguf", Part(1, 2, "b"));
  const auto model = Open("m-00001-of-00002.gguf");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_NE(model->weights->Find("a"), nullptr);
  EXPECT_NE(model->weights->Find("b"), nullptr);
}

TEST_F(ModelFilesTest, SplitGgufThatDoesNotFitTogether) {
  const std::string first = "m-00001-of-00002.gguf";
  const std::string second = "m-00002-of-00002.gguf";
  Write(first, Part(0, 2, "a"));
  Write(second, Part(1, 2, "a"));
  EXPECT_THAT(ErrorOf(first), HasSubstr("tensor 'a' is there twice"));
  Write(second, Part(0, 2, "b"));
  EXPECT_THAT(ErrorOf(first), HasSubstr("do not say part 1 of 2"));
  Write(second, Part(1, 3, "b"));
  EXPECT_THAT(ErrorOf(first), HasSubstr("do not say part 1 of 2"));
  Write("other.gguf", Part(0, 2, "a"));
  EXPECT_THAT(ErrorOf("other.gguf"), HasSubstr("must end in '-00001-of-00002.gguf'"));
  Write(first, Part(0, 60000, "a"));
  EXPECT_THAT(ErrorOf(first), HasSubstr("must end in '-00001-of-60000.gguf'"));
  GgufBuilder three;
  three.String("general.architecture", "llama").U32("split.count", 0xFFFFFFFF);
  Write(first, three.Build());
  EXPECT_THAT(ErrorOf(first), HasSubstr("'split.count' is 4294967295"));
  Write(first, Part(0, 1, "a"));
  EXPECT_TRUE(Open(first).ok()) << "one part is a whole model";
}

}  // namespace
}  // namespace skep::models
