// Hugging Face's quantisation schemes, but for the values that models.py's checkpoints compare:
// which types they become, what is lost, and what is refused.
#include "models/loading/quantized_weight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "models/loading/weights.h"
#include "models/ops/cpu/cpu_ops.h"
#include "models/ops/reference/reference_ops.h"
#include "tests/unit/models/memory_source.h"

namespace skep::models {
namespace {

using testing::AnyOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

using Shape = std::vector<int64_t>;

absl::StatusOr<std::unique_ptr<QuantizationScheme>> Scheme(const std::string& quantization) {
  const auto view =
      ConfigView::FromJson(R"({"quantization_config": )" + quantization + "}", "", "config.json");
  EXPECT_TRUE(view.ok()) << view.status();
  return ReadQuantizationScheme(*view);
}

constexpr char kGptq[] = R"({"quant_method": "gptq", "bits": 4, "group_size": 32})";
constexpr char kGptqRows[] = R"({"quant_method": "gptq", "bits": 4, "group_size": -1})";
constexpr char kAwq[] = R"({"quant_method": "awq", "bits": 4, "group_size": 32})";
constexpr char kPacked[] = R"({"quant_method": "compressed-tensors", "format": "pack-quantized"})";
constexpr char kModelOpt[] = R"({"quant_method": "modelopt", "quant_algo": "NVFP4"})";
constexpr char kFp8[] = R"({"quant_method": "fp8", "activation_scheme": "static"})";

class QuantizedWeightTest : public testing::Test {
 protected:
  // The rows of "w" [rows, columns], one after another; or what is wrong.
  std::vector<float> Load(const std::string& quantization, int64_t rows, int64_t columns) {
    auto scheme = Scheme(quantization);
    EXPECT_TRUE(scheme.ok()) << scheme.status();
    const std::unique_ptr<Ops> ops = MakeReferenceOps();
    WeightLoader loader(source_, scheme->get(), *ops, {}, nullptr);
    const LinearWeights linear = loader.root().Linear("w", rows, columns);
    status_ = loader.Finish();
    parameters_ = loader.parameters();
    if (linear.matrix == nullptr) return {};
    type_ = linear.matrix->type();
    std::vector<int32_t> ids(rows);
    std::iota(ids.begin(), ids.end(), 0);
    at::Tensor out = ops->MakeBuffer(rows, columns);
    ops->EmbedRows(*linear.matrix, ids, 1.0f, out);
    return {out.data_ptr<float>(), out.data_ptr<float>() + rows * columns};
  }
  std::string message() const { return std::string(status_.message()); }

  // GPTQ: 8 rows of 64 columns; every code is 5 and every stored zero point is 7, which means 8.
  void AddGptq(float scale = 0.5f, uint32_t zeros = 0x77777777) {
    source_.Add("w.qweight", TensorType::kI32, {8, 8}, std::vector<uint32_t>(64, 0x55555555));
    source_.Add("w.qzeros", TensorType::kI32, {2, 1}, std::vector<uint32_t>(2, zeros));
    source_.Add("w.scales", TensorType::kF32, {2, 8}, std::vector<float>(16, scale));
  }
  // compressed-tensors: the same as bytes, code -3.
  void AddBytes(float scale) {
    source_.Add("w.weight", TensorType::kI8, {8, 64}, std::vector<int8_t>(512, -3));
    source_.Add("w.weight_scale", TensorType::kF32, {8, 1}, std::vector<float>(8, scale));
  }

  MemorySource source_;
  absl::Status status_;
  TensorType type_ = TensorType::kF32;
  int64_t parameters_ = 0;
};

TEST_F(QuantizedWeightTest, FourSymmetricBitsAreQ4_0) {
  AddGptq();
  EXPECT_THAT(Load(kGptq, 8, 64), Each(-1.5f));
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(type_, TensorType::kQ4_0);
  EXPECT_EQ(parameters_, 8 * 64);
}

TEST_F(QuantizedWeightTest, ZeroPointsElsewhereAreQ5_0) {
  AddGptq(0.5f, 0xd7777777);  // the last row's is 14
  const std::vector<float> actual = Load(kGptq, 8, 64);
  EXPECT_EQ(type_, TensorType::kQ5_0);
  EXPECT_EQ(actual[0], -1.5f);
  EXPECT_EQ(actual[7 * 64], -4.5f);
}

TEST_F(QuantizedWeightTest, OneGroupForAllColumns) {
  AddGptq();
  Load(kGptqRows, 8, 64);
  EXPECT_THAT(message(), HasSubstr("'w.scales': F32 [2, 8]: 2 groups of 64 columns"));
}

TEST_F(QuantizedWeightTest, EightBitsAreQ8_0) {
  AddBytes(0.25f);
  EXPECT_THAT(Load(kPacked, 8, 64), Each(-0.75f));
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(type_, TensorType::kQ8_0);
}

TEST_F(QuantizedWeightTest, ScalesOfFloat32AreRoundedToHalves) {
  const float scale = 0.0123456789f;
  AddBytes(scale);
  const float error = std::abs(Load(kPacked, 8, 64)[0] + 3 * scale);
  EXPECT_GT(error, 0.0f);
  EXPECT_LE(error, 3 * scale / 4096);
}

// Groups of columns that are not neighbours.
TEST_F(QuantizedWeightTest, ActOrderIsRoundedToQ8_0) {
  std::mt19937 random(1);
  std::vector<uint32_t> codes(64);
  for (uint32_t& word : codes) word = static_cast<uint32_t>(random());
  source_.Add("w.qweight", TensorType::kI32, {8, 8}, codes);
  source_.Add("w.qzeros", TensorType::kI32, {2, 1}, std::vector<uint32_t>(2, 0x77777777));
  std::vector<float> scales(16, 1.0f);
  std::fill(scales.begin() + 8, scales.end(), 0.3125f);
  source_.Add("w.scales", TensorType::kF32, {2, 8}, scales);
  std::vector<int32_t> groups(64);
  for (int i = 0; i < 64; ++i) groups[i] = i % 2;
  source_.Add("w.g_idx", TensorType::kI32, {64}, groups);
  const std::vector<float> actual = Load(kGptq, 8, 64);
  ASSERT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(type_, TensorType::kQ8_0);
  for (int64_t row = 0; row < 8; ++row) {
    for (int64_t i = 0; i < 64; ++i) {
      const int code = static_cast<int>(codes[i / 8 * 8 + row] >> (4 * (i % 8)) & 15);
      const float value = static_cast<float>(code - 8) * (i % 2 == 0 ? 1.0f : 0.3125f);
      EXPECT_NEAR(actual[row * 64 + i], value, 8.0f / 254 + 8.0f / 4096);
    }
  }
  groups[3] = 2;
  source_.Clear();
  AddGptq();
  source_.Add("w.g_idx", TensorType::kI32, {64}, groups);
  Load(kGptq, 8, 64);
  EXPECT_THAT(message(), HasSubstr("'w.g_idx': I32 [64]: there is no group 2: 0 to 1 are right"));
}

// Every row in its place, whichever thread decoded it.
TEST_F(QuantizedWeightTest, SeveralThreadsDecode) {
  constexpr int64_t kRows = 256, kColumns = 512, kWords = kColumns / 8;
  std::mt19937 random(3);
  std::vector<uint32_t> codes(kWords * kRows);
  for (uint32_t& word : codes) word = static_cast<uint32_t>(random());
  source_.Add("w.qweight", TensorType::kI32, {kWords, kRows}, codes);
  source_.Add("w.qzeros", TensorType::kI32, {16, kRows / 8},
              std::vector<uint32_t>(16 * kRows / 8, 0x77777777));
  source_.Add("w.scales", TensorType::kF32, {16, kRows}, std::vector<float>(16 * kRows, 0.5f));
  const auto scheme = *Scheme(kGptq);
  const std::unique_ptr<Ops> ops = *MakeCpuOps({.threads = 4});
  WeightLoader loader(source_, scheme.get(), *ops, {}, nullptr);
  const LinearWeights linear = loader.root().Linear("w", kRows, kColumns);
  ASSERT_TRUE(loader.Finish().ok()) << loader.Finish();
  std::vector<int32_t> ids(kRows);
  std::iota(ids.begin(), ids.end(), 0);
  at::Tensor out = ops->MakeBuffer(kRows, kColumns);
  ops->EmbedRows(*linear.matrix, ids, 1.0f, out);
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t i = 0; i < kColumns; ++i) {
      const int code = static_cast<int>(codes[i / 8 * kRows + row] >> (4 * (i % 8)) & 15);
      ASSERT_EQ(out.data_ptr<float>()[row * kColumns + i], 0.5f * static_cast<float>(code - 8));
    }
  }
}

TEST_F(QuantizedWeightTest, Nvfp4KeepsItsSecondScale) {
  // Bytes of the elements 1.5 (low) and -6; scales of 1 and, for the last sixteen, 2.
  source_.Add("w.weight", TensorType::kU8, {1, 32}, std::vector<uint8_t>(32, 0xf3));
  source_.Add<uint8_t>("w.weight_scale", TensorType::kF8_E4M3, {1, 4}, {0x38, 0x38, 0x38, 0x40});
  source_.Add<float>("w.weight_scale_2", TensorType::kF32, {}, {0.1f});
  source_.Add<float>("w.input_scale", TensorType::kF32, {}, {3.0f});
  const std::vector<float> actual = Load(kModelOpt, 1, 64);
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(type_, TensorType::kNVFP4);
  EXPECT_EQ(parameters_, 64);
  EXPECT_FLOAT_EQ(actual[0], 0.15f);
  EXPECT_FLOAT_EQ(actual[47], -0.6f);
  EXPECT_FLOAT_EQ(actual[62], 0.3f);
}

TEST_F(QuantizedWeightTest, Fp8WithPowersOfTwoAsScales) {
  constexpr char kBlocks[] = R"({"quant_method": "fp8", "weight_block_size": [1, 2]})";
  for (const TensorType type : {TensorType::kF8_E8M0, TensorType::kU8}) {
    source_.Clear();
    source_.Add<uint8_t>("w.weight", TensorType::kF8_E4M3, {1, 4}, {0x38, 0x40, 0x38, 0xc0});
    source_.Add<uint8_t>("w.weight_scale_inv", type, {1, 2}, {127, 130});
    EXPECT_THAT(Load(kBlocks, 1, 4), ElementsAre(1, 2, 8, -16));
    EXPECT_TRUE(status_.ok()) << status_;
  }
  source_.Clear();
  source_.Add<uint8_t>("w.weight", TensorType::kF8_E4M3, {1, 4}, {0x38, 0x40, 0x38, 0xc0});
  source_.Add<uint8_t>("w.weight_scale_inv", TensorType::kF8_E8M0, {1, 2}, {127, 255});
  Load(kBlocks, 1, 4);
  EXPECT_THAT(message(), HasSubstr("F8_E8M0 [1, 2]: every scale must be a finite number"));
}

TEST_F(QuantizedWeightTest, Fp8OfStackedExperts) {
  source_.Add<uint8_t>("w.weight", TensorType::kF8_E4M3, {2, 1, 2}, {0x38, 0x40, 0x38, 0xc0});
  source_.Add<float>("w.weight_scale", TensorType::kF32, {2, 1, 1}, {1, 4});
  const auto scheme = *Scheme(kFp8);
  const std::unique_ptr<Ops> ops = MakeReferenceOps();
  WeightLoader loader(source_, scheme.get(), *ops, {{"{}.weight", "w.weight", {}}}, nullptr);
  const LinearWeights linear = loader.root().Linear("1", 1, 2);
  ASSERT_NE(linear.matrix, nullptr);
  at::Tensor out = ops->MakeBuffer(1, 2);
  ops->EmbedRows(*linear.matrix, std::vector<int32_t>{0}, 1.0f, out);
  EXPECT_EQ(out.data_ptr<float>()[0], 4.0f);
  EXPECT_EQ(out.data_ptr<float>()[1], -8.0f);
}

TEST_F(QuantizedWeightTest, WhatIsNotQuantisedIsReadAsItIs) {
  source_.Add("w.weight", TensorType::kF32, {1, 2}, std::vector<float>{1, 2});
  for (const char* config : {kGptq, kAwq, kPacked, kModelOpt, kFp8}) {
    EXPECT_THAT(Load(config, 1, 2), ElementsAre(1, 2));
    EXPECT_TRUE(status_.ok()) << status_;
  }
}

TEST_F(QuantizedWeightTest, CodesOfOtherSchemesAreRefused) {
  source_.Add("w.weight", TensorType::kI16, {1, 2}, std::vector<int16_t>{1, 2});
  for (const char* config : {kGptq, kAwq, kPacked, kModelOpt, kFp8}) {
    Load(config, 1, 2);
    EXPECT_THAT(message(), AnyOf(HasSubstr("'w.weight': I16 [1, 2]"),
                                 HasSubstr("'w.weight' without a '.weight_scale'")))
        << config;
  }
}

TEST_F(QuantizedWeightTest, OnlyBiasesOfZeroAreIgnored) {
  AddGptq();
  source_.Add("w.bias", TensorType::kF32, {8}, std::vector<float>(8, 0.0f));
  Load(kGptq, 8, 64);
  EXPECT_TRUE(status_.ok()) << status_;
  source_.Clear();
  AddGptq();
  source_.Add("w.bias", TensorType::kF32, {8}, std::vector<float>(8, 1.0f));
  Load(kGptq, 8, 64);
  EXPECT_THAT(message(), HasSubstr("unused tensor 'w.bias' [8]"));
}

TEST_F(QuantizedWeightTest, NamesWhatIsMissingOrWrong) {
  source_.Add("w.qweight", TensorType::kI32, {8, 8}, std::vector<uint32_t>(64));
  Load(kGptq, 8, 64);
  EXPECT_THAT(message(), HasSubstr("'w.qweight' without a '.qzeros'"));
  source_.Clear();
  AddGptq(std::numeric_limits<float>::infinity());
  Load(kGptq, 8, 64);
  EXPECT_THAT(message(), HasSubstr("'w.scales': F32 [2, 8]: every scale must be a finite number"));
  source_.Clear();
  AddGptq(1e6f);
  Load(kGptq, 8, 64);
  EXPECT_THAT(message(), HasSubstr("one of its scales is 1e+06"));
  source_.Clear();
  AddGptq();
  Load(kGptq, 8, 32);
  EXPECT_THAT(message(), HasSubstr("'w.qweight': shape [8, 8], but [8, 32] is right"));
}

TEST(QuantizationSchemeTest, NamesWhatIsNotSupported) {
  const auto message = [](const std::string& config) {
    const auto scheme = Scheme(config);
    return scheme.ok() ? std::string() : std::string(scheme.status().message());
  };
  EXPECT_THAT(message(R"({"quant_method": "bitsandbytes"})"),
              HasSubstr("'bitsandbytes' is not supported; fp8 (e4m3), fbgemm_fp8"));
  EXPECT_THAT(message("{}"), HasSubstr("'unnamed'"));
  EXPECT_THAT(message("3"), HasSubstr("'quantization_config' is 3, expected an object"));
  EXPECT_THAT(message(R"({"quant_method": "fp8", "fmt": "e5m2"})"), HasSubstr("'e5m2'"));
  EXPECT_THAT(message(R"({"quant_method": "fp8", "weight_block_size": [128]})"),
              HasSubstr("weight_block_size"));
  EXPECT_THAT(message(R"({"quant_method": "fp8", "weight_block_size": [0, 128]})"),
              HasSubstr("weight_block_size"));
  EXPECT_THAT(message(R"({"quant_method": "gptq"})"), HasSubstr("bits"));
  EXPECT_THAT(message(R"({"quant_method": "gptq", "bits": 5})"), HasSubstr("gptq with bits 5"));
  EXPECT_THAT(message(R"({"quant_method": "gptq", "bits": 4, "group_size": 0})"),
              HasSubstr("group_size 0"));
  EXPECT_THAT(message(R"({"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"})"),
              HasSubstr("'marlin'"));
  EXPECT_THAT(message(R"({"quant_method": "awq", "bits": 3})"), HasSubstr("awq with bits 3"));
  EXPECT_THAT(message(R"({"quant_method": "awq", "bits": 4, "version": "GEMV"})"),
              HasSubstr("'gemv'"));
  EXPECT_THAT(message(R"({"quant_method": "awq", "bits": 4, "zero_point": false})"),
              HasSubstr("without zero_point"));
  EXPECT_THAT(message(R"({"quant_method": "compressed-tensors", "format": "marlin-24"})"),
              HasSubstr("'marlin-24' is not supported; pack-quantized"));
  EXPECT_THAT(message(R"({"quant_method": "compressed-tensors", "format": "pack-quantized",
                          "sparsity_config": {"format": "sparse-24-bitmask"}})"),
              HasSubstr("sparse-24-bitmask"));
  EXPECT_THAT(message(R"({"quant_method": "compressed-tensors", "format": "pack-quantized",
                          "transform_config": {"config_groups": {"u": {}}}})"),
              HasSubstr("transform_config"));
  EXPECT_THAT(message(R"({"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"})"),
              HasSubstr("'W4A8_AWQ'"));
  EXPECT_THAT(message(R"({"quant_method": "quark", "global_quant_config":
                          {"weight": {"dtype": "int4"}}})"),
              HasSubstr("'int4'"));
}

// Whatever a file says, loading ends with a matrix or with an error that names a tensor.
TEST_F(QuantizedWeightTest, HostileShapesAreErrors) {
  struct Part {
    const char* name;
    TensorType type;
    Shape shape;
  };
  struct Kind {
    const char* config;
    std::vector<Part> parts;
  };
  using T = TensorType;
  const std::vector<Kind> kinds = {
      {kGptq,
       {{"w.qweight", T::kI32, {8, 8}},
        {"w.qzeros", T::kI32, {2, 1}},
        {"w.scales", T::kF16, {2, 8}},
        {"w.g_idx", T::kI32, {64}}}},
      {R"({"quant_method": "gptq", "bits": 3, "group_size": 32})",
       {{"w.qweight", T::kI32, {6, 32}},
        {"w.qzeros", T::kI32, {2, 3}},
        {"w.scales", T::kF16, {2, 32}}}},
      {kAwq,
       {{"w.qweight", T::kI32, {64, 1}},
        {"w.qzeros", T::kI32, {2, 1}},
        {"w.scales", T::kBF16, {2, 8}}}},
      {kPacked,
       {{"w.weight_packed", T::kI32, {8, 8}},
        {"w.weight_scale", T::kF32, {8, 2}},
        {"w.weight_shape", T::kI64, {2}},
        {"w.weight_zero_point", T::kI32, {1, 2}},
        {"w.weight_g_idx", T::kI32, {64}}}},
      {kPacked,
       {{"w.weight", T::kI8, {8, 64}},
        {"w.weight_scale", T::kF32, {8, 2}},
        {"w.weight_zero_point", T::kI8, {8, 2}}}},
      {kPacked,
       {{"w.weight_packed", T::kU8, {8, 32}},
        {"w.weight_scale", T::kF8_E4M3, {8, 4}},
        {"w.weight_global_scale", T::kF32, {1}}}},
      {kPacked, {{"w.weight_packed", T::kU8, {8, 32}}, {"w.weight_scale", T::kU8, {8, 2}}}},
      {kModelOpt,
       {{"w.weight", T::kU8, {8, 32}},
        {"w.weight_scale", T::kF8_E4M3, {8, 4}},
        {"w.weight_scale_2", T::kF32, {}}}},
      {kFp8, {{"w.weight", T::kF8_E4M3, {8, 64}}, {"w.weight_scale", T::kF32, {8, 1}}}},
      {R"({"quant_method": "fp8", "weight_block_size": [3, 48]})",
       {{"w.weight", T::kF8_E4M3, {8, 64}}, {"w.weight_scale_inv", T::kF32, {3, 2}}}},
  };
  constexpr T kTypes[] = {T::kF32, T::kF16,  T::kI32,     T::kI64,    T::kI8,
                          T::kU8,  T::kBool, T::kF8_E4M3, T::kF8_E8M0};
  constexpr int64_t kSizes[] = {0, 1, 2, 3, 7, 8, 31, 32, 64, 65};
  std::mt19937 random(7);
  const auto chance = [&](unsigned one_in) { return random() % one_in == 0; };
  int loaded = 0, failed = 0;
  for (int i = 0; i < 4000; ++i) {
    const Kind& kind = kinds[i % kinds.size()];
    source_.Clear();
    for (Part part : kind.parts) {
      if (chance(20)) continue;
      if (chance(20)) part.type = kTypes[random() % std::size(kTypes)];
      if (chance(20)) part.shape.push_back(kSizes[random() % std::size(kSizes)]);
      if (chance(20) && !part.shape.empty()) part.shape.pop_back();
      for (int64_t& size : part.shape) {
        if (chance(15)) size = kSizes[random() % std::size(kSizes)];
      }
      std::vector<uint8_t> bytes(*BytesFor(part.type, part.shape));
      // Small numbers of every type, or any.
      const unsigned highest = chance(2) ? 2 : 256;
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % highest);
      if (part.type == T::kI64 && bytes.size() == 16 && !chance(4)) {
        bytes = {8, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0};
      }
      if (part.type == T::kF32 && bytes.size() == 4) bytes = {0, 0, 0, 0x3f};
      source_.Add(part.name, part.type, part.shape, bytes);
    }
    Load(kind.config, kind.parts[0].shape == Shape{6, 32} ? 32 : 8, 64);
    (status_.ok() ? loaded : failed) += 1;
    if (!status_.ok()) {
      EXPECT_THAT(message(), HasSubstr("tensor 'w."));
    }
  }
  EXPECT_GT(loaded, 200);
  EXPECT_GT(failed, 200);
}

}  // namespace
}  // namespace skep::models
