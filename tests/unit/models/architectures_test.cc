// What architectures refuse, by configuration alone; what they compute is in tests/golden.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/registry.h"

namespace skep::models {
namespace {

using testing::HasSubstr;

constexpr char kShape[] =
    R"("hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 384,
       "num_attention_heads": 4, "head_dim": 16, "max_position_embeddings": 256)";

// The plan of a model of this type with the usual shape and these keys.
absl::StatusOr<architectures::DecoderPlan> Plan(const std::string& model_type,
                                                const std::string& keys) {
  const std::string config = "{\"model_type\": \"" + model_type + "\", " + kShape +
                             (keys.empty() ? "" : ", " + keys) + "}";
  const auto view = ConfigView::FromJson(config, /*generation=*/"", "config.json");
  if (!view.ok()) return view.status();
  const auto architecture = FindArchitecture(*view);
  if (!architecture.ok()) return architecture.status();
  return (*architecture)->plan(*view);
}

absl::Status Check(const std::string& model_type, const std::string& keys) {
  return Plan(model_type, keys).status();
}

struct Refusal {
  std::string model_type;
  std::string keys;
  std::string message;
};

TEST(ArchitecturesTest, RefuseWhatTheyDoNotImplement) {
  const std::vector<Refusal> refusals = {
      {"phi3", R"("attention_bias": true)", "attention_bias true is not supported"},
      {"phi3", R"("hidden_act": "quick_gelu")", "activation 'quick_gelu' is not supported"},
      {"gemma", R"("use_bidirectional_attention": true)", "use_bidirectional_attention true"},
      {"modernbert", R"("architectures": ["ModernBertForSequenceClassification"])",
       "the head of ModernBertForSequenceClassification is not supported"},
      {"modernbert", R"("local_attention": 8, "layer_types": ["full_attention", "linear"])",
       "layer_types: 'linear' is not supported"},
      {"modernbert", R"("rope_scaling": {"type": "linear", "factor": 2})",
       "rope_scaling is not supported"},
      {"chatglm", R"("position_encoding_2d": false)", "position_encoding_2d false"},
      {"chatglm", R"("position_encoding_2d": true, "quantization_bit": 4)",
       "the quantization of its release (quantization_bit = 4)"},
      {"chatglm", R"("position_encoding_2d": true, "pre_seq_len": 128)", "a tuned prefix"},
      {"chatglm", R"("rmsnorm": false)", "rmsnorm false is not supported"},
      {"chatglm", R"("apply_residual_connection_post_layernorm": true)", "post_layernorm true"},
      {"glm4", R"("mrope_section": [2, 3, 3])", "RoPE in sections (mrope_section)"},
      {"ministral", R"("layer_types": ["full_attention", "chunked_attention"])",
       "layer_types: 'chunked_attention' is not supported"},
      {"cohere", R"("use_parallel_block": false)", "use_parallel_block false is not supported"},
      {"cohere", R"("use_gated_activation": false)", "use_gated_activation false is not"},
      {"cohere", R"("position_embedding_type": "alibi")", "position_embedding_type 'alibi'"},
      {"cohere", R"("rotary_pct": 0.5)", "partial_rotary_factor = 0.5 is not supported"},
      {"cohere", R"("rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5})",
       "rope_parameters.partial_rotary_factor = 0.5 is not supported"},
      {"cohere2", R"("order_of_interleaved_layers": "global_attn_first")", "'global_attn_first'"},
      {"cohere2", R"("use_qk_norm": true)", "use_qk_norm true is not supported"},
      {"cohere2", R"("layer_types": ["full_attention", "linear"])", "layer_types: 'linear'"},
  };
  for (const Refusal& refusal : refusals) {
    const absl::Status status = Check(refusal.model_type, refusal.keys);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << refusal.keys << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
  }
}

TEST(ArchitecturesTest, RefuseValuesThatCannotBe) {
  const std::vector<Refusal> refusals = {
      {"granite", R"("logits_scaling": 0)", "logits_scaling, which logits are divided by, is 0"},
      {"granitemoeshared",
       R"("num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": -1)",
       "shared_intermediate_size -1 is out of range"},
      {"granitemoe", R"("num_local_experts": 4, "num_experts_per_tok": 5)",
       "'num_experts_per_tok' is 5, expected 1 to 4"},
      {"smollm3", R"("no_rope_layers": [1, 0, 1])",
       "no_rope_layers has 3 entries, but one for each of 2 layers is right"},
      {"smollm3", R"("no_rope_layer_interval": 0)", "'no_rope_layer_interval' is 0"},
      {"chatglm",
       R"("position_encoding_2d": true, "bos_token_id": 384, "mask_token_id": 1,
          "gmask_token_id": 2)",
       "'bos_token_id' is 384, expected 0 to 383"},
      {"modernbert", R"("local_attention": 1)", "'local_attention' is 1, expected 2 to"},
      {"llama", R"("intermediate_size": [128, 128, 128])",
       "intermediate_size has 3 entries, but one for each of 2 layers is right"},
      {"llama", R"("intermediate_size": [128, 0])", "intermediate_size 0 must be 1 to"},
      {"gemma3n_text", R"("num_kv_shared_layers": 2)",
       "'num_kv_shared_layers' is 2, expected 0 to 1"},
      {"gemma3n_text",
       R"("num_kv_shared_layers": 1, "layer_types": ["full_attention", "sliding_attention"])",
       "layer 1 reads the keys and values of a layer of its kind, but none of the first 1 is"},
      {"gemma3n_text", R"("num_kv_shared_layers": 0, "activation_sparsity_pattern": [0.5])",
       "activation_sparsity_pattern has 1 entries, but one for each of 2 layers is right"},
      {"gemma3n_text", R"("num_kv_shared_layers": 0, "activation_sparsity_pattern": [0.5, 1])",
       "activation_sparsity_pattern: 1 must be 0 to less than 1"},
      {"gemma3n_text", R"("num_kv_shared_layers": 0, "altup_active_idx": 4)",
       "'altup_active_idx' is 4, expected 0 to 3"},
      {"gemma3n_text", R"("num_kv_shared_layers": 0, "altup_num_inputs": 9)",
       "'altup_num_inputs' is 9, expected 1 to 8"},
      {"gemma2", R"("query_pre_attn_scalar": 0)", "query_pre_attn_scalar must be above 0"},
      {"glm4_moe",
       R"("n_routed_experts": 4, "num_experts_per_tok": 3, "n_shared_experts": 1,
          "moe_intermediate_size": 32, "n_group": 2, "topk_group": 1)",
       "cannot give 3 experts a token"},
  };
  for (const Refusal& refusal : refusals) {
    const absl::Status status = Check(refusal.model_type, refusal.keys);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.keys << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
  }
}

TEST(ArchitecturesTest, TakeTheUsualShape) {
  for (const char* model_type :
       {"gemma", "phi3", "granite", "olmo", "olmo2", "glm", "glm4", "chatglm", "starcoder2",
        "smollm3", "helium", "stablelm", "persimmon", "ministral", "cohere", "cohere2"}) {
    EXPECT_TRUE(Check(model_type, "").ok()) << model_type << ": " << Check(model_type, "");
  }
}

// What transformers fills in, of Cohere's files that are silent.
TEST(ArchitecturesTest, CohereHasDefaultsOfItsOwn) {
  const auto first = Plan("cohere", R"("model_max_length": 131072)");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->max_positions, 131072);
  EXPECT_EQ(first->ropes.at("rope").parameters.theta, 500000);
  EXPECT_EQ(first->decoder.logits_multiplier, 0.0625f);
  EXPECT_TRUE(first->decoder.tied_head);
  const auto second = Plan("cohere2", R"("use_embedding_sharing": false,
                                         "layer_types": ["sliding_attention", "full_attention"])");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->max_positions, 256);
  EXPECT_EQ(second->ropes.at("rope").parameters.theta, 10000);
  EXPECT_FALSE(second->decoder.tied_head);
  EXPECT_EQ(second->layers[0].attention.window, 4096);
  EXPECT_EQ(second->layers[0].attention.rope, "rope");
  EXPECT_EQ(second->layers[1].attention.window, 0);
  EXPECT_EQ(second->layers[1].attention.rope, "");
}

}  // namespace
}  // namespace skep::models
