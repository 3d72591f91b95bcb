#include "models/weights/config_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "models/weights/model_files.h"
#include "tests/golden/golden_path.h"

namespace skep::models {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

std::string Golden(const std::string& name) {
  const std::string path = GoldenPath("configs/") + name;
  const absl::StatusOr<std::string> text = ReadSmallFile(path, /*max_bytes=*/1u << 20);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("{}");
}

ConfigView View(std::string_view config, std::string_view generation = "") {
  absl::StatusOr<ConfigView> view = ConfigView::FromJson(config, generation, "config.json");
  EXPECT_TRUE(view.ok()) << view.status();
  return *view;
}

void ExpectRope(const RopeParameters& actual, const json& expected) {
  EXPECT_EQ(actual.type, expected.at("rope_type").get<std::string>());
  EXPECT_EQ(actual.theta, expected.at("rope_theta").get<double>());
  EXPECT_EQ(actual.factor, expected.value("factor", 1.0));
  EXPECT_EQ(actual.low_freq_factor, expected.value("low_freq_factor", 1.0));
  EXPECT_EQ(actual.high_freq_factor, expected.value("high_freq_factor", 1.0));
  EXPECT_EQ(actual.beta_fast, expected.value("beta_fast", 32.0));
  EXPECT_EQ(actual.beta_slow, expected.value("beta_slow", 1.0));
  EXPECT_EQ(actual.short_factor, expected.value("short_factor", std::vector<double>{}));
  EXPECT_EQ(actual.long_factor, expected.value("long_factor", std::vector<double>{}));
  if (expected.contains("original_max_position_embeddings")) {
    EXPECT_EQ(actual.original_max_position_embeddings,
              expected.at("original_max_position_embeddings").get<int64_t>());
  }
}

// Both dialects of a configuration against what transformers makes of it.
void ExpectConfig(const ConfigView& view, const json& expected) {
  for (const auto& [key, value] : expected.at("ints").items()) {
    const absl::StatusOr<int64_t> actual = view.RequiredInt(key);
    ASSERT_TRUE(actual.ok()) << actual.status();
    EXPECT_EQ(*actual, value.get<int64_t>()) << key;
  }
  EXPECT_EQ(*view.RequiredFloat("rms_norm_eps"), expected.at("rms_norm_eps").get<double>());
  EXPECT_EQ(view.model_type(), expected.at("model_type").get<std::string>());
  EXPECT_EQ(*view.EosTokenIds(), expected.at("eos_token_ids").get<std::vector<int64_t>>());

  const bool gemma3 = view.model_type() == "gemma3_text";
  const RopeDefaults defaults =
      gemma3 ? RopeDefaults{.theta = 1e6, .sliding_theta = 1e4} : RopeDefaults{};
  for (const auto& [kind, rope] : expected.at("rope").items()) {
    const absl::StatusOr<RopeParameters> actual = view.Rope(kind, defaults);
    ASSERT_TRUE(actual.ok()) << actual.status();
    ExpectRope(*actual, rope);
  }
  if (const json& types = expected.at("layer_types"); !types.is_null()) {
    EXPECT_EQ(*view.LayerTypes(static_cast<int64_t>(types.size()), /*default_pattern=*/6),
              types.get<std::vector<std::string>>());
  }
}

TEST(ConfigViewGolden, BothDialectsSayWhatTransformersUnderstands) {
  for (const auto& name : json::parse(Golden("names.json")).get<std::vector<std::string>>()) {
    const json expected = json::parse(Golden(name + ".expected.json"));
    for (const char* dialect : {".released.json", ".saved.json"}) {
      SCOPED_TRACE(name + dialect);
      ExpectConfig(View(Golden(name + dialect)), expected);
    }
  }
}

TEST(ConfigViewTest, RequiredKeysAreRequired) {
  const ConfigView view = View(R"({"a": "text", "b": null, "c": 1.5, "d": [1], "e": 1e6})");
  EXPECT_EQ(
      view.RequiredInt("hidden_size").status(),
      absl::NotFoundError("'config.json': 'hidden_size' is missing, and there is no default"));
  EXPECT_EQ(view.RequiredInt("b").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(view.RequiredInt("a").status(),
            absl::InvalidArgumentError("'config.json': 'a' is \"text\", expected an integer"));
  EXPECT_FALSE(view.RequiredInt("c").ok());
  EXPECT_FALSE(view.RequiredInt("d").ok());
  EXPECT_EQ(*view.RequiredInt("e"), 1'000'000);
  EXPECT_EQ(*view.RequiredFloat("c"), 1.5);
  EXPECT_EQ(*view.RequiredString("a"), "text");
  EXPECT_THAT(std::string(view.RequiredIntIn("e", 1, 100).status().message()),
              HasSubstr("'e' is 1000000, expected 1 to 100"));
}

TEST(ConfigViewTest, DefaultsHideNoMistake) {
  const ConfigView view = View(R"({"i": 3, "f": 0.5, "b": true, "s": "x", "n": null})");
  EXPECT_EQ(*view.IntOr("absent", 7), 7);
  EXPECT_EQ(*view.IntOr("n", 7), 7);
  EXPECT_EQ(*view.IntOr("i", 7), 3);
  EXPECT_FALSE(view.IntOr("s", 7).ok());
  EXPECT_EQ(*view.FloatOr("f", 1), 0.5);
  EXPECT_FALSE(view.FloatOr("b", 1).ok());
  EXPECT_EQ(*view.BoolOr("b", false), true);
  EXPECT_FALSE(view.BoolOr("i", false).ok());
  EXPECT_EQ(*view.StringOr("s", "y"), "x");
  EXPECT_FALSE(view.StringOr("i", "y").ok());
  EXPECT_FALSE(view.OptionalInt("n")->has_value());
  EXPECT_FALSE(view.Has("n"));
  EXPECT_TRUE(view.Has("i"));
}

TEST(ConfigViewTest, ListsTakeSingleValues) {
  const ConfigView view = View(R"({"one": 2, "two": [2, 3], "bad": [1, "x"], "s": ["a"]})");
  EXPECT_THAT(*view.Ints("one"), ElementsAre(2));
  EXPECT_THAT(*view.Ints("two"), ElementsAre(2, 3));
  EXPECT_TRUE(view.Ints("absent")->empty());
  EXPECT_FALSE(view.Ints("bad").ok());
  EXPECT_THAT(*view.Strings("s"), ElementsAre("a"));
  EXPECT_THAT(*view.Floats("two"), ElementsAre(2.0, 3.0));
}

TEST(ConfigViewTest, AliasesAndWrappers) {
  const ConfigView gpt2 = View(R"({"n_embd": 768, "n_layer": 12, "model_type": "gpt2"})");
  EXPECT_EQ(*gpt2.RequiredInt("hidden_size"), 768);
  EXPECT_EQ(*gpt2.RequiredInt("num_hidden_layers"), 12);
  EXPECT_EQ(gpt2.architecture(), "gpt2");
  const ConfigView both = View(R"({"hidden_size": 5, "n_embd": 768})");
  EXPECT_EQ(*both.RequiredInt("hidden_size"), 5);
  const ConfigView wrapped =
      View(R"({"architectures": ["X"], "model_type": "outer", "hidden_size": 1,
      "only_outside": 3, "text_config": {"model_type": "inner", "hidden_size": 2}})");
  EXPECT_EQ(*wrapped.RequiredInt("hidden_size"), 2);
  EXPECT_EQ(*wrapped.RequiredInt("only_outside"), 3);
  EXPECT_EQ(wrapped.architecture(), "X");
  EXPECT_EQ(wrapped.model_type(), "inner");
}

TEST(ConfigViewTest, DotsLookIntoObjects) {
  const ConfigView view = View(R"({"attn_config": {"clip_qkv": 4, "qk_ln": null}, "alibi": true})");
  EXPECT_EQ(*view.FloatOr("attn_config.clip_qkv", 0), 4);
  EXPECT_EQ(*view.FloatOr("clip_qkv", 0), 4);
  EXPECT_FALSE(view.Has("attn_config.qk_ln"));
  EXPECT_FALSE(view.Has("alibi.clip_qkv"));
  EXPECT_FALSE(view.Has("rope.theta"));
}

TEST(ConfigViewTest, GenerationConfigIsASeparateView) {
  const ConfigView view = View(R"({"eos_token_id": 2, "temperature": 9})",
                               R"({"eos_token_id": [7, 2], "temperature": 0.6, "top_k": 50})");
  EXPECT_THAT(*view.EosTokenIds(), ElementsAre(7, 2));
  EXPECT_EQ(*view.Generation().FloatOr("temperature", 1), 0.6);
  EXPECT_EQ(*view.Generation().IntOr("top_k", 0), 50);
  EXPECT_FALSE(view.Has("top_k"));
}

TEST(ConfigViewTest, RefusesWhatIsNoConfig) {
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{"), std::string("{\"a\":1e999}"),
        std::string(100'000, '['), std::string(R"({"text_config": 3})"),
        std::string("{\"a\": \"\xff\"}"), "{\"a\":" + std::string(100, '[')}) {
    const auto view = ConfigView::FromJson(text, "", "config.json");
    EXPECT_EQ(view.status().code(), absl::StatusCode::kInvalidArgument) << text.substr(0, 40);
    EXPECT_THAT(std::string(view.status().message()), HasSubstr("config.json"));
  }
}

TEST(ConfigViewTest, LayerTypes) {
  using enum ConfigView::FullLayers;
  const auto types = [](std::string_view config, int64_t layers, int64_t pattern,
                        ConfigView::FullLayers full = kLast) {
    std::string letters;
    const auto result = View(config).LayerTypes(layers, pattern, full);
    if (!result.ok()) return std::string(result.status().message());
    for (const std::string& type : *result) letters += type[0];
    return letters;
  };
  EXPECT_EQ(types("{}", 4, 1), "ffff");
  EXPECT_EQ(types("{}", 4, 0), "ssss");
  EXPECT_EQ(types("{}", 7, 3), "ssfssfs");
  EXPECT_EQ(types(R"({"sliding_window_pattern": 2})", 4, 6), "sfsf");
  EXPECT_EQ(types("{}", 7, 3, kFirst), "fssfssf");
  EXPECT_EQ(types("{}", 3, 1, kFirst), "fff");
  EXPECT_EQ(types(R"({"global_attn_every_n_layers": 2})", 4, 3, kFirst), "fsfs");
  EXPECT_EQ(types(R"({"sliding_window_pattern": [true, false, false]})", 3, 6), "sff");
  EXPECT_THAT(types(R"({"sliding_window_pattern": [true]})", 3, 6), HasSubstr("one flag a layer"));
  EXPECT_THAT(types(R"({"sliding_window_pattern": -1})", 3, 6), HasSubstr("0 or more"));
  EXPECT_THAT(types(R"({"layer_types": ["full_attention"]})", 3, 6),
              HasSubstr("has 1 entries, expected one for each of 3 layers"));
}

TEST(ConfigViewTest, RopeRefusesWhatItDoesNotKnow) {
  const auto error = [](std::string_view scaling) {
    const auto rope =
        View(R"({"max_position_embeddings": 64, "rope_scaling": )" + std::string(scaling) + "}")
            .Rope();
    return rope.ok() ? std::string("ok") : std::string(rope.status().message());
  };
  EXPECT_EQ(error(R"({"type": "linear", "factor": 2})"), "ok");
  EXPECT_THAT(error(R"({"type": "mrope"})"), HasSubstr("RoPE type 'mrope' is not supported"));
  EXPECT_THAT(error(R"({"type": 3})"), HasSubstr("must be a string"));
  EXPECT_THAT(error(R"({"type": "linear"})"), HasSubstr("'factor' is missing"));
  EXPECT_THAT(error(R"({"type": "linear", "factor": 0})"), HasSubstr("expected more than 0"));
  EXPECT_THAT(error(R"({"type": "linear", "factor": "2"})"), HasSubstr("must be a finite number"));
  EXPECT_THAT(error(R"({"type": "llama3", "factor": 8})"), HasSubstr("is missing"));
  EXPECT_THAT(error(R"({"type": "longrope", "factor": 8})"),
              HasSubstr("'short_factor' is missing"));
  EXPECT_THAT(error("[1]"), HasSubstr("expected an object"));
  EXPECT_THAT(error(R"({"rope_theta": 0})"), HasSubstr("'rope_theta' is 0"));
  EXPECT_THAT(error(R"({"rope_theta": null})"), "ok");
}

TEST(ConfigViewTest, RopeOfOneKindOfLayer) {
  const ConfigView view = View(R"({"rope_parameters": {"full_attention": {"rope_type": "default",
      "rope_theta": 5.0}}})");
  EXPECT_EQ(view.Rope("full_attention")->theta, 5.0);
  EXPECT_THAT(std::string(view.Rope("sliding_attention").status().message()),
              HasSubstr("'rope_parameters' has nothing for layers of type 'sliding_attention'"));
}

TEST(ConfigViewTest, SlidingLayersShareTheRopeUnlessTheFamilyOrFileSaysOtherwise) {
  const ConfigView view =
      View(R"({"rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 8}})");
  EXPECT_EQ(view.Rope("sliding_attention")->type, "linear");
  const auto own = view.Rope("sliding_attention", {.sliding_theta = 1e4});
  EXPECT_EQ(own->type, "default");
  EXPECT_EQ(own->theta, 1e4);
  EXPECT_EQ(own->factor, 1.0);
}

TEST(ConfigViewTest, PartialRotaryAndPhi3Dialect) {
  const ConfigView view = View(R"({"model_type": "phi3", "partial_rotary_factor": 0.75,
      "max_position_embeddings": 131072, "original_max_position_embeddings": 4096,
      "rope_scaling": {"type": "su", "short_factor": [1], "long_factor": [2]}})");
  const auto rope = view.Rope();
  ASSERT_TRUE(rope.ok()) << rope.status();
  EXPECT_EQ(rope->type, "longrope");
  EXPECT_EQ(rope->partial_rotary_factor, 0.75);
  EXPECT_EQ(rope->original_max_position_embeddings, 4096);
  EXPECT_EQ(rope->factor, 32.0);
}

TEST(ConfigViewTest, TheOriginalContextIsNeverNegative) {
  for (const char* type : {"default", "linear", "dynamic", "yarn"}) {
    const ConfigView view = View(absl::StrCat(
        R"({"max_position_embeddings": 64, "original_max_position_embeddings": -1,
            "rope_scaling": {"factor": 2, "type": ")",
        type, R"("}})"));
    EXPECT_EQ(view.Rope().status().code(), absl::StatusCode::kInvalidArgument) << type;
    EXPECT_THAT(std::string(view.Rope().status().message()),
                HasSubstr("'original_max_position_embeddings' is -1"));
  }
}

TEST(ConfigViewTest, Sections) {
  const ConfigView view = View(R"({"inner": {"bits": 4}, "other": 1})");
  EXPECT_EQ(*view.Section("inner")->RequiredInt("bits"), 4);
  EXPECT_FALSE(view.Section("absent")->Has("bits"));
  EXPECT_THAT(std::string(view.Section("other").status().message()), HasSubstr("an object"));
  EXPECT_THAT(std::string(view.Section("inner")->RequiredInt("x").status().message()),
              HasSubstr("config.json, inner"));
}

}  // namespace
}  // namespace skep::models
