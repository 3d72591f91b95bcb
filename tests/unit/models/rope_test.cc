#include "models/layers/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/golden/golden_path.h"

namespace skep::models {
namespace {

using nlohmann::json;

RopeParameters ParametersOf(const json& values) {
  RopeParameters p;
  p.type = values.at("rope_type");
  p.theta = values.at("rope_theta");
  p.factor = values.value("factor", p.factor);
  p.partial_rotary_factor = values.value("partial_rotary_factor", p.partial_rotary_factor);
  p.low_freq_factor = values.value("low_freq_factor", p.low_freq_factor);
  p.high_freq_factor = values.value("high_freq_factor", p.high_freq_factor);
  p.beta_fast = values.value("beta_fast", p.beta_fast);
  p.beta_slow = values.value("beta_slow", p.beta_slow);
  p.truncate = values.value("truncate", p.truncate);
  if (values.contains("mscale")) p.mscale = values["mscale"];
  if (values.contains("mscale_all_dim")) p.mscale_all_dim = values["mscale_all_dim"];
  p.original_max_position_embeddings =
      values.value("original_max_position_embeddings", p.original_max_position_embeddings);
  p.short_factor = values.value("short_factor", p.short_factor);
  p.long_factor = values.value("long_factor", p.long_factor);
  return p;
}

TEST(RopeTest, FollowsTransformersForEveryScalingWithinAndBeyondTheTrainedLength) {
  std::ifstream file(GoldenPath("rope/rope.json"));
  const json cases = json::parse(file);
  ASSERT_GE(cases.size(), 18u);
  for (const json& c : cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const auto rope = Rope::Create(ParametersOf(c["parameters"]), c["head_dim"],
                                   c["max_position_embeddings"], c["context"], {});
    ASSERT_TRUE(rope.ok()) << rope.status();
    const auto positions = c["positions"].get<std::vector<int32_t>>();
    const int64_t half = rope->rotary_dim() / 2;
    ASSERT_EQ(half, static_cast<int64_t>(c["cos"][0].size()));
    std::vector<float> cosine(positions.size() * half), sine(cosine.size());
    rope->Fill(positions, half, cosine.data(), sine.data());
    for (size_t t = 0; t < positions.size(); ++t) {
      // An angle near position p is a float32 with a rounding error of p * 2^-24, and frequencies
      // differ in their last place: twice that, plus the error of cos itself.
      const double tolerance = 1e-6 + 3.0 * positions[t] * 0x1p-23;
      for (int64_t i = 0; i < half; ++i) {
        EXPECT_NEAR(cosine[t * half + i], c["cos"][t][i].get<float>(), tolerance)
            << "position " << positions[t] << " pair " << i;
        EXPECT_NEAR(sine[t * half + i], c["sin"][t][i].get<float>(), tolerance)
            << "position " << positions[t] << " pair " << i;
      }
    }
  }
}

TEST(RopeTest, RefusesWhatItCannotCompute) {
  RopeParameters p;
  p.type = "spiral";
  EXPECT_EQ(Rope::Create(p, 64, 4096, 4096, {}).status().code(), absl::StatusCode::kUnimplemented);
  p = {};
  p.theta = 0;
  EXPECT_EQ(Rope::Create(p, 64, 4096, 4096, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  p = {};
  p.partial_rotary_factor = 0.01;
  EXPECT_EQ(Rope::Create(p, 64, 4096, 4096, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  p = {};
  p.type = "longrope";
  p.original_max_position_embeddings = 1024;
  p.short_factor = {1.0, 2.0};
  EXPECT_EQ(Rope::Create(p, 64, 4096, 512, {}).status().code(), absl::StatusCode::kInvalidArgument);
  const std::vector<float> divisors(3, 1.0f);
  EXPECT_EQ(Rope::Create({}, 64, 4096, 4096, divisors).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skep::models
