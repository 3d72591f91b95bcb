// ChatGLM and GLM-4-9B under the names of the code that they were released with. Du et al. 2022,
// "GLM: General Language Model Pretraining with Autoregressive Blank Infilling"; GLM Team 2024,
// "ChatGLM".
//
// ChatGLM-6B, the first: the tokens before the start token see each other, the answer after it is
// causal; positions have two axes, one for each half of a head; and the stream goes on from what
// the norms give, times a constant (Wang et al. 2022, "DeepNet"). Its successors are GLM's
// decoders.
#include <cmath>

#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

bool IsFirst(const ConfigView& view) {
  return view.Has("position_encoding_2d") || view.Has("inner_hidden_size");
}

absl::Status ReadPrefix(const ConfigView& view, DecoderPlan& plan) {
  const int64_t last = plan.decoder.vocab_size - 1;
  SKEP_ASSIGN_OR_RETURN(const int64_t begin, view.RequiredIntIn("bos_token_id", 0, last));
  SKEP_ASSIGN_OR_RETURN(const int64_t mask, view.RequiredIntIn("mask_token_id", 0, last));
  SKEP_ASSIGN_OR_RETURN(const int64_t long_mask, view.RequiredIntIn("gmask_token_id", 0, last));
  plan.prefix.end = PrefixOptions::End::kToken;
  plan.prefix.end_token = static_cast<TokenId>(begin);
  plan.prefix.two_axes = true;
  plan.prefix.mask_tokens = {static_cast<TokenId>(long_mask), static_cast<TokenId>(mask)};
  return absl::OkStatus();
}

// x = a N(x) + F(N(x)) of every part F, for a constant a. Divided by a, which norms do not see but
// for their epsilon, it is x = N(x) + F(N(x)) / a.
void UseDeepNorm(DecoderPlan& plan) {
  const double square = 2.0 * static_cast<double>(plan.layers.size());  // of a
  const auto factor = static_cast<float>(1 / std::sqrt(square));
  plan.decoder.embedding_scale = factor;
  plan.decoder.norm.epsilon /= square;
  for (LayerOptions& layer : plan.layers) {
    layer.residual = Residual::kDeepNorm;
    layer.residual_multiplier = factor;
    layer.norm = plan.decoder.norm;
  }
}

absl::StatusOr<DecoderPlan> ReadFirst(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckBool(view, "position_encoding_2d", true));
  SKEP_RETURN_IF_ERROR(CheckZero(view, "quantization_bit", "the quantization of its release"));
  SKEP_RETURN_IF_ERROR(CheckZero(view, "pre_seq_len", "a tuned prefix"));
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_bias = Bias::kRequired,
                                                                 .norm_epsilon = 1e-5,
                                                                 .activation = "gelu_new",
                                                                 .gated = false}));
  SKEP_RETURN_IF_ERROR(ReadPrefix(view, plan));
  SetLinearBias(plan, Bias::kRequired, Bias::kRequired);
  UseDeepNorm(plan);
  const int64_t head_dim = plan.shape().head_dim;
  if (head_dim % 4 != 0) {
    return absl::InvalidArgumentError(view.file() + ": heads of " + std::to_string(head_dim) +
                                      " channels: a multiple of 4 is right, for two axes of pairs");
  }
  plan.ropes["rope"].dim = head_dim / 2;
  plan.ropes["rope"].two_axes = true;
  return plan;
}

absl::StatusOr<DecoderPlan> ReadSuccessor(const ConfigView& view) {
  for (const char* key : {"rmsnorm", "post_layer_norm", "original_rope"}) {
    SKEP_RETURN_IF_ERROR(CheckBool(view, key, true));
  }
  for (const char* key : {"apply_residual_connection_post_layernorm", "add_bias_linear"}) {
    SKEP_RETURN_IF_ERROR(CheckBool(view, key, false));
  }
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm_epsilon = 1e-5,
                                                                 .partial_rotary_factor = 0.5}));
  SKEP_ASSIGN_OR_RETURN(const bool shared_heads, view.BoolOr("multi_query_attention", false));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "add_qkv_bias", true));
  SKEP_ASSIGN_OR_RETURN(const double ratio, view.FloatOr("rope_ratio", 1));
  plan.ropes["rope"].parameters.theta *= ratio;
  for (LayerOptions& layer : plan.layers) {
    layer.attention.qkv_bias = bias;
    // multi_query_group_num counts only then.
    if (!shared_heads) layer.attention.shape.kv_heads = layer.attention.shape.query_heads;
  }
  return plan;
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  return IsFirst(view) ? ReadFirst(view) : ReadSuccessor(view);
}

// Files rotate each half of a head by itself, as pairs (i, i + head_dim / 4); here the pairs are
// (i, i + head_dim / 2), those of the first half first: the quarters in the middle trade places.
RowMap PairsOfBothAxes(const AttentionShape& shape) {
  const int64_t rows = shape.query_heads * shape.head_dim;
  const auto row = [quarter = shape.head_dim / 4](int64_t i) {
    const int64_t place = i / quarter % 4;
    return place == 1 ? i + quarter : place == 2 ? i - quarter : i;
  };
  return {rows, rows, row};
}

std::vector<WeightRule> FirstRules(const DecoderPlan& plan) {
  std::vector<WeightRule> rules;
  const std::string layer = "model.layers.{}.", file = "transformer.layers.{}.";
  const auto rename = [&](const std::string& canonical, const std::string& name,
                          const std::optional<RowMap>& rows = std::nullopt) {
    AddWeightAndBias(canonical, name, rows, rules);
  };
  rename("model.embed_tokens", "transformer.word_embeddings");
  rename("model.norm", "transformer.final_layernorm");
  rename(layer + "input_layernorm", file + "input_layernorm");
  rename(layer + "post_attention_layernorm", file + "post_attention_layernorm");
  rename(layer + "self_attn.o_proj", file + "attention.dense");
  rename(layer + "mlp.up_proj", file + "mlp.dense_h_to_4h");
  rename(layer + "mlp.down_proj", file + "mlp.dense_4h_to_h");
  const AttentionShape& shape = plan.shape();
  const int64_t heads = shape.query_heads, dim = shape.head_dim;
  const std::string attention = layer + "self_attn.", fused = file + "attention.query_key_value";
  const auto part = [&](int64_t index) { return FromGroups(heads, index * dim, dim, 3 * dim); };
  rename(attention + "q_proj", fused, Compose(part(0), PairsOfBothAxes(shape)));
  rename(attention + "k_proj", fused, Compose(part(1), PairsOfBothAxes(shape)));
  rename(attention + "v_proj", fused, part(2));
  return rules;
}

std::vector<WeightRule> SuccessorRules(const DecoderPlan& plan) {
  std::vector<WeightRule> rules;
  const auto& mlp = std::get<MlpOptions>(plan.layers.front().feed_forward);
  const std::string layer = "model.layers.{}.", file = "transformer.encoder.layers.{}.";
  const auto rename = [&](const std::string& canonical, const std::string& name) {
    AddWeightAndBias(canonical, name, std::nullopt, rules);
  };
  rename("model.embed_tokens", "transformer.embedding.word_embeddings");
  rename("model.norm", "transformer.encoder.final_layernorm");
  rename("lm_head", "transformer.output_layer");
  rename(layer + "input_layernorm", file + "input_layernorm");
  rename(layer + "post_attention_layernorm", file + "post_attention_layernorm");
  rename(layer + "self_attn.o_proj", file + "self_attention.dense");
  rename(layer + "mlp.down_proj", file + "mlp.dense_4h_to_h");
  AddFusedQkv(file + "self_attention.query_key_value", {plan.shape(), RotaryDim(plan)}, rules);
  AddFusedGateUp(layer + "mlp", file + "mlp.dense_h_to_4h", mlp.intermediate, rules);
  return rules;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  return IsFirst(view) ? FirstRules(plan) : SuccessorRules(plan);
}

constexpr std::string_view kHuggingFaceNames[] = {"ChatGLMModel", "ChatGLMForConditionalGeneration",
                                                  "chatglm"};

}  // namespace

Architecture ChatGlm() { return {"chatglm", kHuggingFaceNames, {}, Read, Rules}; }

}  // namespace skep::models::architectures
