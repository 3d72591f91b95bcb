// Element-wise kernels against double precision.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "test_data.h"

namespace skep::cpu {
namespace {

TEST(QuantiseTest, RoundsToNearestAndKeepsSums) {
  for (CpuLevel level : LevelsHere()) {
    for (int64_t columns : {32, 45, 64, 576}) {
      const std::vector<float> x = RandomActivations(1, columns, 11);
      AlignedBlocks blocks(1, columns);
      KernelsFor(level).quantise(x.data(), columns, blocks.data());
      for (int64_t b = 0; b < BlocksOf(columns); ++b) {
        const ActivationBlock& block = blocks.data()[ActivationIndex(0, b, BlocksOf(columns))];
        float max = 0.0f;
        for (int64_t i = b * 32; i < std::min(columns, b * 32 + 32); ++i) {
          max = std::max(max, std::fabs(x[i]));
        }
        EXPECT_EQ(block.scale, max / 127.0f);
        int low = 0;
        int high = 0;
        for (int64_t i = 0; i < 32; ++i) {
          const float value = b * 32 + i < columns ? x[b * 32 + i] : 0.0f;
          EXPECT_LE(std::abs(block.q[i]), 127);
          // Half a step, and the rounding of x * (127 / max).
          EXPECT_NEAR(value, block.scale * block.q[i], block.scale * 0.50002f);
          (i < 16 ? low : high) += block.q[i];
        }
        EXPECT_EQ(block.sum, low + high);
        EXPECT_EQ(block.start[kStart8], kSumBias - 8 * (low + high));
        EXPECT_EQ(block.start[kStart16], kSumBias - 16 * (low + high));
        EXPECT_EQ(block.start[kStart128], kSumBias - 128 * (low + high));
        EXPECT_EQ(block.start[kStart32Low], kSumBias - 32 * low);
        EXPECT_EQ(block.start[kStart32High], kSumBias - 32 * high);
        EXPECT_EQ(block.sum_low, low);
      }
    }
  }
}

TEST(QuantiseTest, TiesGoToEvenAndTinyBlocksToZero) {
  for (CpuLevel level : LevelsHere()) {
    float x[32] = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f};
    ActivationBlock block;
    KernelsFor(level).quantise(x, 32, &block);
    EXPECT_EQ(block.q[1], 0);
    EXPECT_EQ(block.q[2], 2);
    EXPECT_EQ(block.q[3], 2);
    EXPECT_EQ(block.q[4], 0);
    EXPECT_EQ(block.q[5], -2);
    float tiny[32] = {1e-40f, -1e-38f};
    KernelsFor(level).quantise(tiny, 32, &block);
    EXPECT_EQ(block.scale, 0.0f);
    EXPECT_EQ(block.q[0], 0);
  }
}

TEST(NormTest, MatchesDoublePrecision) {
  for (CpuLevel level : LevelsHere()) {
    for (int64_t columns : {1, 15, 64, 100, 576}) {
      const std::vector<float> x = RandomActivations(1, columns, 3);
      const std::vector<float> scale = RandomActivations(1, columns, 4);
      std::vector<float> y(columns);
      KernelsFor(level).rms_norm(x.data(), scale.data(), 1e-5f, columns, y.data());
      double squares = 0;
      for (float v : x) squares += static_cast<double>(v) * v;
      const double inverse = 1 / std::sqrt(squares / columns + 1e-5);
      for (int64_t i = 0; i < columns; ++i) {
        const double expected = x[i] * inverse * scale[i];
        // A sum of n positive terms, a root, a quotient and two products.
        EXPECT_NEAR(y[i], expected, std::fabs(expected) * (columns / 64.0 + 10) * 0x1p-24);
      }
    }
  }
}

TEST(NormTest, LayerNormMatchesDoublePrecision) {
  for (CpuLevel level : LevelsHere()) {
    for (int64_t columns : {15, 64, 100, 576}) {
      const std::vector<float> x = RandomActivations(1, columns, 3);
      const std::vector<float> scale = RandomActivations(1, columns, 4);
      const std::vector<float> bias = RandomActivations(1, columns, 5);
      double mean = 0, squares = 0, largest = 0;
      for (float v : x) mean += v / static_cast<double>(columns);
      for (float v : x) {
        squares += (v - mean) * (v - mean);
        largest = std::max(largest, std::fabs(static_cast<double>(v)));
      }
      const double inverse = 1 / std::sqrt(squares / static_cast<double>(columns) + 1e-5);
      for (const float* b : {static_cast<const float*>(nullptr), bias.data()}) {
        std::vector<float> y(columns);
        KernelsFor(level).layer_norm(x.data(), scale.data(), b, 1e-5f, columns, y.data());
        for (int64_t i = 0; i < columns; ++i) {
          const double expected = (x[i] - mean) * inverse * scale[i] + (b != nullptr ? b[i] : 0);
          // The mean's error is that of a sum over the columns, relative to the largest.
          const double terms = std::fabs(expected) + std::fabs(scale[i] * inverse * largest);
          EXPECT_NEAR(y[i], expected, terms * (columns / 16.0 + 10) * 0x1p-24);
        }
      }
    }
  }
}

TEST(ClampTest, KeepsWhatLiesBetween) {
  for (CpuLevel level : LevelsHere()) {
    std::vector<float> x = {-3.0f, -0.5f, 0.0f, 0.25f, 9.0f, NAN};
    KernelsFor(level).clamp(0.5f, 6, x.data());
    EXPECT_THAT(std::vector<float>(x.begin(), x.begin() + 5),
                testing::ElementsAre(-0.5f, -0.5f, 0.0f, 0.25f, 0.5f));
    EXPECT_TRUE(std::isnan(x[5]));
  }
}

TEST(RotateTest, RotatesPairsOfTheHalves) {
  for (CpuLevel level : LevelsHere()) {
    for (int64_t half : {4, 16, 20, 32}) {
      const std::vector<float> x = RandomActivations(1, 2 * half + 5, 3);
      std::vector<float> cosine(half), sine(half);
      for (int64_t i = 0; i < half; ++i) {
        cosine[i] = std::cos(0.3f * i);
        sine[i] = std::sin(0.3f * i);
      }
      std::vector<float> y = x;
      KernelsFor(level).rotate(y.data(), cosine.data(), sine.data(), half);
      for (int64_t i = 0; i < half; ++i) {
        const double a = x[i], b = x[half + i], c = cosine[i], s = sine[i];
        const double tolerance = (std::fabs(a) + std::fabs(b)) * 0x1p-22;
        EXPECT_NEAR(y[i], a * c - b * s, tolerance);
        EXPECT_NEAR(y[half + i], b * c + a * s, tolerance);
      }
      for (int64_t i = 2 * half; i < 2 * half + 5; ++i) EXPECT_EQ(y[i], x[i]);
    }
  }
}

double ExpectedGate(Gate gate, double x) {
  switch (gate) {
    case Gate::kSilu:
      return x / (1 + std::exp(-x));
    case Gate::kGeluTanh:
      return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Gate::kReluSquared:
      return x > 0 ? x * x : 0;
    case Gate::kGeluErf:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Gate::kRelu:
      return std::max(0.0, x);
    case Gate::kTanh:
      return std::tanh(x);
    case Gate::kIdentity:
    case Gate::kClampedSwish:  // below
      return x;
  }
  return 0;
}

TEST(GateTest, AccurateOverTheWholeRange) {
  std::vector<float> points;
  for (float x = -60.0f; x <= 60.0f; x += 0.0137f) points.push_back(x);
  for (float x : {0.0f, 1e-30f, -1e-30f, 1e-6f, 1e30f, -1e30f}) points.push_back(x);
  const std::vector<float> ones(points.size(), 1.0f);
  for (CpuLevel level : LevelsHere()) {
    for (Gate gate : {Gate::kSilu, Gate::kGeluTanh, Gate::kGeluErf, Gate::kRelu, Gate::kTanh,
                      Gate::kIdentity}) {
      std::vector<float> y = points;
      KernelsFor(level).gate(gate, ones.data(), static_cast<int64_t>(y.size()), y.data());
      for (size_t i = 0; i < y.size(); ++i) {
        const double x = points[i];
        const double expected = ExpectedGate(gate, x);
        // e^-u magnifies the rounding of its argument u by u; erf and 1 + erf round absolutely.
        double tolerance = std::fabs(expected) * 6e-7 * (1 + std::fabs(std::min(x, 0.0)) * 0.5);
        if (gate == Gate::kGeluTanh) tolerance *= 1 + std::min(x * x, 1e3);
        if (gate == Gate::kGeluErf) tolerance += std::min(std::fabs(x), 8.0) * 3e-7;
        ASSERT_NEAR(y[i], expected, tolerance + 1e-36)
            << "gate " << static_cast<int>(gate) << " at " << x << " " << CpuLevelName(level);
      }
    }
  }
}

TEST(GateTest, SquaredAndClampedFunctions) {
  for (CpuLevel level : LevelsHere()) {
    std::vector<float> y = {-3.0f, 0.0f, 2.5f};
    const std::vector<float> up = {1.0f, 1.0f, -2.0f};
    KernelsFor(level).gate(Gate::kReluSquared, up.data(), 3, y.data());
    EXPECT_THAT(y, testing::ElementsAre(0.0f, 0.0f, -12.5f));
    const std::vector<float> gates = {-9.0f, -1.5f, 0.5f, 6.5f, 30.0f};
    const std::vector<float> ups = {0.5f, -20.0f, 3.0f, 12.0f, -0.25f};
    y = gates;
    KernelsFor(level).gate(Gate::kClampedSwish, ups.data(), 5, y.data());
    for (size_t i = 0; i < y.size(); ++i) {
      const double g = std::min(7.0, static_cast<double>(gates[i]));
      const double u = std::clamp(static_cast<double>(ups[i]), -7.0, 7.0);
      const double expected = g / (1 + std::exp(-1.702 * g)) * (u + 1);
      EXPECT_NEAR(y[i], expected, std::fabs(expected) * 5e-6);  // e^15 magnifies its rounding
    }
  }
}

TEST(CutTest, KeepsWhatExceedsTheMeanByDeviations) {
  for (CpuLevel level : LevelsHere()) {
    for (int64_t columns : {1, 15, 64, 100, 576}) {
      const std::vector<float> x = RandomActivations(1, columns, 3);
      double mean = 0, squares = 0, largest = 0;
      for (float v : x) mean += v / static_cast<double>(columns);
      for (float v : x) {
        squares += (v - mean) * (v - mean);
        largest = std::max(largest, std::fabs(static_cast<double>(v)));
      }
      for (float deviations : {-0.7f, 0.0f, 1.644854f}) {
        std::vector<float> y = x;
        KernelsFor(level).cut(deviations, columns, y.data());
        const double cut = mean + deviations * std::sqrt(squares / static_cast<double>(columns));
        for (int64_t i = 0; i < columns; ++i) {
          // The mean and the deviation are off as sums over the columns are.
          const double tolerance = 3 * largest * (columns / 16.0 + 10) * 0x1p-24;
          EXPECT_NEAR(y[i], std::max(0.0, x[i] - cut), tolerance) << columns;
        }
      }
    }
  }
}

TEST(MeanSquareTest, MatchesDoublePrecision) {
  for (CpuLevel level : LevelsHere()) {
    for (int64_t columns : {1, 15, 64, 100, 576}) {
      const std::vector<float> x = RandomActivations(1, columns, 3);
      double expected = 0;
      for (float v : x) expected += static_cast<double>(v) * v / static_cast<double>(columns);
      EXPECT_NEAR(KernelsFor(level).mean_square(x.data(), columns), expected,
                  expected * (columns / 64.0 + 10) * 0x1p-24);
    }
  }
}

TEST(MixTest, AddsWeightedInputsAsTheyWere) {
  constexpr int64_t kStreams = 3;
  const std::vector<float> coefficients = RandomActivations(1, kStreams * kStreams, 5);
  for (CpuLevel level : LevelsHere()) {
    for (int64_t columns : {1, 16, 45}) {
      const std::vector<float> before = RandomActivations(kStreams, columns, 3);
      std::vector<float> after = before;
      std::vector<float*> streams;
      for (int64_t i = 0; i < kStreams; ++i) streams.push_back(after.data() + i * columns);
      KernelsFor(level).mix(streams.data(), kStreams, coefficients.data(), columns, streams.data(),
                            kStreams);
      for (int64_t i = 0; i < kStreams; ++i) {
        for (int64_t k = 0; k < columns; ++k) {
          double expected = before[i * columns + k], sum = std::fabs(expected);
          for (int64_t j = 0; j < kStreams; ++j) {
            const double term =
                static_cast<double>(coefficients[i * kStreams + j]) * before[j * columns + k];
            expected += term;
            sum += std::fabs(term);
          }
          EXPECT_NEAR(after[i * columns + k], expected, sum * 4 * 0x1p-24);
        }
      }
    }
  }
}

TEST(HalfTest, EveryHalfSurvivesTheRoundTrip) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const float f = HalfToFloat(static_cast<uint16_t>(h));
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(f))));
    } else {
      ASSERT_EQ(FloatToHalf(f), h);
      // Between two neighbours ties go to the even one.
      if ((h & 0x7fff) < 0x7bff) {
        const float next = HalfToFloat(static_cast<uint16_t>(h + 1));
        ASSERT_EQ(FloatToHalf((f + next) / 2), h + (h & 1));
      }
    }
  }
}

}  // namespace
}  // namespace skep::cpu
