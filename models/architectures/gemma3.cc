// Gemma 3 (text). Norms before and after each part, norms over the heads of q and k, five layers
// with a sliding window and a RoPE of their own for each that sees everything.
// Gemma Team 2025, "Gemma 3 Technical Report".
#include <cmath>
#include <string>

#include "absl/status/status.h"
#include "models/architectures/architectures.h"
#include "models/architectures/config_checks.h"
#include "models/layers/attention.h"
#include "models/layers/decoder.h"
#include "models/layers/gated_mlp.h"
#include "models/loading/gguf_rules.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kFullEvery = 6;          // where the configuration does not list layer types
constexpr double kSlidingTheta = 10000.0;  // where it does not give the sliding layers' RoPE base

struct Config {
  DecoderShape shape;
  double epsilon = 0;
  double query_scalar = 0;  // scores are scaled by query_scalar^-1/2
  int64_t window = 0;
  std::vector<std::string> layer_types;
  bool tied = true;
  float logits_softcap = 0;
  float norm_offset = 0;  // checkpoints keep w for a scale of 1 + w; GGUF keeps the scale
  RopeParameters full_rope, sliding_rope;
};

absl::StatusOr<Config> Read(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckNotQuantized(view));
  SKEP_RETURN_IF_ERROR(CheckEquals(view, "hidden_activation", "gelu_pytorch_tanh"));
  SKEP_RETURN_IF_ERROR(CheckZero(view, "attn_logit_softcapping", "attention softcapping"));
  Config c;
  SKEP_ASSIGN_OR_RETURN(c.shape, ReadDecoderShape(view, HeadDim::kRequired));
  SKEP_ASSIGN_OR_RETURN(c.epsilon, view.RequiredFloat("rms_norm_eps"));
  SKEP_ASSIGN_OR_RETURN(c.window, view.RequiredIntIn("sliding_window", 1, int64_t{1} << 40));
  SKEP_ASSIGN_OR_RETURN(c.layer_types, view.LayerTypes(c.shape.layers, kFullEvery));
  SKEP_ASSIGN_OR_RETURN(c.tied, view.BoolOr("tie_word_embeddings", true));
  SKEP_ASSIGN_OR_RETURN(const double softcap, view.FloatOr("final_logit_softcapping", 0));
  c.logits_softcap = static_cast<float>(softcap);
  c.norm_offset = view.is_gguf() ? 0.0f : 1.0f;
  const RopeDefaults defaults{.theta = 1e6, .sliding_theta = kSlidingTheta};
  SKEP_ASSIGN_OR_RETURN(c.full_rope, view.Rope("full_attention", defaults));
  SKEP_ASSIGN_OR_RETURN(c.sliding_rope, view.Rope("sliding_attention", defaults));
  if (view.is_gguf()) {
    // GGUF does not store it. It is the head's width but for the 27B model, which has 62 layers.
    c.query_scalar = c.shape.layers == 62 ? static_cast<double>(c.shape.hidden) /
                                                static_cast<double>(c.shape.attention.query_heads)
                                          : static_cast<double>(c.shape.attention.head_dim);
  } else {
    SKEP_ASSIGN_OR_RETURN(c.query_scalar, view.RequiredFloat("query_pre_attn_scalar"));
  }
  if (!(c.query_scalar > 0)) {
    return absl::InvalidArgumentError("query_pre_attn_scalar must be above 0");
  }
  return c;
}

// x += norm(attention(norm(x))); x += norm(mlp(norm(x)))
class Gemma3Block final : public Block {
 public:
  Gemma3Block(Builder& builder, const Weights& weights, const Config& c, bool sliding,
              const Rope& rope)
      : attention_(builder, weights.at("self_attn"), AttentionOptionsOf(c, sliding, rope)),
        mlp_(builder, weights.at("mlp"),
             {c.shape.hidden, c.shape.intermediate, GateFunction::kGeluTanh}),
        input_norm_(NormOf(weights, "input_layernorm", c), attention_.input()),
        post_attention_norm_(NormOf(weights, "post_attention_layernorm", c)),
        mlp_norm_(NormOf(weights, "pre_feedforward_layernorm", c), mlp_.input()),
        post_mlp_norm_(NormOf(weights, "post_feedforward_layernorm", c)) {}

  void Forward(Step& step) const override {
    attention_.AddTo(step, input_norm_(step), &post_attention_norm_);
    mlp_.AddTo(step, mlp_norm_(step), &post_mlp_norm_);
  }

 private:
  static NormWeights NormOf(const Weights& weights, std::string_view name, const Config& c) {
    return weights.Norm(name, c.shape.hidden, c.epsilon, c.norm_offset);
  }

  static AttentionOptions AttentionOptionsOf(const Config& c, bool sliding, const Rope& rope) {
    AttentionOptions options;
    options.hidden = c.shape.hidden;
    options.shape = c.shape.attention;
    options.scale = static_cast<float>(1.0 / std::sqrt(c.query_scalar));
    options.window = sliding ? c.window : 0;
    options.qk_norm = true;
    options.qk_norm_epsilon = c.epsilon;
    options.qk_norm_offset = c.norm_offset;
    options.rope = &rope;
    options.rope_name = sliding ? "sliding rope" : "full rope";
    return options;
  }

  Attention attention_;
  GatedMlp mlp_;
  Norm input_norm_;
  NormWeights post_attention_norm_;
  Norm mlp_norm_;
  NormWeights post_mlp_norm_;
};

absl::StatusOr<std::vector<WeightRule>> GgufRules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const Config c, Read(view));
  std::vector<WeightRule> rules = DecoderRules({c.shape.attention});
  const std::string layer = "model.layers.{}.";
  rules.push_back({layer + "self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight"});
  rules.push_back({layer + "self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight"});
  rules.push_back({layer + "post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight"});
  rules.push_back({layer + "pre_feedforward_layernorm.weight", "blk.{}.ffn_norm.weight"});
  rules.push_back({layer + "post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight"});
  return rules;
}

absl::StatusOr<std::unique_ptr<Model>> Build(Builder& builder) {
  SKEP_ASSIGN_OR_RETURN(const Config c, Read(builder.config));
  // Of the models that also see, only the text part is served.
  builder.loader.IgnorePrefix("vision_tower.");
  builder.loader.IgnorePrefix("multi_modal_projector.");
  const Weights root = builder.loader.root();
  const int64_t head_dim = c.shape.attention.head_dim;
  SKEP_ASSIGN_OR_RETURN(const Rope full, Rope::Create(c.full_rope, head_dim, c.shape.max_positions,
                                                      builder.context_length, {}));
  SKEP_ASSIGN_OR_RETURN(
      const Rope sliding,
      Rope::Create(c.sliding_rope, head_dim, c.shape.max_positions, builder.context_length, {}));
  std::vector<std::unique_ptr<Block>> blocks;
  for (int64_t i = 0; i < c.shape.layers; ++i) {
    const bool is_sliding = c.layer_types[i] == "sliding_attention";
    blocks.push_back(std::make_unique<Gemma3Block>(builder, root.at("model.layers").at(i), c,
                                                   is_sliding, is_sliding ? sliding : full));
  }
  DecoderOptions options;
  options.hidden = c.shape.hidden;
  options.vocab_size = c.shape.vocab_size;
  options.tied_head = builder.config.is_gguf() ? !root.Has("lm_head.weight") : c.tied;
  options.embedding_scale = root.RoundAsStored("model.embed_tokens.weight",
                                               std::sqrt(static_cast<float>(c.shape.hidden)));
  options.norm_epsilon = c.epsilon;
  options.norm_offset = c.norm_offset;
  options.logits_softcap = c.logits_softcap;
  return std::make_unique<Decoder>(builder, options, std::move(blocks));
}

constexpr std::string_view kHuggingFaceNames[] = {
    "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration", "gemma3_text", "gemma3"};
constexpr std::string_view kGgufNames[] = {"gemma3"};

}  // namespace

Architecture Gemma3() {
  return {"gemma3",   kHuggingFaceNames,
          kGgufNames, [](const ConfigView& view) { return Read(view).status(); },
          GgufRules,  Build};
}

}  // namespace skep::models::architectures
