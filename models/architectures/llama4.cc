// Llama 4 (text): three of four layers attend within chunks, with RoPE and norms of q and k after
// it; the fourth sees everything, knows no positions, and sharpens its softmax as they grow. One
// routed expert, weighed at its input, beside a shared one. Meta 2025, "The Llama 4 herd".
#include <algorithm>
#include <cmath>

#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kUnrotatedEvery = 4;
constexpr int64_t kChunk = 8192;  // where the configuration does not give them
constexpr int64_t kMaverickExperts = 128;

// Which layers have RoPE: no_rope_layers (1: it has), else all but every fourth.
absl::StatusOr<std::vector<bool>> ReadRotated(const ConfigView& view, size_t layers) {
  SKEP_ASSIGN_OR_RETURN(const int64_t every, view.IntOr("no_rope_layer_interval", kUnrotatedEvery));
  SKEP_ASSIGN_OR_RETURN(std::vector<int64_t> flags, view.Ints("no_rope_layers"));
  if (every < 1) return absl::InvalidArgumentError("no_rope_layer_interval must be 1 or more");
  if (!flags.empty() && flags.size() != layers) {
    return absl::InvalidArgumentError(view.file() + ": no_rope_layers must name every layer");
  }
  std::vector<bool> rotated(layers);
  for (size_t i = 0; i < layers; ++i) {
    rotated[i] = flags.empty() ? static_cast<int64_t>(i + 1) % every != 0 : flags[i] != 0;
  }
  return rotated;
}

// 1 + scale * log(1 + floor((position + 1) / floor_scale)): Nakanishi 2025, "Scalable-Softmax".
absl::StatusOr<Rotation> ReadTemperature(const ConfigView& view) {
  Rotation rotation;
  rotation.rotates = false;
  SKEP_ASSIGN_OR_RETURN(const bool tuned, view.BoolOr("attn_temperature_tuning", true));
  if (!tuned) return rotation;
  SKEP_ASSIGN_OR_RETURN(const double scale, view.FloatOr("attn_scale", 0.1));
  SKEP_ASSIGN_OR_RETURN(const double floor_scale, view.FloatOr("floor_scale", 8192));
  if (!(floor_scale > 0)) return absl::InvalidArgumentError("floor_scale must be above 0");
  rotation.query_scale = [=](int64_t position) {
    const double steps = std::floor(static_cast<double>(position + 1) / floor_scale);
    return static_cast<float>(std::log1p(steps) * scale + 1.0);
  };
  return rotation;
}

// The layers with experts: moe_layers, else every interleave_moe_layer_step-th.
absl::Status ReadFeedForward(const ConfigView& view, DecoderPlan& plan) {
  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  moe.shared_intermediate = moe.intermediate;
  moe.router.score = RouterOptions::Score::kSigmoid;
  moe.router.scale_input = true;
  int64_t dense = moe.intermediate;
  if (view.is_gguf()) dense = plan.mlp(0).intermediate;
  if (view.Has("intermediate_size_mlp")) {
    SKEP_ASSIGN_OR_RETURN(dense, view.RequiredIntIn("intermediate_size_mlp", 1, 1 << 24));
  }
  SKEP_ASSIGN_OR_RETURN(const std::vector<int64_t> sparse, view.Ints("moe_layers"));
  SKEP_ASSIGN_OR_RETURN(const int64_t step, view.IntOr("interleave_moe_layer_step", 1));
  for (int64_t i = 0; i < static_cast<int64_t>(plan.layers.size()); ++i) {
    plan.mlp(i).intermediate = dense;
    const bool has = view.Has("moe_layers")
                         ? std::find(sparse.begin(), sparse.end(), i) != sparse.end()
                         : step > 0 && (i + 1) % step == 0;
    if (has) plan.layers[i].feed_forward = moe;
  }
  return absl::OkStatus();
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan,
                        ReadDecoderPlan(view, {.norm_epsilon = 1e-5, .rope_theta = 5e5}));
  SKEP_RETURN_IF_ERROR(ReadFeedForward(view, plan));
  SKEP_ASSIGN_OR_RETURN(std::vector<bool> rotated, ReadRotated(view, plan.layers.size()));
  SKEP_ASSIGN_OR_RETURN(plan.ropes["temperature"], ReadTemperature(view));
  plan.ropes["rope"].divisors = "rope_freqs.weight";
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "attention_bias", false));
  int64_t chunk = kChunk;
  bool qk_norm = true;
  if (view.is_gguf()) {
    // What llama.cpp takes from the keys that it has: a window of 0 says that no layer has chunks,
    // and that all have RoPE; only Maverick has no norms.
    SKEP_ASSIGN_OR_RETURN(const int64_t window, view.IntOr("sliding_window", kChunk));
    SKEP_ASSIGN_OR_RETURN(const int64_t experts, view.IntOr("num_experts", 0));
    qk_norm = experts != kMaverickExperts;
    if (window == 0) {
      chunk = 0;
      rotated.assign(rotated.size(), true);
    }
  } else {
    SKEP_ASSIGN_OR_RETURN(qk_norm, view.BoolOr("use_qk_norm", true));
    SKEP_ASSIGN_OR_RETURN(chunk, view.IntOr("attention_chunk_size", kChunk));
  }
  SKEP_ASSIGN_OR_RETURN(const auto types, view.Strings("layer_types"));
  if (!types.empty() && types.size() != plan.layers.size()) {
    return absl::InvalidArgumentError(view.file() + ": layer_types must name every layer");
  }
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    AttentionOptions& attention = plan.layers[i].attention;
    attention.qkv_bias = bias;
    attention.output_bias = bias;
    attention.rope = rotated[i] ? "rope" : "temperature";
    const bool chunked = types.empty() ? rotated[i] : types[i] == "chunked_attention";
    if (chunked) attention.chunk = chunk;
    if (!rotated[i] || !qk_norm) continue;
    attention.qk_norm = plan.layers[i].norm;
    attention.qk_norm->scale = false;
    attention.head_norm = HeadNorm::kPerHeadAfterRope;
  }
  // Only the text part is served.
  Ignore({"vision_model.", "multi_modal_projector."}, plan);
  return plan;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  const QkvLayout qkv{plan.shape(), plan.shape().head_dim};
  if (view.is_gguf()) {
    std::vector<WeightRule> rules = GgufDecoderRules(qkv);
    rules.push_back({"rope_freqs.weight", "rope_freqs.weight", {}});
    return rules;
  }
  std::vector<WeightRule> rules;
  AddInterleavedQk(qkv, rules);
  const std::string mlp = "model.layers.{}.mlp.", file = "model.layers.{}.feed_forward.";
  SKEP_ASSIGN_OR_RETURN(const int64_t width, view.RequiredIntIn("intermediate_size", 1, 1 << 24));
  AddGatedMlp(mlp, file, rules);
  AddGatedMlp(mlp + "shared_experts.", file + "shared_expert.", rules);
  AddWeightAndBias(mlp + "gate", file + "router", {}, rules);
  const auto add_experts = [&](const std::string& part, const std::string& stacked,
                               const std::optional<RowMap>& rows) {
    rules.push_back({mlp + "experts.{}." + part + ".weight", file + "experts." + stacked, rows,
                     /*transposed=*/true});
  };
  add_experts("gate_proj", "gate_up_proj", Slice(0, width, 2 * width));
  add_experts("up_proj", "gate_up_proj", Slice(width, width, 2 * width));
  add_experts("down_proj", "down_proj", {});
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {
    "Llama4ForCausalLM", "Llama4ForConditionalGeneration", "llama4_text", "llama4"};
constexpr std::string_view kGgufNames[] = {"llama4"};

}  // namespace

Architecture Llama4() { return {"llama4", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
