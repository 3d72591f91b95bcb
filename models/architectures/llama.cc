// Llama 1 to 3.3 and everything built like it: Mistral (sliding window), SmolLM, Yi, CodeLlama,
// DeepSeek-LLM, the R1 distillations. Touvron et al. 2023, "LLaMA"; Jiang et al. 2023, "Mistral
// 7B".
#include <cmath>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/architectures/architectures.h"
#include "models/architectures/config_checks.h"
#include "models/layers/attention.h"
#include "models/layers/decoder.h"
#include "models/layers/gated_mlp.h"
#include "models/loading/gguf_rules.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kMaxWindow = int64_t{1} << 40;  // with room for sums

struct Config {
  DecoderShape shape;
  double epsilon = 0;
  int64_t window = 0;  // 0: every layer sees everything
  Bias attention_bias = Bias::kNone;
  Bias mlp_bias = Bias::kNone;
  bool tied = false;
  RopeParameters rope;
};

absl::StatusOr<Config> Read(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckNotQuantized(view));
  SKEP_RETURN_IF_ERROR(CheckEquals(view, "hidden_act", "silu"));
  SKEP_RETURN_IF_ERROR(CheckZero(view, "num_local_experts", "mixture of experts"));
  Config c;
  SKEP_ASSIGN_OR_RETURN(c.shape, ReadDecoderShape(view, HeadDim::kHiddenOverHeads));
  SKEP_ASSIGN_OR_RETURN(c.epsilon, view.RequiredFloat("rms_norm_eps"));
  if (view.Has("sliding_window")) {
    SKEP_ASSIGN_OR_RETURN(c.window, view.RequiredIntIn("sliding_window", 0, kMaxWindow));
  }
  SKEP_ASSIGN_OR_RETURN(const bool attention_bias, view.BoolOr("attention_bias", false));
  SKEP_ASSIGN_OR_RETURN(const bool mlp_bias, view.BoolOr("mlp_bias", false));
  SKEP_ASSIGN_OR_RETURN(c.tied, view.BoolOr("tie_word_embeddings", false));
  SKEP_ASSIGN_OR_RETURN(c.rope, view.Rope());
  // GGUF says nothing of biases: they are there or not.
  const Bias absent = view.is_gguf() ? Bias::kOptional : Bias::kNone;
  c.attention_bias = attention_bias ? Bias::kRequired : absent;
  c.mlp_bias = mlp_bias ? Bias::kRequired : absent;
  return c;
}

// x += attention(norm(x)); x += mlp(norm(x))
class LlamaBlock final : public Block {
 public:
  LlamaBlock(Builder& builder, const Weights& weights, const Config& c, const Rope& rope)
      : attention_(builder, weights.at("self_attn"), AttentionOptionsOf(c, rope)),
        mlp_(builder, weights.at("mlp"),
             {c.shape.hidden, c.shape.intermediate, GateFunction::kSilu, c.mlp_bias}),
        input_norm_(weights.Norm("input_layernorm", c.shape.hidden, c.epsilon), attention_.input()),
        mlp_norm_(weights.Norm("post_attention_layernorm", c.shape.hidden, c.epsilon),
                  mlp_.input()) {}

  void Forward(Step& step) const override {
    attention_.AddTo(step, input_norm_(step));
    mlp_.AddTo(step, mlp_norm_(step));
  }

 private:
  static AttentionOptions AttentionOptionsOf(const Config& c, const Rope& rope) {
    AttentionOptions options;
    options.hidden = c.shape.hidden;
    options.shape = c.shape.attention;
    options.scale = 1.0f / std::sqrt(static_cast<float>(c.shape.attention.head_dim));
    options.window = c.window;
    options.qkv_bias = c.attention_bias;
    options.output_bias = c.attention_bias;
    options.rope = &rope;
    return options;
  }

  Attention attention_;
  GatedMlp mlp_;
  Norm input_norm_;
  Norm mlp_norm_;
};

absl::StatusOr<std::vector<WeightRule>> GgufRules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const Config c, Read(view));
  std::vector<WeightRule> rules = DecoderRules({c.shape.attention, /*permuted_qk=*/true});
  rules.push_back({"model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight"});
  rules.push_back({"rope_freqs.weight", "rope_freqs.weight"});
  return rules;
}

absl::StatusOr<std::unique_ptr<Model>> Build(Builder& builder) {
  SKEP_ASSIGN_OR_RETURN(const Config c, Read(builder.config));
  const Weights root = builder.loader.root();
  SKEP_ASSIGN_OR_RETURN(const Rope rope, Rope::Create(c.rope, c.shape.attention.head_dim,
                                                      c.shape.max_positions, builder.context_length,
                                                      root.OptionalVector("rope_freqs.weight")));
  std::vector<std::unique_ptr<Block>> blocks;
  for (int64_t i = 0; i < c.shape.layers; ++i) {
    blocks.push_back(std::make_unique<LlamaBlock>(builder, root.at("model.layers").at(i), c, rope));
  }
  DecoderOptions options;
  options.hidden = c.shape.hidden;
  options.vocab_size = c.shape.vocab_size;
  options.tied_head = c.tied || (builder.config.is_gguf() && !root.Has("lm_head.weight"));
  options.norm_epsilon = c.epsilon;
  return std::make_unique<Decoder>(builder, options, std::move(blocks));
}

constexpr std::string_view kHuggingFaceNames[] = {"LlamaForCausalLM", "LLaMAForCausalLM",
                                                  "MistralForCausalLM", "llama", "mistral"};
constexpr std::string_view kGgufNames[] = {"llama"};

}  // namespace

Architecture Llama() {
  return {"llama",    kHuggingFaceNames,
          kGgufNames, [](const ConfigView& view) { return Read(view).status(); },
          GgufRules,  Build};
}

}  // namespace skep::models::architectures
