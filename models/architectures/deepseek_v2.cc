// DeepSeek V2 and what is built like it: V2-Lite and Coder-V2; V3, R1 and Kimi-K2; GLM-4.7-Flash.
// Latent attention, and a mixture of experts of which some are shared. DeepSeek-AI 2024,
// "DeepSeek-V2"; DeepSeek-AI 2024, "DeepSeek-V3 Technical Report".
//
// GGUF has one name for all of them, and tells them apart by how they score experts.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kMaxWidth = int64_t{1} << 16;
constexpr int64_t kMaxHeads = int64_t{1} << 12;
constexpr int64_t kMaxCachedWidth = int64_t{1} << 12;  // of a key, as elsewhere
constexpr int64_t kSigmoidGating = 2;  // expert_gating_func of GGUF; absent: softmax

bool IsGlm(const ConfigView& view) { return view.model_type() == "glm4_moe_lite"; }

// V3's router (sigmoid, a correction of the choice) rather than V2's softmax.
absl::StatusOr<bool> ScoresBySigmoid(const ConfigView& view) {
  if (view.is_gguf()) {
    SKEP_ASSIGN_OR_RETURN(const int64_t function, view.IntOr("expert_gating_func", 1));
    return function == kSigmoidGating;
  }
  const bool v2 = view.model_type() == "deepseek_v2";
  SKEP_RETURN_IF_ERROR(CheckEquals(view, "scoring_func", v2 ? "softmax" : "sigmoid"));
  return !v2;
}

absl::StatusOr<LatentAttentionOptions> ReadAttention(const ConfigView& view) {
  LatentAttentionOptions attention;
  SKEP_ASSIGN_OR_RETURN(attention.hidden, view.RequiredIntIn("hidden_size", 1, 1 << 24));
  SKEP_ASSIGN_OR_RETURN(attention.heads, view.RequiredIntIn("num_attention_heads", 1, kMaxHeads));
  SKEP_ASSIGN_OR_RETURN(attention.latent, view.RequiredIntIn("kv_lora_rank", 1, kMaxWidth));
  if (view.Has("q_lora_rank")) {
    SKEP_ASSIGN_OR_RETURN(attention.query_latent, view.RequiredIntIn("q_lora_rank", 0, kMaxWidth));
  }
  SKEP_ASSIGN_OR_RETURN(attention.rotated, view.RequiredIntIn("qk_rope_head_dim", 2, kMaxWidth));
  SKEP_ASSIGN_OR_RETURN(attention.nope, view.RequiredIntIn("qk_nope_head_dim", 1, kMaxWidth));
  SKEP_ASSIGN_OR_RETURN(attention.value_dim, view.RequiredIntIn("v_head_dim", 1, kMaxWidth));
  SKEP_ASSIGN_OR_RETURN(attention.bias, ReadBias(view, "attention_bias", false));
  if (attention.rotated % 2 != 0 || attention.latent + attention.rotated > kMaxCachedWidth) {
    return absl::InvalidArgumentError(absl::StrCat(view.file(), ": kv_lora_rank ", attention.latent,
                                                   " and qk_rope_head_dim ", attention.rotated,
                                                   ": an even second, and a sum of at most ",
                                                   kMaxCachedWidth, " are right"));
  }
  return attention;
}

// 1 / sqrt(the width of an expanded head), and YaRN's magnitude, which cos and sin do not have
// here.
float Scale(const LatentAttentionOptions& attention, const RopeParameters& rope) {
  double scale = 1.0 / std::sqrt(static_cast<double>(attention.nope + attention.rotated));
  if (rope.type != "default" && rope.mscale_all_dim && rope.factor > 1) {
    const double magnitude = 0.1 * *rope.mscale_all_dim * std::log(rope.factor) + 1.0;
    scale *= magnitude * magnitude;
  }
  return static_cast<float>(scale);
}

absl::StatusOr<MoeOptions> ReadExperts(const ConfigView& view, const DecoderPlan& plan) {
  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  RouterOptions& router = moe.router;
  SKEP_ASSIGN_OR_RETURN(moe.correction, ScoresBySigmoid(view));
  SKEP_ASSIGN_OR_RETURN(const double scale, view.FloatOr("routed_scaling_factor", 1));
  router.scale = static_cast<float>(scale);
  if (moe.correction) {
    router.score = RouterOptions::Score::kSigmoid;
    SKEP_RETURN_IF_ERROR(CheckEquals(view, "topk_method", "noaux_tc"));
    SKEP_ASSIGN_OR_RETURN(router.renormalize, view.BoolOr("norm_topk_prob", !view.is_gguf()));
    SKEP_RETURN_IF_ERROR(ReadGroups(view, router));
  } else {
    router.group_score = RouterOptions::GroupScore::kMax;
    SKEP_RETURN_IF_ERROR(CheckBool(view, "norm_topk_prob", false));
    // GGUF does not say; where there is one group, nothing is ranked.
    const bool greedy = !view.is_gguf() && CheckEquals(view, "topk_method", "greedy").ok();
    if (!greedy) {
      SKEP_RETURN_IF_ERROR(CheckEquals(view, "topk_method", "group_limited_greedy"));
      SKEP_RETURN_IF_ERROR(ReadGroups(view, router));
    }
  }
  SKEP_ASSIGN_OR_RETURN(const int64_t shared, view.IntOr("n_shared_experts", 0));
  if (shared < 0 || shared > router.experts) {
    return absl::InvalidArgumentError(absl::StrCat(view.file(), ": n_shared_experts ", shared,
                                                   ": 0 to ", router.experts, " is right"));
  }
  moe.shared_intermediate = shared * moe.intermediate;
  return moe;
}

// Which layers have experts: mlp_layer_types, or all but the first so many (of which, every
// moe_layer_freq-th).
absl::Status Sparsify(const ConfigView& view, const MoeOptions& moe, DecoderPlan& plan) {
  SKEP_ASSIGN_OR_RETURN(const auto types, view.Strings("mlp_layer_types"));
  int64_t dense = 1;  // what GLM's class takes for granted
  if (!IsGlm(view) || view.Has("first_k_dense_replace")) {
    SKEP_ASSIGN_OR_RETURN(dense, view.RequiredInt("first_k_dense_replace"));
  }
  SKEP_ASSIGN_OR_RETURN(const int64_t every, view.IntOr("moe_layer_freq", 1));
  if (every < 1 || (!types.empty() && types.size() != plan.layers.size())) {
    return absl::InvalidArgumentError(absl::StrCat(
        view.file(), ": moe_layer_freq ", every, " must be above 0, and mlp_layer_types, with ",
        types.size(), " entries, must have one for each of ", plan.layers.size(), " layers"));
  }
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const int64_t layer = static_cast<int64_t>(i);
    const bool sparse = types.empty() ? layer >= dense && layer % every == 0 : types[i] == "sparse";
    if (sparse) plan.layers[i].feed_forward = moe;
  }
  return absl::OkStatus();
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckBool(view, "mlp_bias", false));
  SKEP_RETURN_IF_ERROR(CheckZero(view, "attention_temperature_scale", "attention temperature"));
  SKEP_ASSIGN_OR_RETURN(LatentAttentionOptions attention, ReadAttention(view));
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.shape = attention.shape()}));
  Rotation& rope = plan.ropes["rope"];
  rope.dim = attention.rotated;
  rope.parameters.partial_rotary_factor = 1;  // all of that part
  attention.scale = Scale(attention, rope.parameters);
  for (LayerOptions& layer : plan.layers) layer.latent = attention;
  SKEP_ASSIGN_OR_RETURN(const int64_t experts, view.IntOr("num_experts", 0));
  if (experts > 0) {
    SKEP_ASSIGN_OR_RETURN(const MoeOptions moe, ReadExperts(view, plan));
    SKEP_RETURN_IF_ERROR(Sparsify(view, moe, plan));
  }
  return plan;
}

// `place` (with its "{}") <- `file`, under the format's names for the same tensors.
void AddLatentRules(const LatentAttentionOptions& a, bool interleaved, const std::string& place,
                    const std::string& file, bool gguf, std::vector<WeightRule>& rules) {
  const int64_t head = a.nope + a.rotated, kv_head = a.nope + a.value_dim;
  const auto name = [&](const char* hugging_face, const char* in_gguf) {
    return file + (gguf ? in_gguf : hugging_face);
  };
  std::optional<RowMap> q_rows, kv_rows;
  if (interleaved) {
    q_rows = Deinterleave(a.heads, head, a.rotated, a.nope);
    kv_rows = Deinterleave(1, a.latent + a.rotated, a.rotated, a.latent);
  }
  AddWeightAndBias(place + "q_proj", name("q_proj", "attn_q"), q_rows, rules);
  AddWeightAndBias(place + "q_b_proj", name("q_b_proj", "attn_q_b"), q_rows, rules);
  AddWeightAndBias(place + "kv_a_proj_with_mqa", name("kv_a_proj_with_mqa", "attn_kv_a_mqa"),
                   kv_rows, rules);
  const std::string kv_b = name("kv_b_proj.weight", "attn_kv_b.weight");
  rules.push_back({.canonical = place + "k_b_proj.{}.weight",
                   .file = kv_b,
                   .rows = Slice(0, a.nope, kv_head),
                   .slabs = a.heads,
                   .rows_are_columns = true});
  rules.push_back({.canonical = place + "v_b_proj.{}.weight",
                   .file = kv_b,
                   .rows = Slice(a.nope, a.value_dim, kv_head),
                   .slabs = a.heads});
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  SKEP_ASSIGN_OR_RETURN(const bool interleaved, view.BoolOr("rope_interleave", true));
  const bool gguf = view.is_gguf();
  const std::string place = "model.layers.{}.self_attn.";
  const std::string file = gguf ? "blk.{}." : place;
  const LatentAttentionOptions& attention = *plan.layers.front().latent;
  std::vector<WeightRule> rules;
  AddLatentRules(attention, interleaved, place, file, gguf, rules);
  if (const auto* moe = std::get_if<MoeOptions>(&plan.layers.back().feed_forward); moe && !gguf) {
    AddStackedExperts(moe->intermediate, rules);
  }
  if (gguf) {
    AddWeightAndBias(place + "q_a_proj", file + "attn_q_a", {}, rules);
    AddWeightAndBias(place + "q_a_layernorm", file + "attn_q_a_norm", {}, rules);
    AddWeightAndBias(place + "kv_a_layernorm", file + "attn_kv_a_norm", {}, rules);
    rules.push_back({place + "k_b_proj.{}.weight", file + "attn_k_b.weight", {}});
    rules.push_back({place + "v_b_proj.{}.weight", file + "attn_v_b.weight", {}});
    for (WeightRule& rule : GgufDecoderRules({plan.shape()})) rules.push_back(std::move(rule));
  }
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {
    "DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM", "Glm4MoeLiteForCausalLM",
    "deepseek_v2",           "deepseek_v3",           "kimi_k2",
    "glm4_moe_lite"};
constexpr std::string_view kGgufNames[] = {"deepseek2"};

}  // namespace

Architecture DeepseekV2() { return {"deepseek_v2", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
