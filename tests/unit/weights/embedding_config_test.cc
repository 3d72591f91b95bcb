#include "models/weights/embedding_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/weights/gguf_builder.h"

namespace skep::models {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// As in released models (sentence-transformers 2 and 3).
constexpr char kModules[] = R"([
  {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
  {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
  {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
])";
constexpr char kCls[] = R"({"word_embedding_dimension": 768, "pooling_mode_cls_token": true,
  "pooling_mode_mean_tokens": false, "pooling_mode_max_tokens": false,
  "pooling_mode_mean_sqrt_len_tokens": false, "pooling_mode_weightedmean_tokens": false,
  "pooling_mode_lasttoken": false, "include_prompt": true})";

TEST(ParseModulesTest, FindsPoolingAndNormalize) {
  const auto all = ParseModules(kModules, "modules.json");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->pooling_folder, "1_Pooling");
  EXPECT_TRUE(all->normalize);
  const auto one = ParseModules(R"([{"path": "", "type": "custom_st.Transformer"}])", "f");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->pooling_folder, "");
  EXPECT_FALSE(one->normalize);
}

struct Refusal {
  std::string text;
  absl::StatusCode code;
  std::string message;
};
constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;

TEST(ParseModulesTest, RefusesWhatItDoesNotKnow) {
  const std::string pooling = R"({"path": "p", "type": "x.Pooling"})";
  const std::vector<Refusal> refusals = {
      {"{}", kInvalid, "is object, expected a list of modules"},
      {"[", kInvalid, "no valid JSON"},
      {"[1]", kUnimplemented, "module '' is not supported"},
      {R"([{"type": "sentence_transformers.models.Dense"}])", kUnimplemented,
       "module 'sentence_transformers.models.Dense' is not supported"},
      {R"([{"type": "x.SpladePooling"}])", kUnimplemented, "'x.SpladePooling'"},
      {"[" + pooling + "," + pooling + "]", kUnimplemented, "module 'x.Pooling'"},
      {R"([{"type": "x.Pooling"}])", kInvalid, "'path' must be the pooling module's folder"},
  };
  for (const Refusal& refusal : refusals) {
    const absl::Status status = ParseModules(refusal.text, "modules.json").status();
    EXPECT_EQ(status.code(), refusal.code) << refusal.text << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
  }
}

TEST(ParsePoolingTest, ReadsTheModesThatAreSupported) {
  const std::vector<std::pair<std::string, PoolingMode>> modes = {
      {kCls, PoolingMode::kClsToken},
      {R"({"pooling_mode_mean_tokens": true})", PoolingMode::kMeanTokens},
      {R"({"pooling_mode_lasttoken": true})", PoolingMode::kLastToken},
      {R"({"pooling_mode": "cls"})", PoolingMode::kClsToken},
      {R"({"pooling_mode": ["lasttoken"]})", PoolingMode::kLastToken},
      {R"({"pooling_mode": "mean", "pooling_mode_mean_tokens": true})", PoolingMode::kMeanTokens},
      {R"({"word_embedding_dimension": 8})", PoolingMode::kMeanTokens},  // the library's default
  };
  for (const auto& [text, expected] : modes) {
    const auto mode = ParsePooling(text, "config.json");
    ASSERT_TRUE(mode.ok()) << text << mode.status();
    EXPECT_EQ(*mode, expected) << text;
  }
}

TEST(ParsePoolingTest, RefusesAndNamesOthers) {
  const std::vector<Refusal> refusals = {
      {R"({"pooling_mode_max_tokens": true})", kUnimplemented,
       "pooling mode 'pooling_mode_max_tokens' is not supported; mean, cls and lasttoken are"},
      {R"({"pooling_mode": "weightedmean"})", kUnimplemented, "pooling mode 'weightedmean'"},
      {R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})", kUnimplemented,
       "pooling by 2 modes (cls, mean) is not supported"},
      {R"({"pooling_mode_cls_token": false})", kUnimplemented, "pooling by 0 modes"},
      {R"({"pooling_mode_cls_token": 1})", kInvalid, "'pooling_mode_cls_token' must be true or"},
      {R"({"pooling_mode": 1})", kInvalid, "'pooling_mode' must be a name or a list of names"},
      {R"({"pooling_mode": "cls", "include_prompt": false})", kUnimplemented,
       "include_prompt false"},
      {"[]", kInvalid, "expected an object"},
  };
  for (const Refusal& refusal : refusals) {
    const absl::Status status = ParsePooling(refusal.text, "config.json").status();
    EXPECT_EQ(status.code(), refusal.code) << refusal.text << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
  }
}

class ReadEmbeddingConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) / ("embedding_config_" + std::to_string(getpid()));
    fs::create_directories(root_ / "model");
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  absl::StatusOr<EmbeddingConfig> Read() {
    return ReadEmbeddingConfig({.weights = nullptr,
                                .config = *ConfigView::FromJson("{}", "", "config.json"),
                                .gguf = nullptr,
                                .folder = (root_ / "model").string()});
  }

  fs::path root_;
};

TEST_F(ReadEmbeddingConfigTest, OfAFolder) {
  auto config = Read();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->pooling.has_value());
  EXPECT_FALSE(config->normalize.has_value());
  Write("model/modules.json", kModules);
  EXPECT_TRUE(absl::IsNotFound(Read().status())) << Read().status();
  Write("model/1_Pooling/config.json", kCls);
  config = Read();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->pooling, PoolingMode::kClsToken);
  EXPECT_EQ(config->normalize, true);
  Write("model/modules.json", R"([{"type": "x.Transformer"}])");
  config = Read();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->pooling.has_value());
  EXPECT_EQ(config->normalize, false);
}

TEST_F(ReadEmbeddingConfigTest, NoPathLeadsOutOfTheFolder) {
  Write("other/config.json", kCls);
  Write("model/modules.json", R"([{"path": "../other", "type": "x.Pooling"}])");
  EXPECT_TRUE(absl::IsPermissionDenied(Read().status())) << Read().status();
}

absl::StatusOr<EmbeddingConfig> ReadGguf(std::optional<uint32_t> type) {
  GgufBuilder builder;
  builder.String("general.architecture", "modern-bert");
  if (type) builder.U32("modern-bert.pooling_type", *type);
  const std::string bytes = builder.Build();
  const auto file = ParseGguf(bytes);
  EXPECT_TRUE(file.ok()) << file.status();
  return ReadEmbeddingConfig({.weights = nullptr,
                              .config = *ConfigView::FromGguf(**file),
                              .gguf = file->get(),
                              .folder = ""});
}

TEST(ReadGgufEmbeddingConfigTest, PoolingType) {
  EXPECT_FALSE(ReadGguf(std::nullopt)->pooling.has_value());
  EXPECT_FALSE(ReadGguf(0)->pooling.has_value());
  EXPECT_EQ(ReadGguf(1)->pooling, PoolingMode::kMeanTokens);
  EXPECT_EQ(ReadGguf(2)->pooling, PoolingMode::kClsToken);
  EXPECT_EQ(ReadGguf(3)->pooling, PoolingMode::kLastToken);
  EXPECT_FALSE(ReadGguf(3)->normalize.has_value());
  const absl::Status rank = ReadGguf(4).status();
  EXPECT_TRUE(absl::IsUnimplemented(rank)) << rank;
  EXPECT_THAT(std::string(rank.message()), HasSubstr("pooling_type 4 (rank) is not supported"));
  EXPECT_THAT(std::string(ReadGguf(9).status().message()), HasSubstr("pooling_type 9 is not"));
}

}  // namespace
}  // namespace skep::models
