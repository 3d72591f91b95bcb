// What a GGUF file's metadata say in Hugging Face's terms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "models/weights/config_view.h"
#include "tests/unit/weights/gguf_builder.h"

namespace skep::models {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

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

TEST(GgufConfigTest, LlamaKeys) {
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

TEST(GgufConfigTest, RopeScaling) {
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

// Of cos and sin: see CopyMagnitude for who writes which key.
TEST(GgufConfigTest, RopeMagnitude) {
  const auto rope = [](const char* type, std::vector<std::pair<const char*, float>> factors) {
    GgufBuilder builder = LlamaGguf();
    builder.String("llama.rope.scaling.type", type)
        .F32("llama.rope.scaling.factor", 4)
        .U32("llama.rope.scaling.original_context_length", 2048);
    for (const auto& [key, value] : factors) {
      builder.F32(absl::StrCat("llama.rope.scaling.", key), value);
    }
    const auto view = GgufView(builder);
    return view.ok() ? view->Rope() : view.status();
  };
  EXPECT_EQ(rope("yarn", {})->attention_factor, std::nullopt);
  EXPECT_EQ(rope("yarn", {{"attn_factor", 1}})->attention_factor, std::nullopt);
  EXPECT_EQ(rope("yarn", {{"yarn_attn_factor", 1.5f}})->attention_factor, 1.5);
  EXPECT_EQ(rope("yarn", {{"yarn_attn_factor", 1}, {"yarn_ext_factor", -1}})->attention_factor,
            std::nullopt);
  EXPECT_EQ(rope("longrope", {{"attn_factor", 1.25f}})->attention_factor, 1.25);
  EXPECT_EQ(rope("linear", {{"yarn_attn_factor", 1}, {"attn_factor", 1}})->type, "linear");
  for (const char* type : {"none", "linear", "yarn"}) {
    const absl::Status status = rope(type, {{"attn_factor", 1.25f}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << type;
    EXPECT_THAT(std::string(status.message()), HasSubstr("rope.scaling.attn_factor 1.25"));
  }
  EXPECT_THAT(std::string(rope("yarn", {{"yarn_ext_factor", 0}}).status().message()),
              HasSubstr("yarn_ext_factor 0 is not supported; 1 is"));
}

TEST(GgufConfigTest, Gemma3Defaults) {
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

TEST(GgufConfigTest, Gemma3nSparsityAsPartsOfGates) {
  const std::vector<float> scales = {1.6448536f, 0.0f, -std::numeric_limits<float>::infinity()};
  std::string bytes(scales.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), scales.data(), bytes.size());
  GgufBuilder builder;
  builder.String("general.architecture", "gemma3n")
      .U32("gemma3n.block_count", 30)
      .Array("gemma3n.activation_sparsity_scale", /*type=*/6, scales.size(), bytes);
  const auto view = GgufView(builder);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_THAT(*view->Floats("activation_sparsity_pattern"),
              ElementsAre(DoubleNear(0.95, 1e-7), 0.5, 0.0));
  EXPECT_EQ(*view->RequiredInt("num_kv_shared_layers"), 10);  // llama.cpp's first is layer 20
  EXPECT_EQ(view->LayerTypes(30, 1)->at(4), "full_attention");
  EXPECT_EQ(view->LayerTypes(30, 1)->at(5), "sliding_attention");
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

TEST(GgufConfigTest, DeepseekHeads) {
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

TEST(GgufConfigTest, DeepseekRoutersOfOldFiles) {
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

TEST(GgufConfigTest, SwitchesWithoutKeysAreKnownByTheirTensors) {
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

TEST(GgufConfigTest, LayersForFurtherTokensAreNotCounted) {
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

TEST(GgufConfigTest, Ministral3ScalesQueries) {
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

TEST(GgufConfigTest, Gemma2Defaults) {
  const auto view = GgufView(GgufBuilder().String("general.architecture", "gemma2"));
  EXPECT_EQ(*view->RequiredFloat("attn_logit_softcapping"), 50.0);
  EXPECT_EQ(*view->RequiredFloat("final_logit_softcapping"), 30.0);
  EXPECT_EQ(*view->RequiredInt("sliding_window"), 4096);
  EXPECT_THAT(*view->LayerTypes(2, 1), ElementsAre("sliding_attention", "full_attention"));
}

TEST(GgufConfigTest, RefusesNonsense) {
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

TEST(GgufConfigTest, PerLayerValuesAreLists) {
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
