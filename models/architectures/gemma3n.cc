// Gemma 3n (text): Gemma 3's attention and MLP in layers that keep several residual streams, of
// which one is computed and the others predicted and corrected; beside attention a branch of low
// rank; for each layer an embedding of the tokens; sparse gates in the first layers; last layers
// that read the keys and values of earlier ones. Google 2025, "Gemma 3n model overview". What the
// layers compute is in gemma3n_blocks.cc.
#include <cmath>
#include <numbers>
#include <string>

#include "absl/strings/str_cat.h"
#include "models/architectures/architectures.h"
#include "models/architectures/gemma3n_blocks.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kMaxWidth = int64_t{1} << 24;
constexpr int64_t kFullEvery = 5;  // where the configuration does not list layer types
constexpr int64_t kSharedLayers = 15;
constexpr int64_t kSparseLayers = 10;  // of models that have more
constexpr double kSparsePart = 0.95;
constexpr double kLogitsCap = 30.0;

// What a part `part` of normally distributed numbers does not exceed.
double NormalQuantile(double part) {
  double low = -40, high = 40;  // beyond, double precision knows 0 and 1 only
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    const double below = 0.5 * std::erfc(-middle / std::numbers::sqrt2);
    (below < part ? low : high) = middle;
  }
  return low;
}

// The part of a layer's gates that are zero, were they distributed normally.
absl::Status ReadSparsity(const ConfigView& view, DecoderPlan& plan) {
  const auto layers = static_cast<int64_t>(plan.layers.size());
  SKEP_ASSIGN_OR_RETURN(std::vector<double> parts, view.Floats("activation_sparsity_pattern"));
  if (parts.empty()) {
    parts.assign(layers, 0.0);
    for (int64_t i = 0; layers > kSparseLayers && i < kSparseLayers; ++i) parts[i] = kSparsePart;
  }
  if (static_cast<int64_t>(parts.size()) != layers) {
    return absl::InvalidArgumentError(
        absl::StrCat(view.file(), ": activation_sparsity_pattern has ", parts.size(),
                     " entries, but one for each of ", layers, " layers is right"));
  }
  for (int64_t i = 0; i < layers; ++i) {
    if (!(parts[i] >= 0 && parts[i] < 1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          view.file(), ": activation_sparsity_pattern: ", parts[i], " must be 0 to less than 1"));
    }
    if (parts[i] > 0) plan.mlp(i).cutoff = static_cast<float>(NormalQuantile(parts[i]));
  }
  return absl::OkStatus();
}

// The last layers own no keys and values: they read those of the last layer of their kind before.
absl::Status ReadSharing(const ConfigView& view, DecoderPlan& plan, Gemma3nOptions& options) {
  const auto layers = static_cast<int64_t>(plan.layers.size());
  int64_t shared = kSharedLayers;
  if (layers <= shared || view.Has("num_kv_shared_layers")) {
    SKEP_ASSIGN_OR_RETURN(shared, view.RequiredIntIn("num_kv_shared_layers", 0, layers - 1));
  }
  options.first_shared = layers - shared;
  for (int64_t i = options.first_shared; i < layers; ++i) {
    bool found = false;
    for (int64_t j = 0; j < options.first_shared; ++j) {
      found = found || plan.layers[j].attention.rope == plan.layers[i].attention.rope;
    }
    if (!found) {
      return absl::InvalidArgumentError(
          absl::StrCat(view.file(), ": num_kv_shared_layers ", shared, ": layer ", i,
                       " reads the keys and values of a layer of its kind, but none of the first ",
                       options.first_shared, " is"));
    }
    // Files carry some all the same.
    for (const char* unused : {"k_proj.", "v_proj.", "k_norm."}) {
      plan.ignored_prefixes.push_back(absl::StrCat("layers.", i, ".self_attn.", unused));
    }
    for (const char* unused : {"attn_k.", "attn_v.", "attn_k_norm."}) {
      plan.ignored_prefixes.push_back(absl::StrCat("blk.", i, ".", unused));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> IntIn(const ConfigView& view, std::string_view key, int64_t fallback,
                              int64_t low, int64_t high) {
  if (!view.Has(key)) return fallback;
  return view.RequiredIntIn(key, low, high);
}

struct Gemma3nPlan {
  DecoderPlan plan;
  Gemma3nOptions options;
};

absl::StatusOr<Gemma3nPlan> ReadAll(const ConfigView& view) {
  Gemma3nPlan result;
  DecoderPlan& plan = result.plan;
  SKEP_ASSIGN_OR_RETURN(plan, ReadDecoderPlan(view, {.head_dim_required = true,
                                                     .activation = "gelu_pytorch_tanh",
                                                     .tied = true}));
  SKEP_RETURN_IF_ERROR(ReadBiases(view, plan));
  SKEP_RETURN_IF_ERROR(ReadSlidingLayers(view, kFullEvery, "sliding rope", plan));
  const RopeDefaults rope{.theta = 1e6, .sliding_theta = 10000.0};
  SKEP_ASSIGN_OR_RETURN(plan.ropes["rope"].parameters, view.Rope("full_attention", rope));
  SKEP_ASSIGN_OR_RETURN(plan.ropes["sliding rope"].parameters,
                        view.Rope("sliding_attention", rope));
  SKEP_ASSIGN_OR_RETURN(const double cap, view.FloatOr("final_logit_softcapping", kLogitsCap));
  plan.decoder.logits_softcap = static_cast<float>(cap);
  plan.decoder.embedding_scale = std::sqrt(static_cast<float>(plan.decoder.hidden));
  plan.round_embedding_scale = true;
  for (LayerOptions& layer : plan.layers) {
    layer.mlp_norm = "pre_feedforward_layernorm";
    layer.attention.scale = 1.0f;
    layer.attention.qk_norm = layer.norm;
    layer.attention.v_norm = layer.norm;
    layer.attention.v_norm->scale = false;
  }
  SKEP_RETURN_IF_ERROR(ReadSparsity(view, plan));

  Gemma3nOptions& options = result.options;
  SKEP_RETURN_IF_ERROR(ReadSharing(view, plan, options));
  SKEP_ASSIGN_OR_RETURN(options.streams, IntIn(view, "altup_num_inputs", 4, 1, kMaxStreams));
  SKEP_ASSIGN_OR_RETURN(options.active, IntIn(view, "altup_active_idx", 0, 0, options.streams - 1));
  SKEP_ASSIGN_OR_RETURN(options.scales_output, view.BoolOr("altup_correct_scale", true));
  SKEP_ASSIGN_OR_RETURN(options.per_layer_width,
                        IntIn(view, "hidden_size_per_layer_input", 256, 1, kMaxWidth));
  SKEP_ASSIGN_OR_RETURN(options.per_layer_rows,
                        IntIn(view, "vocab_size_per_layer_input", 1, 1, kMaxWidth));
  // Of the models that also see and hear, only the text part is served.
  Ignore({"vision_tower.", "audio_tower.", "embed_vision.", "embed_audio."}, plan);
  return result;
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(Gemma3nPlan all, ReadAll(view));
  return std::move(all.plan);
}

absl::StatusOr<std::vector<std::unique_ptr<Block>>> MakeBlocks(Builder& builder,
                                                               const DecoderPlan& plan) {
  SKEP_ASSIGN_OR_RETURN(const Gemma3nPlan all, ReadAll(builder.config));
  return MakeGemma3nBlocks(builder, plan, all.options);
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  std::vector<WeightRule> rules;
  if (!view.is_gguf()) return rules;
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  rules = GgufDecoderRules({plan.shape()});
  AddGgufSandwichNorms(rules);
  const auto add = [&](const char* canonical, const char* gguf) {
    rules.push_back(
        {absl::StrCat("model.", canonical, ".weight"), absl::StrCat(gguf, ".weight"), {}});
  };
  add("embed_tokens_per_layer", "per_layer_token_embd");
  add("per_layer_model_projection", "per_layer_model_proj");
  add("per_layer_projection_norm", "per_layer_proj_norm");
  add("altup_projections.{}", "altup_proj");
  add("altup_unembed_projections.{}", "altup_unembd_proj");
  add("layers.{}.per_layer_input_gate", "blk.{}.inp_gate");
  add("layers.{}.per_layer_projection", "blk.{}.proj");
  add("layers.{}.post_per_layer_input_norm", "blk.{}.post_norm");
  add("layers.{}.altup.router_norm", "blk.{}.altup_router_norm");
  add("layers.{}.altup.modality_router", "blk.{}.altup_router");
  add("layers.{}.altup.prediction_coefs", "blk.{}.altup_predict_coef");
  add("layers.{}.altup.correction_coefs", "blk.{}.altup_correct_coef");
  add("layers.{}.laurel.linear_left", "blk.{}.laurel_l");
  add("layers.{}.laurel.linear_right", "blk.{}.laurel_r");
  add("layers.{}.laurel.post_laurel_norm", "blk.{}.laurel_post_norm");
  rules.push_back(
      {"model.layers.{}.altup.correct_output_scale", "blk.{}.altup_correct_scale.weight", {}});
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {
    "Gemma3nForCausalLM", "Gemma3nForConditionalGeneration", "gemma3n_text", "gemma3n"};
constexpr std::string_view kGgufNames[] = {"gemma3n"};

}  // namespace

Architecture Gemma3n() {
  return {"gemma3n", kHuggingFaceNames, kGgufNames, Read, Rules, MakeBlocks};
}

}  // namespace skep::models::architectures
