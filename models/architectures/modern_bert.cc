// ModernBERT: an encoder. Every token sees all others, in most layers those nearby; norms without
// biases, one behind the embeddings and none before the first attention; a gated MLP, and RoPE with
// two bases. Warner et al. 2024, "Smarter, Better, Faster, Longer".
#include "models/architectures/architectures.h"

namespace skep::models::architectures {
namespace {

constexpr int64_t kFullEvery = 3;
constexpr int64_t kMaxWindow = int64_t{1} << 30;
constexpr RopeDefaults kRope{.theta = 160000.0, .sliding_theta = 10000.0};
constexpr std::string_view kMaskedLm = "ModernBertForMaskedLM";

bool GuessesMasks(const ConfigView& view) {
  return !view.is_gguf() && view.architecture() == kMaskedLm;
}

absl::Status CheckArchitecture(const ConfigView& view) {
  const std::string& name = view.architecture();
  if (view.is_gguf() || name == kMaskedLm || name == "ModernBertModel" || name == "modernbert") {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(
      view.file() + ": the head of " + name +
      " is not supported; ModernBertModel and ModernBertForMaskedLM are");
}

// Local layers see as far to either side as half the window that files name.
absl::Status ReadLocalLayers(const ConfigView& view, DecoderPlan& plan) {
  const char* const key = view.is_gguf() ? "sliding_window" : "local_attention";
  if (view.is_gguf() && !view.Has(key))
    return absl::OkStatus();  // as llama.cpp: all see everything
  SKEP_ASSIGN_OR_RETURN(const int64_t window, view.RequiredIntIn(key, 2, kMaxWindow));
  SKEP_ASSIGN_OR_RETURN(const auto types, view.LayerTypes(plan.layers.size(), kFullEvery,
                                                          ConfigView::FullLayers::kFirst));
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    if (types[i] == "full_attention") continue;
    if (types[i] != "sliding_attention") {
      return absl::UnimplementedError(view.file() + ": layer_types: '" + types[i] +
                                      "' is not supported here; full_attention and "
                                      "sliding_attention are");
    }
    plan.layers[i].attention.radius = window / 2;
    plan.layers[i].attention.rope = "local rope";
  }
  SKEP_ASSIGN_OR_RETURN(plan.ropes["local rope"].parameters, view.Rope("sliding_attention", kRope));
  return absl::OkStatus();
}

absl::Status ReadMaskedLmHead(const ConfigView& view, DecoderPlan& plan) {
  HeadTransformOptions head{.norm = plan.decoder.norm};
  SKEP_ASSIGN_OR_RETURN(head.function, ReadActivation(view, "gelu", "classifier_activation"));
  SKEP_ASSIGN_OR_RETURN(head.bias, ReadBias(view, "classifier_bias", false));
  SKEP_ASSIGN_OR_RETURN(plan.decoder.head_bias, ReadBias(view, "decoder_bias", true));
  plan.decoder.head_transform = head;
  return absl::OkStatus();
}

absl::StatusOr<DecoderPlan> Read(const ConfigView& view) {
  SKEP_RETURN_IF_ERROR(CheckArchitecture(view));
  if (view.Has("rope_scaling")) {
    return absl::UnimplementedError(view.file() +
                                    ": rope_scaling is not supported for this architecture");
  }
  SKEP_ASSIGN_OR_RETURN(const Bias norm_bias, ReadBias(view, "norm_bias", false));
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, ReadDecoderPlan(view, {.norm = NormKind::kLayer,
                                                                 .norm_bias = norm_bias,
                                                                 .norm_epsilon = 1e-5,
                                                                 .activation = "gelu",
                                                                 .tied = true}));
  SKEP_RETURN_IF_ERROR(ReadBiases(view, plan));
  SKEP_ASSIGN_OR_RETURN(plan.ropes["rope"].parameters, view.Rope("full_attention", kRope));
  SKEP_RETURN_IF_ERROR(ReadLocalLayers(view, plan));
  plan.prefix.end = PrefixOptions::End::kSequence;
  plan.generates = false;
  plan.decoder.embedding_norm = plan.decoder.norm;
  plan.layers.front().attention_norm.clear();
  // A head that is tied; and, in GGUF, what it keeps of the one for masked tokens: not its biases.
  Ignore({"decoder.weight", "cls.weight", "cls.norm.weight"}, plan);
  if (GuessesMasks(view)) {
    SKEP_RETURN_IF_ERROR(ReadMaskedLmHead(view, plan));
  } else {
    plan.decoder.tied_head = true;  // for want of a head, logits compare with the embeddings
  }
  return plan;
}

std::vector<WeightRule> HuggingFaceRules(const DecoderPlan& plan, int64_t intermediate) {
  std::vector<WeightRule> rules;
  AddWeightAndBias("lm_head", "decoder", {}, rules);
  // The encoder alone is saved without the outer name.
  for (const std::string outer : {"model.", ""}) {
    const std::string layer = "model.layers.{}.", file = outer + "layers.{}.";
    const auto rename = [&](const std::string& canonical, const std::string& name) {
      AddWeightAndBias(canonical, name, {}, rules);
    };
    rename("model.embed_tokens", outer + "embeddings.tok_embeddings");
    rename("model.embed_norm", outer + "embeddings.norm");
    rename("model.norm", outer + "final_norm");
    rename(layer + "input_layernorm", file + "attn_norm");
    rename(layer + "post_attention_layernorm", file + "mlp_norm");
    rename(layer + "self_attn.o_proj", file + "attn.Wo");
    rename(layer + "mlp.down_proj", file + "mlp.Wo");
    AddFusedQkv(file + "attn.Wqkv", {plan.shape()}, rules);
    AddWeightAndBias(layer + "mlp.gate_proj", file + "mlp.Wi",
                     Slice(0, intermediate, 2 * intermediate), rules);
    AddWeightAndBias(layer + "mlp.up_proj", file + "mlp.Wi",
                     Slice(intermediate, intermediate, 2 * intermediate), rules);
  }
  return rules;
}

absl::StatusOr<std::vector<WeightRule>> Rules(const ConfigView& view) {
  SKEP_ASSIGN_OR_RETURN(DecoderPlan plan, Read(view));
  const int64_t intermediate = plan.mlp(0).intermediate;
  if (!view.is_gguf()) return HuggingFaceRules(plan, intermediate);
  std::vector<WeightRule> rules = GgufDecoderRules({plan.shape()});
  AddWeightAndBias("model.embed_norm", "token_embd_norm", {}, rules);
  AddFusedGateUp("model.layers.{}.mlp", "blk.{}.ffn_up", intermediate, rules);
  return rules;
}

constexpr std::string_view kHuggingFaceNames[] = {"ModernBertModel", kMaskedLm, "modernbert"};
constexpr std::string_view kGgufNames[] = {"modern-bert"};

}  // namespace

Architecture ModernBert() { return {"modern_bert", kHuggingFaceNames, kGgufNames, Read, Rules}; }

}  // namespace skep::models::architectures
