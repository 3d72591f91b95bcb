#include "models/weights/config_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "models/weights/model_files.h"
#include "tests/unit/weights/gguf_builder.h"

namespace skep::models {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

std::string Golden(const std::string& name) {
  const std::string path = std::string(std::getenv("SKEP_GOLDEN_DIR")) + "/configs/" + name;
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
  const auto types = [](std::string_view config, int64_t layers, int64_t pattern) {
    std::string letters;
    const auto result = View(config).LayerTypes(layers, pattern);
    if (!result.ok()) return std::string(result.status().message());
    for (const std::string& type : *result) letters += type[0];
    return letters;
  };
  EXPECT_EQ(types("{}", 4, 1), "ffff");
  EXPECT_EQ(types("{}", 4, 0), "ssss");
  EXPECT_EQ(types("{}", 7, 3), "ssfssfs");
  EXPECT_EQ(types(R"({"sliding_window_pattern": 2})", 4, 6), "sfsf");
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

absl::StatusOr<ConfigView> GgufView(const GgufBuilder& builder) {
  const std::string bytes = builder.Build();
  const auto file = ParseGguf(bytes);
  if (!file.ok()) return file.status();
  return ConfigView::FromGguf(**file);  // outlives the file
}

GgufBuilder LlamaGguf() {
  GgufBuilder builder;
  builder.String("general.architecture", "llama")
      .U32("llama.block_count", 30)
      .U32("llama.embedding_length", 576)
      .U32("llama.attention.head_count", 9)
      .U32("llama.attention.head_count_kv", 3)
      .U32("llama.context_length", 8192)
      .U32("llama.rope.dimension_count", 64)
      .F32("llama.rope.freq_base", 100000)
      .F32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .Array("tokenizer.ggml.tokens", 8, 2, GgufString("a") + GgufString("b"))
      .U32("tokenizer.ggml.eos_token_id", 2)
      .U32("tokenizer.ggml.eot_token_id", 1);
  return builder;
}

TEST(ConfigViewGguf, LlamaKeys) {
  const auto view = GgufView(LlamaGguf());
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_TRUE(view->is_gguf());
  EXPECT_EQ(view->architecture(), "llama");
  EXPECT_EQ(*view->RequiredInt("num_hidden_layers"), 30);
  EXPECT_EQ(*view->RequiredInt("hidden_size"), 576);
  EXPECT_EQ(*view->RequiredInt("num_attention_heads"), 9);
  EXPECT_EQ(*view->RequiredInt("num_key_value_heads"), 3);
  EXPECT_EQ(*view->RequiredInt("vocab_size"), 2);
  EXPECT_EQ(*view->RequiredFloat("rms_norm_eps"), static_cast<double>(1e-5f));
  EXPECT_EQ(*view->BoolOr("tie_word_embeddings", false), true);
  EXPECT_THAT(*view->EosTokenIds(), ElementsAre(2, 1));
  EXPECT_FALSE(view->Has("head_dim"));
  const auto rope = view->Rope();
  ASSERT_TRUE(rope.ok()) << rope.status();
  EXPECT_EQ(rope->type, "default");
  EXPECT_EQ(rope->theta, 100000);
  EXPECT_EQ(rope->partial_rotary_factor, 1.0);
  EXPECT_EQ(view->RequiredInt("intermediate_size").status(),
            absl::NotFoundError("'test': 'llama.feed_forward_length' is missing, and there is no "
                                "default"));
}

TEST(ConfigViewGguf, RopeScaling) {
  const auto linear = GgufView(
      LlamaGguf().String("llama.rope.scaling.type", "linear").F32("llama.rope.scaling.factor", 4));
  EXPECT_EQ(linear->Rope()->type, "linear");
  EXPECT_EQ(linear->Rope()->factor, 4.0);
  const auto yarn = GgufView(LlamaGguf()
                                 .String("llama.rope.scaling.type", "yarn")
                                 .F32("llama.rope.scaling.factor", 4)
                                 .U32("llama.rope.scaling.original_context_length", 2048)
                                 .F32("llama.rope.scaling.yarn_beta_fast", 16));
  EXPECT_EQ(yarn->Rope()->type, "yarn");
  EXPECT_EQ(yarn->Rope()->original_max_position_embeddings, 2048);
  EXPECT_EQ(yarn->Rope()->beta_fast, 16.0);
  const auto none = GgufView(LlamaGguf().String("llama.rope.scaling.type", "none"));
  EXPECT_EQ(none->Rope()->type, "default");
  const auto partial = GgufView(LlamaGguf().U32("llama.attention.key_length", 128));
  EXPECT_EQ(partial->Rope()->partial_rotary_factor, 0.5);
}

TEST(ConfigViewGguf, Gemma3Defaults) {
  GgufBuilder builder;
  builder.String("general.architecture", "gemma3")
      .U32("gemma3.attention.sliding_window", 512)
      .F32("gemma3.rope.freq_base", 1000000)
      .String("gemma3.rope.scaling.type", "linear")
      .F32("gemma3.rope.scaling.factor", 8)
      .Tensor("output.weight", {8}, 0, 0)
      .Data(32);
  const auto view = GgufView(builder);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(*view->RequiredInt("sliding_window"), 512);
  EXPECT_EQ(view->Rope("full_attention")->theta, 1e6);
  EXPECT_EQ(view->Rope("full_attention")->factor, 8.0);
  EXPECT_EQ(view->Rope("sliding_attention")->theta, 1e4);
  EXPECT_EQ(view->Rope("sliding_attention")->type, "default");
  EXPECT_EQ(view->LayerTypes(6, 1)->at(5), "full_attention");
  EXPECT_EQ(view->LayerTypes(6, 1)->at(4), "sliding_attention");
  EXPECT_EQ(*view->BoolOr("tie_word_embeddings", true), false);
}

// What DeepSeek V3's files say, now and before 2025.
GgufBuilder DeepseekGguf(uint32_t layers, uint32_t experts) {
  GgufBuilder builder;
  builder.String("general.architecture", "deepseek2")
      .U32("deepseek2.block_count", layers)
      .U32("deepseek2.context_length", 163840)
      .U32("deepseek2.expert_count", experts)
      .U32("deepseek2.attention.kv_lora_rank", 512)
      .U32("deepseek2.rope.dimension_count", 64)
      .String("deepseek2.rope.scaling.type", "yarn")
      .F32("deepseek2.rope.scaling.factor", 40)
      .U32("deepseek2.rope.scaling.original_context_length", 4096)
      .F32("deepseek2.rope.scaling.yarn_log_multiplier", 0.0707f);
  return builder;
}

void ExpectDeepseekHeads(const ConfigView& view) {
  EXPECT_EQ(*view.RequiredInt("qk_rope_head_dim"), 64);
  EXPECT_EQ(*view.RequiredInt("qk_nope_head_dim"), 128);
  EXPECT_EQ(*view.RequiredInt("v_head_dim"), 96);
}

TEST(ConfigViewGguf, DeepseekHeads) {
  const auto now = GgufView(DeepseekGguf(61, 384)
                                .U32("deepseek2.attention.key_length", 576)
                                .U32("deepseek2.attention.value_length", 512)
                                .U32("deepseek2.attention.key_length_mla", 192)
                                .U32("deepseek2.attention.value_length_mla", 96));
  ASSERT_TRUE(now.ok()) << now.status();
  ExpectDeepseekHeads(*now);
  EXPECT_FALSE(now->Has("n_group"));
  const auto rope = now->Rope();
  ASSERT_TRUE(rope.ok()) << rope.status();
  EXPECT_FLOAT_EQ(static_cast<float>(*rope->mscale_all_dim), 0.707f);
  EXPECT_EQ(*rope->mscale, *rope->mscale_all_dim);

  const auto before = GgufView(DeepseekGguf(61, 256)
                                   .U32("deepseek2.attention.key_length", 192)
                                   .U32("deepseek2.attention.value_length", 96));
  ASSERT_TRUE(before.ok()) << before.status();
  ExpectDeepseekHeads(*before);
}

TEST(ConfigViewGguf, DeepseekRoutersOfOldFiles) {
  const auto groups = [](uint32_t layers, uint32_t experts) {
    const auto view = GgufView(DeepseekGguf(layers, experts));
    return std::vector<int64_t>{*view->IntOr("n_group", 0), *view->IntOr("topk_group", 0)};
  };
  EXPECT_THAT(groups(60, 160), ElementsAre(8, 3));  // V2
  EXPECT_THAT(groups(61, 256), ElementsAre(8, 4));  // V3
  EXPECT_THAT(groups(27, 64), ElementsAre(0, 0));   // V2-Lite
  const auto given = GgufView(DeepseekGguf(61, 256)
                                  .U32("deepseek2.expert_group_count", 2)
                                  .U32("deepseek2.expert_group_used_count", 1));
  EXPECT_EQ(*given->RequiredInt("n_group"), 2);
  EXPECT_EQ(*given->RequiredInt("topk_group"), 1);

  // GLM-4.7-Flash, with a layer that guesses further ahead: sigmoid.
  const auto flash = GgufView(DeepseekGguf(48, 64)
                                  .U32("deepseek2.nextn_predict_layers", 1)
                                  .U32("deepseek2.vocab_size", 154880));
  EXPECT_EQ(*flash->RequiredInt("num_hidden_layers"), 47);
  EXPECT_EQ(*flash->RequiredInt("expert_gating_func"), 2);
  EXPECT_FALSE(GgufView(DeepseekGguf(27, 64))->Has("expert_gating_func"));
}

TEST(ConfigViewTest, Sections) {
  const ConfigView view = View(R"({"inner": {"bits": 4}, "other": 1})");
  EXPECT_EQ(*view.Section("inner")->RequiredInt("bits"), 4);
  EXPECT_FALSE(view.Section("absent")->Has("bits"));
  EXPECT_THAT(std::string(view.Section("other").status().message()), HasSubstr("an object"));
  EXPECT_THAT(std::string(view.Section("inner")->RequiredInt("x").status().message()),
              HasSubstr("config.json, inner"));
}

TEST(ConfigViewGguf, SwitchesWithoutKeysAreKnownByTheirTensors) {
  GgufBuilder phi;
  phi.String("general.architecture", "phi3")
      .U32("phi3.context_length", 131072)
      .U32("phi3.rope.scaling.original_context_length", 4096)
      .F32("phi3.rope.scaling.attn_factor", 1.25f)
      .Tensor("rope_factors_long.weight", {8}, 0, 0)
      .Data(32);
  EXPECT_EQ(GgufView(phi)->Rope()->type, "longrope");
  EXPECT_EQ(GgufView(phi)->Rope()->original_max_position_embeddings, 4096);
  EXPECT_EQ(GgufView(phi)->Rope()->attention_factor, 1.25);
  GgufBuilder stablelm;  // whose converter once wrote the key wrong
  stablelm.String("general.architecture", "stablelm")
      .Key("stablelm.use_parallel_residual", /*type=*/7, Bytes<uint8_t>(1))
      .Tensor("blk.0.ffn_norm.weight", {8}, 0, 0)
      .Data(32);
  EXPECT_EQ(*GgufView(stablelm)->BoolOr("use_parallel_residual", true), false);
  EXPECT_EQ(*GgufView(stablelm)->BoolOr("qk_layernorm", true), false);
}

TEST(ConfigViewGguf, LayersForFurtherTokensAreNotCounted) {
  const auto view = [](uint32_t predicting) {
    return GgufView(GgufBuilder()
                        .String("general.architecture", "glm4moe")
                        .U32("glm4moe.block_count", 47)
                        .U32("glm4moe.nextn_predict_layers", predicting));
  };
  EXPECT_EQ(*view(1)->RequiredInt("num_hidden_layers"), 46);
  EXPECT_EQ(*view(0)->RequiredInt("num_hidden_layers"), 47);
  EXPECT_EQ(*view(47)->RequiredInt("num_hidden_layers"), 47);
}

TEST(ConfigViewGguf, Ministral3ScalesQueries) {
  const auto view = GgufView(GgufBuilder()
                                 .String("general.architecture", "mistral3")
                                 .String("mistral3.rope.scaling.type", "yarn")
                                 .F32("mistral3.rope.scaling.factor", 16)
                                 .U32("mistral3.rope.scaling.original_context_length", 16384)
                                 .F32("mistral3.rope.scaling.yarn_log_multiplier", 1)
                                 .F32("mistral3.attention.temperature_scale", 0.5f));
  const auto rope = view->Rope();
  ASSERT_TRUE(rope.ok()) << rope.status();
  EXPECT_EQ(rope->llama_4_scaling_beta, 0.5);
  EXPECT_EQ(rope->mscale, 1.0);
  EXPECT_EQ(rope->mscale_all_dim, 1.0);
}

TEST(ConfigViewGguf, Gemma2Defaults) {
  const auto view = GgufView(GgufBuilder().String("general.architecture", "gemma2"));
  EXPECT_EQ(*view->RequiredFloat("attn_logit_softcapping"), 50.0);
  EXPECT_EQ(*view->RequiredFloat("final_logit_softcapping"), 30.0);
  EXPECT_EQ(*view->RequiredInt("sliding_window"), 4096);
  EXPECT_THAT(*view->LayerTypes(2, 1), ElementsAre("sliding_attention", "full_attention"));
}

TEST(ConfigViewGguf, RefusesNonsense) {
  const auto error = [](const GgufBuilder& builder) {
    const auto view = GgufView(builder);
    EXPECT_FALSE(view.ok());
    return std::string(view.status().message());
  };
  EXPECT_THAT(error(GgufBuilder()), HasSubstr("'general.architecture' is missing"));
  EXPECT_THAT(error(GgufBuilder().U32("general.architecture", 1)), HasSubstr("expected string"));
  GgufBuilder rotated_beyond_the_head;
  rotated_beyond_the_head.String("general.architecture", "llama")
      .U32("llama.attention.head_count", 2)
      .U32("llama.embedding_length", 64)
      .U32("llama.rope.dimension_count", 33);
  EXPECT_THAT(std::string(GgufView(rotated_beyond_the_head)->Rope().status().message()),
              HasSubstr("'partial_rotary_factor' is above 1"));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  GgufBuilder rope_nan;
  rope_nan.String("general.architecture", "llama").F32("llama.rope.freq_base", nan);
  EXPECT_THAT(std::string(GgufView(rope_nan)->Rope().status().message()),
              HasSubstr("must be a finite number"));
}

TEST(ConfigViewGguf, PerLayerValuesAreLists) {
  const auto view = GgufView(
      GgufBuilder()
          .String("general.architecture", "llama")
          .Array("llama.attention.head_count_kv", 4, 2, Bytes<uint32_t>(4) + Bytes<uint32_t>(8)));
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_THAT(*view->Ints("num_key_value_heads"), ElementsAre(4, 8));
  EXPECT_THAT(std::string(view->RequiredInt("num_key_value_heads").status().message()),
              HasSubstr("'llama.attention.head_count_kv' is [4,8], expected an integer"));
}

}  // namespace
}  // namespace skep::models
