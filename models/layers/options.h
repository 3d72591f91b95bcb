// What the parts of a model are like, as data. The parts: attention.h, latent_attention.h,
// feed_forward.h, transformer_layer.h, decoder.h.
#ifndef SKEP_MODELS_LAYERS_OPTIONS_H_
#define SKEP_MODELS_LAYERS_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "models/loading/rule.h"
#include "models/ops/options.h"

namespace skep::models {

struct AttentionOptions {
  int64_t hidden = 0;
  AttentionShape shape;
  float scale = 0.0f;    // of the scores; usually 1 / sqrt(head_dim)
  float softcap = 0.0f;  // > 0: c * tanh(score / c)
  int64_t window = 0;    // > 0: sliding window
  int64_t chunk = 0;     // > 0: attention within chunks of so many positions
  int64_t radius = 0;    // > 0: attention to keys at most so many positions away, on either side
  float clip = 0.0f;     // > 0: q, k and v are clamped
  Bias qkv_bias = Bias::kNone;
  Bias output_bias = Bias::kNone;
  // Norms of q and k ("q_norm", "k_norm"), and what they span.
  std::optional<NormOptions> qk_norm;
  HeadNorm head_norm = HeadNorm::kPerHead;
  bool norm_each_head = false;  // kPerHead with a scale for each: "q_norm.{head}", "k_norm.{head}"
  std::optional<NormOptions> v_norm;  // of each head's values ("v_norm")
  // Name of a RoPE of the model (see DecoderPlan::ropes). Empty: no rotation.
  std::string rope = "rope";
  bool sinks = false;         // "sinks": a logit a head that takes weight and gives no value
  std::vector<float> slopes;  // ALiBi, one a query head; empty: none
};

struct LatentAttentionOptions {
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t latent = 0;        // kv_lora_rank
  int64_t query_latent = 0;  // q_lora_rank; 0: queries are projected from the hidden state
  int64_t nope = 0;          // of a head, what is not rotated
  int64_t rotated = 0;
  int64_t value_dim = 0;  // of a head's expanded value
  float scale = 0.0f;     // of the scores
  double norm_epsilon = 1e-6;
  Bias bias = Bias::kNone;  // of q_a_proj, kv_a_proj_with_mqa and o_proj
  // Name of a RoPE of the model. Empty: no rotation.
  std::string rope = "rope";

  // Of attention over latents.
  AttentionShape shape() const { return {heads, /*kv_heads=*/1, latent + rotated, latent}; }
};

struct MlpOptions {
  int64_t hidden = 0;
  int64_t intermediate = 0;
  GateFunction function = GateFunction::kSilu;
  // down(f(gate(x)) * up(x)) (Shazeer 2020, "GLU Variants Improve Transformer"), or down(f(up(x))).
  bool gated = true;
  // Gates are sparse: those that are not so many standard deviations above their mean are zero.
  std::optional<float> cutoff;
  Bias bias = Bias::kNone;
};

// Experts, each a gated MLP, chosen for each token by a router (Shazeer et al. 2017).
struct MoeOptions {
  int64_t hidden = 0;
  int64_t intermediate = 0;  // of an expert
  GateFunction function = GateFunction::kSilu;
  RouterOptions router;
  Bias router_bias = Bias::kNone;
  Bias expert_bias = Bias::kNone;
  bool correction = false;  // "gate.e_score_correction_bias"
  // > 0: an expert of this width that every token goes to ("shared_experts").
  int64_t shared_intermediate = 0;
  bool shared_gate = false;  // times sigmoid(shared_expert_gate(x))
};

using FeedForwardOptions = std::variant<MlpOptions, MoeOptions>;

// Where a layer norms. A is attention, F the feed-forward part, N a norm of its own each time.
enum class Residual {
  kPreNorm,      // x += A(N(x)); x += F(N(x))
  kPostNorm,     // x += N(A(x)); x += N(F(x))
  kSandwich,     // x += N(A(N(x))); x += N(F(N(x)))
  kParallel,     // x += A(N(x)) + F(N(x)), one norm for both
  kParallelTwo,  // x += A(N(x)) + F(N(x)), two norms
  kDeepNorm,     // x = N(x); x += A(x); x = N(x); x += F(x)
};

struct LayerOptions {
  Residual residual = Residual::kPreNorm;
  NormOptions norm;
  AttentionOptions attention;
  std::optional<LatentAttentionOptions> latent;  // in place of `attention`
  FeedForwardOptions feed_forward;
  float residual_multiplier = 1.0f;
  // Canonical names below the layer's place. The post norms are those of kPostNorm and kSandwich.
  // An empty attention_norm: attention reads the stream as it is.
  std::string attention_norm = "input_layernorm";
  std::string attention_post_norm = "post_attention_layernorm";
  std::string mlp_norm = "post_attention_layernorm";
  std::string mlp_post_norm = "post_feedforward_layernorm";
};

// What guesses masked tokens: norm(function(dense(x))) before the head.
struct HeadTransformOptions {
  GateFunction function = GateFunction::kGeluErf;
  Bias bias = Bias::kNone;
  NormOptions norm;
};

struct DecoderOptions {
  int64_t hidden = 0;
  int64_t vocab_size = 0;  // the configuration's; the table may have more rows
  int64_t positions = 0;   // > 0: learned positions, "position_embeddings" with so many rows
  bool tied_head = false;  // the head is the embedding table
  Bias head_bias = Bias::kNone;
  std::optional<NormOptions> embedding_norm;           // "embed_norm", before the first layer
  NormOptions norm;                                    // after the last
  std::optional<HeadTransformOptions> head_transform;  // "head.dense", "head.norm"
  float embedding_scale = 1.0f;
  float logits_multiplier = 1.0f;
  float logits_softcap = 0.0f;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_OPTIONS_H_
