// gpt-oss: sinks in the softmax, a window in every other layer, experts with biases whose weights
// are released in MXFP4. OpenAI 2025, "gpt-oss-120b & gpt-oss-20b Model Card".
#include "models/architectures/architectures.h"
#include "models/architectures/mixture.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kFullEvery = 2;  // where the configuration does not list layer types

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckNumber(view, "swiglu_alpha", 1.702));
  SKEP_RETURN_IF_ERROR(CheckNumber(view, "swiglu_limit", 7.0));
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm_epsilon = 1e-5,
                                                                 .head_dim_required = true,
                                                                 .rope_theta = 150000.0}));
  SKEP_ASSIGN_OR_RETURN(const int64_t window, ReadWindow(view));
  SKEP_ASSIGN_OR_RETURN(const auto types, view.LayerTypes(plan.layers.size(), kFullEvery));
  SKEP_ASSIGN_OR_RETURN(const Bias bias, ReadBias(view, "attention_bias", true));
  // GGUF does not say that YaRN's bounds stay fractions.
  if (view.is_gguf()) plan.ropes["rope"].parameters.truncate = false;

  SKEP_ASSIGN_OR_RETURN(MoeOptions moe, ReadMoe(view, plan));
  moe.function = GateFunction::kClampedSwish;
  moe.router.score = RouterOptions::Score::kSelectedSoftmax;
  moe.router_bias = Bias::kRequired;
  moe.expert_bias = Bias::kRequired;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    AttentionOptions& attention = plan.layers[i].attention;
    attention.sinks = true;
    attention.qkv_bias = bias;
    attention.output_bias = bias;
    if (types[i] == "sliding_attention") attention.window = window;
    plan.layers[i].feed_forward = moe;
  }
  return plan;
}

// Experts are stacked, [in, out], with the columns of gate and up in turn; or MXFP4, [out, in].
void AddExperts(int64_t width, std::vector<WeightRule>& rules) {
  const std::string mlp = "model.layers.{}.mlp.";
  const std::string experts = mlp + "experts.", one = mlp + "experts.{}.";
  const auto add = [&](const std::string& part, const std::string& file,
                       const std::optional<RowMap>& rows) {
    rules.push_back({one + part + ".weight", experts + file, rows, /*transposed=*/true});
    WeightRule quantized{one + part + ".weight", experts + file, rows};
    quantized.mxfp4 = true;
    rules.push_back(quantized);
    rules.push_back({one + part + ".bias", experts + file + "_bias", rows});
  };
  add("gate_proj", "gate_up_proj", Stride(0, 2, 2 * width));
  add("up_proj", "gate_up_proj", Stride(1, 2, 2 * width));
  add("down_proj", "down_proj", {});
  AddWeightAndBias(mlp + "gate", mlp + "router", {}, rules);
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, Read(view));
  std::vector<WeightRule> rules;
  if (view.is_gguf()) {
    rules = GgufDecoderRules({plan.shape()});
    const std::string layer = "model.layers.{}.";
    ReplaceRule(layer + "post_attention_layernorm", "blk.{}.post_attention_norm", rules);
    rules.push_back({layer + "self_attn.sinks", "blk.{}.attn_sinks.weight", {}});
  } else {
    AddExperts(std::get<MoeOptions>(plan.layers.front().feed_forward).intermediate, rules);
  }
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"GptOssForCausalLM", "gpt_oss"};
constexpr std::string_view kGgufNames[] = {"gpt-oss"};

}  // namespace

Architecture GptOss() { return {"gpt_oss", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
