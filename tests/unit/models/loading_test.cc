// From tensors of files to matrices: rows that are permuted, split among heads, transposed, or
// quantised in a scheme of Hugging Face's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "models/loading/quantized_weight.h"
#include "models/loading/rules.h"
#include "models/loading/weights.h"
#include "models/ops/reference/reference_ops.h"
#include "models/weights/dequantize.h"
#include "tests/unit/models/memory_source.h"

namespace skep::models {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<std::unique_ptr<QuantizationScheme>> Scheme(const std::string& config) {
  const auto view = ConfigView::FromJson(config, "", "config.json");
  EXPECT_TRUE(view.ok()) << view.status();
  return ReadQuantizationScheme(*view);
}

class LoadingTest : public testing::Test {
 protected:
  // The rows of "<name>.weight" [rows, columns], one after another; or what is wrong.
  std::vector<float> Load(const std::string& name, int64_t rows, int64_t columns) {
    WeightLoader loader(source_, scheme_.get(), *ops_, rules_, nullptr);
    const LinearWeights linear = loader.root().Linear(name, rows, columns);
    status_ = loader.Finish();
    if (linear.matrix == nullptr) return {};
    type_ = linear.matrix->type();
    std::vector<int32_t> ids(rows);
    std::iota(ids.begin(), ids.end(), 0);
    at::Tensor out = ops_->MakeBuffer(rows, columns);
    ops_->EmbedRows(*linear.matrix, ids, 1.0f, out);
    return {out.data_ptr<float>(), out.data_ptr<float>() + rows * columns};
  }

  MemorySource source_;
  std::unique_ptr<QuantizationScheme> scheme_;
  std::vector<WeightRule> rules_;
  std::unique_ptr<Ops> ops_ = MakeReferenceOps();
  absl::Status status_;
  TensorType type_ = TensorType::kF32;
};

std::vector<float> Counted(int64_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

// Heads of two rows of one part and one row of another; the first part is wanted transposed.
std::vector<WeightRule> HeadRules(int64_t heads) {
  return {
      {.canonical = "k.{}.weight",
       .file = "kv.weight",
       .rows = Slice(0, 2, 3),
       .slabs = heads,
       .rows_are_columns = true},
      {.canonical = "v.{}.weight", .file = "kv.weight", .rows = Slice(2, 1, 3), .slabs = heads}};
}

TEST_F(LoadingTest, HeadsAreSlabsOfOneMatrix) {
  source_.Add("kv.weight", TensorType::kF32, {6, 2}, Counted(12));
  rules_ = HeadRules(2);
  EXPECT_THAT(Load("k.0", 2, 2), ElementsAre(0, 2, 1, 3));
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_THAT(Load("k.1", 2, 2), ElementsAre(6, 8, 7, 9));
  EXPECT_THAT(Load("v.0", 1, 2), ElementsAre(4, 5));
  EXPECT_THAT(Load("v.1", 1, 2), ElementsAre(10, 11));
  Load("v.2", 1, 2);
  EXPECT_THAT(std::string(status_.message()), HasSubstr("with rows for 2 heads"));
  Load("k.1", 3, 2);
  EXPECT_THAT(std::string(status_.message()), HasSubstr("'kv.weight': shape [6, 2]"));
  rules_ = HeadRules(4);
  Load("k.0", 2, 2);
  EXPECT_THAT(std::string(status_.message()), HasSubstr("with rows for 4 heads"));
}

TEST_F(LoadingTest, QuantisedRowsThatBecomeColumnsAreExactFloats) {
  std::vector<uint8_t> blocks(3 * 34);
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<uint8_t>(37 * i);
  for (size_t row = 0; row < 3; ++row) blocks[34 * row + 1] = 0x2c;  // scales of about 0.06
  source_.Add("kv.weight", TensorType::kQ8_0, {3, 32}, blocks);
  rules_ = HeadRules(1);
  const std::vector<float> actual = Load("k.0", 32, 2);
  EXPECT_EQ(type_, TensorType::kF32);
  for (int64_t row = 0; row < 2; ++row) {
    float expected[32];
    const auto* bytes = reinterpret_cast<const std::byte*>(blocks.data() + 34 * row);
    ASSERT_TRUE(DequantizeRow(TensorType::kQ8_0, bytes, 32, expected).ok());
    for (int64_t i = 0; i < 32; ++i) EXPECT_EQ(actual[2 * i + row], expected[i]);
  }
}

TEST_F(LoadingTest, IgnoredPrefixesMayStandInWrappers) {
  for (const char* name : {"model.layers.1.k_proj.weight", "blk.1.attn_k.weight",
                           "language_model.model.layers.1.k_proj.qzeros",
                           "model.language_model.layers.1.k_proj.scales"}) {
    source_.Add(name, TensorType::kF32, {2, 2}, Counted(4));
  }
  WeightLoader loader(source_, /*scheme=*/nullptr, *ops_, {}, nullptr);
  loader.IgnorePrefix("layers.1.k_proj.");
  loader.IgnorePrefix("blk.1.attn_k.");
  EXPECT_TRUE(loader.Finish().ok()) << loader.Finish();
  source_.Add("model.language_model.layers.11.k_proj.weight", TensorType::kF32, {2, 2}, Counted(4));
  EXPECT_THAT(std::string(loader.Finish().message()),
              HasSubstr("unused tensor 'model.language_model.layers.11.k_proj.weight'"));
}

TEST_F(LoadingTest, RotatedRowsAreParted) {
  // Two heads of two rows and four that are rotated in pairs.
  const RowMap map = Deinterleave(/*heads=*/2, /*head_dim=*/6, /*rotary_dim=*/4, /*first=*/2);
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < map.rows; ++i) rows.push_back(map.row(i));
  EXPECT_THAT(rows, ElementsAre(0, 1, 2, 4, 3, 5, 6, 7, 8, 10, 9, 11));
}

constexpr char kFp8[] = R"({"quantization_config": {"quant_method": "fp8", "fmt": "e4m3",
    "activation_scheme": "dynamic", "weight_block_size": [2, 3]}})";

TEST_F(LoadingTest, Fp8InBlocks) {
  scheme_ = *Scheme(kFp8);
  // 1, -2, the largest number 448, the smallest 2^-9.
  source_.Add<uint8_t>("w.weight", TensorType::kF8_E4M3, {3, 4},
                       {0x38, 0xc0, 0x7e, 0x38,  //
                        0x00, 0x01, 0x38, 0xc0,  //
                        0x38, 0x38, 0x38, 0x38});
  // Rounded to bfloat16 only when multiplied: 1 + 2^-8 + 2^-10 becomes 1 + 2^-7.
  source_.Add<float>("w.weight_scale_inv", TensorType::kF32, {2, 2},
                     {0.5f, 1.0f + 0x1p-8f + 0x1p-10f, 8.0f, 0.25f});
  EXPECT_THAT(Load("w", 3, 4), ElementsAre(0.5, -1, 224, 1 + 0x1p-7,      //
                                           0, 0x1p-10, 0.5, -2 - 0x1p-6,  //
                                           8, 8, 8, 0.25));
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(type_, TensorType::kBF16);
}

TEST_F(LoadingTest, Fp8HeadsAreDecodedAndTransposed) {
  scheme_ = *Scheme(kFp8);
  source_.Add<uint8_t>("kv.weight", TensorType::kF8_E4M3, {6, 2},
                       {0x38, 0x40, 0x38, 0x40, 0, 0, 0x38, 0x40, 0xb8, 0xc0, 0x38, 0x40});
  source_.Add<float>("kv.weight_scale_inv", TensorType::kF32, {3, 1}, {1, 2, 4});
  rules_ = HeadRules(2);
  EXPECT_THAT(Load("k.1", 2, 2), ElementsAre(2, -4, 4, -8));
  EXPECT_THAT(Load("v.1", 1, 2), ElementsAre(4, 8));
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(LoadingTest, WhatTheSchemeLeftAloneIsAsItIs) {
  scheme_ = *Scheme(kFp8);
  source_.Add("w.weight", TensorType::kF32, {2, 2}, Counted(4));
  EXPECT_THAT(Load("w", 2, 2), ElementsAre(0, 1, 2, 3));
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(LoadingTest, Fp8ScalesMustFit) {
  scheme_ = *Scheme(kFp8);
  source_.Add<uint8_t>("w.weight", TensorType::kF8_E4M3, {3, 4}, std::vector<uint8_t>(12));
  Load("w", 3, 4);
  EXPECT_THAT(std::string(status_.message()), HasSubstr("missing tensor 'w.weight_scale_inv'"));
  source_.Add<float>("w.weight_scale_inv", TensorType::kF32, {1, 2}, {1, 1});
  Load("w", 3, 4);
  EXPECT_THAT(std::string(status_.message()),
              HasSubstr("'w.weight_scale_inv': F32 [1, 2]: [2, 2] is right"));
}

}  // namespace
}  // namespace skep::models
