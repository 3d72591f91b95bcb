#include "models/weights/gguf_config.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

using nlohmann::json;

struct KeyPair {
  std::string_view gguf;  // after "<architecture>."
  std::string_view hugging_face;
};

// What every architecture may have. Sources: convert_hf_to_gguf.py and gguf-py/gguf/constants.py.
// A new family adds its keys here, or below if the same GGUF key means something else elsewhere.
constexpr KeyPair kCommonKeys[] = {
    {"block_count", "num_hidden_layers"},
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"feed_forward_length", "intermediate_size"},
    {"vocab_size", "vocab_size"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads"},
    {"attention.key_length", "head_dim"},
    {"attention.value_length", "value_length"},
    {"attention.key_length_mla", "qk_head_dim"},
    {"attention.value_length_mla", "v_head_dim"},
    {"attention.q_lora_rank", "q_lora_rank"},
    {"attention.kv_lora_rank", "kv_lora_rank"},
    {"attention.temperature_scale", "attention_temperature_scale"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
    {"attention.layer_norm_epsilon", "layer_norm_eps"},
    {"attention.sliding_window", "sliding_window"},
    {"attention.sliding_window_pattern", "sliding_window_pattern"},
    {"attn_logit_softcapping", "attn_logit_softcapping"},
    {"final_logit_softcapping", "final_logit_softcapping"},
    {"rope.freq_base", "rope_theta"},
    {"rope.freq_base_swa", "rope_local_base_freq"},
    {"hidden_activation", "hidden_activation"},
    {"expert_count", "num_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"expert_feed_forward_length", "moe_intermediate_size"},
    {"expert_shared_feed_forward_length", "shared_expert_intermediate_size"},
    {"expert_shared_count", "n_shared_experts"},
    {"expert_weights_scale", "routed_scaling_factor"},
    {"expert_weights_norm", "norm_topk_prob"},
    {"expert_gating_func", "expert_gating_func"},
    {"expert_group_count", "n_group"},
    {"expert_group_used_count", "topk_group"},
    {"leading_dense_block_count", "first_k_dense_replace"},
    {"nextn_predict_layers", "num_nextn_predict_layers"},
    {"attention.scale", "attention_multiplier"},
    {"embedding_scale", "embedding_multiplier"},
    {"residual_scale", "residual_multiplier"},
    {"logit_scale", "logits_scaling"},
    {"attention.clamp_kqv", "clip_qkv"},
    {"attention.max_alibi_bias", "max_alibi_bias"},
    {"pooling_type", "pooling_type"},
    {"use_parallel_residual", "use_parallel_residual"},
    {"rope.scaling.finetuned", "rope_finetuned"},
    {"rope.dimension_sections", "mrope_section"},
    {"interleave_moe_layer_step", "interleave_moe_layer_step"},
    {"altup.num_inputs", "altup_num_inputs"},
    {"altup.active_idx", "altup_active_idx"},
    {"embedding_length_per_layer_input", "hidden_size_per_layer_input"},
    {"attention.shared_kv_layers", "num_kv_shared_layers"},
    {"activation_sparsity_scale", "activation_sparsity_pattern"},
};

constexpr KeyPair kTokenizerKeys[] = {
    {"bos_token_id", "bos_token_id"},     {"eos_token_id", "eos_token_id"},
    {"eot_token_id", "eot_token_id"},     {"eom_token_id", "eom_token_id"},
    {"padding_token_id", "pad_token_id"}, {"unknown_token_id", "unk_token_id"},
};

// The sampling that a model's author recommends.
constexpr KeyPair kSamplingKeys[] = {
    {"temp", "temperature"},
    {"top_k", "top_k"},
    {"top_p", "top_p"},
    {"min_p", "min_p"},
    {"penalty_repeat", "repetition_penalty"},
};

// rope.scaling.* -> rope_scaling.
constexpr KeyPair kScalingKeys[] = {
    {"factor", "factor"},
    {"original_context_length", "original_max_position_embeddings"},
    {"yarn_beta_fast", "beta_fast"},
    {"yarn_beta_slow", "beta_slow"},
};

// Ministral 3's, which are beside the others in rope_parameters. llama.cpp takes mscale to be 1.
constexpr KeyPair kMistral3ScalingKeys[] = {
    {"rope.scaling.yarn_log_multiplier", "mscale_all_dim"},
    {"attention.temperature_scale", "llama_4_scaling_beta"},
};

absl::StatusOr<json> ArrayToJson(const GgufFile& gguf, std::string_view key,
                                 const GgufValue& value) {
  json list = json::array();
  switch (value.element_type()) {
    case GgufValueType::kBool: {
      absl::StatusOr<std::vector<int64_t>> flags = gguf.Ints(key);
      if (!flags.ok()) return flags.status();
      for (int64_t flag : *flags) list.push_back(flag != 0);
      return list;
    }
    case GgufValueType::kF32:
    case GgufValueType::kF64: {
      absl::StatusOr<std::vector<double>> numbers = gguf.Floats(key);
      if (!numbers.ok()) return numbers.status();
      return json(*numbers);
    }
    default: {
      absl::StatusOr<std::vector<int64_t>> numbers = gguf.Ints(key);
      if (!numbers.ok()) return numbers.status();
      return json(*numbers);
    }
  }
}

absl::StatusOr<json> ToJson(const GgufFile& gguf, std::string_view key) {
  const GgufValue& value = *gguf.FindValue(key);
  const auto wrap = [](const auto& result) -> absl::StatusOr<json> {
    if (!result.ok()) return result.status();
    return json(*result);
  };
  switch (value.type()) {
    case GgufValueType::kArray:
      return ArrayToJson(gguf, key, value);
    case GgufValueType::kBool:
      return wrap(gguf.Bool(key));
    case GgufValueType::kF32:
    case GgufValueType::kF64:
      return wrap(gguf.Float(key));
    case GgufValueType::kString: {
      absl::StatusOr<std::string_view> text = gguf.String(key);
      if (!text.ok()) return text.status();
      return json(std::string(*text));
    }
    default:
      return wrap(gguf.Int(key));
  }
}

absl::Status Copy(const GgufFile& gguf, std::string_view prefix, absl::Span<const KeyPair> pairs,
                  json& target) {
  for (const KeyPair& pair : pairs) {
    const std::string key = absl::StrCat(View(prefix), View(pair.gguf));
    if (!gguf.Has(key)) continue;
    absl::StatusOr<json> value = ToJson(gguf, key);
    if (!value.ok()) return value.status();
    target[std::string(pair.hugging_face)] = *std::move(value);
  }
  return absl::OkStatus();
}

// The factor of cos and sin. Of longrope it is attn_factor. Of yarn, the converter keeps one that
// replaces the usual one as yarn_attn_factor, which llama.cpp does not read; files that llama.cpp
// itself wrote have its default there, and -1 for yarn_ext_factor. Elsewhere attn_factor multiplies
// what the type gives, and no file is known that does so.
absl::Status CopyMagnitude(const GgufFile& gguf, const std::string& prefix, const std::string& type,
                           json& scaling) {
  const auto read = [&](const char* name, double& value) -> absl::Status {
    const std::string key = absl::StrCat(prefix, name);
    if (!gguf.Has(key)) return absl::OkStatus();
    absl::StatusOr<double> number = gguf.Float(key);
    if (number.ok()) value = *number;
    return number.status();
  };
  double factor = 1, yarn_factor = 1, extrapolation = 1;
  absl::Status status = read("attn_factor", factor);
  if (status.ok()) status = read("yarn_attn_factor", yarn_factor);
  if (status.ok()) status = read("yarn_ext_factor", extrapolation);
  if (!status.ok()) return status;
  if (type == "longrope") {
    if (gguf.Has(absl::StrCat(prefix, "attn_factor"))) scaling["attention_factor"] = factor;
    return absl::OkStatus();
  }
  if (factor != 1) {
    return absl::UnimplementedError(absl::StrCat(
        prefix, "attn_factor ", factor, " is not supported for '", type, "'; for longrope it is"));
  }
  if (type != "yarn") return absl::OkStatus();
  const bool default_of_llama_cpp = extrapolation < 0;
  if (!default_of_llama_cpp && extrapolation != 1) {
    return absl::UnimplementedError(
        absl::StrCat(prefix, "yarn_ext_factor ", extrapolation, " is not supported; 1 is"));
  }
  if (!default_of_llama_cpp && gguf.Has(absl::StrCat(prefix, "yarn_attn_factor"))) {
    scaling["attention_factor"] = yarn_factor;
  }
  return absl::OkStatus();
}

// rope.scaling.* as a rope_scaling object; nothing if no type is given or known from tensors.
absl::Status CopyRopeScaling(const GgufFile& gguf, const std::string& prefix, json& config) {
  const std::string type_key = absl::StrCat(prefix, "rope.scaling.type");
  std::string type = "none";
  if (gguf.Has(type_key)) {
    absl::StatusOr<std::string_view> text = gguf.String(type_key);
    if (!text.ok()) return text.status();
    type = std::string(*text);
  } else if (gguf.Find("rope_factors_long.weight") != nullptr) {
    type = "longrope";
  } else if (gguf.Has(absl::StrCat(prefix, "rope.scaling.factor"))) {
    type = "linear";  // llama.cpp's default
  }
  json scaling = {{"rope_type", type}};
  const std::string scaling_prefix = absl::StrCat(prefix, "rope.scaling.");
  if (absl::Status status = CopyMagnitude(gguf, scaling_prefix, type, scaling); !status.ok()) {
    return status;
  }
  if (type == "none") return absl::OkStatus();
  if (absl::Status status = Copy(gguf, scaling_prefix, kScalingKeys, scaling); !status.ok()) {
    return status;
  }
  // Models have the same mscale and mscale_all_dim; for this architecture, a tenth of it is kept.
  const std::string log_multiplier = absl::StrCat(scaling_prefix, "yarn_log_multiplier");
  if (prefix == "deepseek2." && gguf.Has(log_multiplier)) {
    absl::StatusOr<double> tenth = gguf.Float(log_multiplier);
    if (!tenth.ok()) return tenth.status();
    scaling["mscale"] = scaling["mscale_all_dim"] = *tenth / 0.1;
  }
  if (prefix == "mistral3.") {
    if (absl::Status status = Copy(gguf, prefix, kMistral3ScalingKeys, scaling); !status.ok()) {
      return status;
    }
    if (scaling.contains("mscale_all_dim")) scaling["mscale"] = 1.0;
  }
  config["rope_scaling"] = std::move(scaling);
  return absl::OkStatus();
}

// rope.dimension_count, the rotated part of a head, as a fraction of head_dim where that is known.
// Rope() judges the fraction.
absl::Status CopyPartialRotary(const GgufFile& gguf, const std::string& prefix, json& config) {
  const std::string key = absl::StrCat(prefix, "rope.dimension_count");
  if (!gguf.Has(key)) return absl::OkStatus();
  absl::StatusOr<int64_t> rotated = gguf.Int(key);
  if (!rotated.ok()) return rotated.status();
  config["rotary_dim"] = *rotated;
  const auto number = [&config](const char* name) -> int64_t {
    const auto found = config.find(name);
    return found != config.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
  };
  const int64_t heads = number("num_attention_heads");
  int64_t head_dim = number("head_dim");
  if (head_dim == 0 && heads > 0) head_dim = number("hidden_size") / heads;
  if (head_dim <= 0) return absl::OkStatus();
  config["partial_rotary_factor"] = static_cast<double>(*rotated) / static_cast<double>(head_dim);
  return absl::OkStatus();
}

int64_t IntOr(const json& config, const char* key, int64_t value) {
  const auto found = config.find(key);
  return found != config.end() && found->is_number_integer() ? found->get<int64_t>() : value;
}

// GGUF describes latent attention as what it is over latents, and keeps the widths of expanded
// heads apart; files from before 2025 have expanded heads only. Those also lack what the routers of
// the large models need.
void AddDeepseekDefaults(json& config) {
  const int64_t rotated = IntOr(config, "rotary_dim", 0);
  const int64_t key = IntOr(config, "qk_head_dim", IntOr(config, "head_dim", 0));
  config["qk_rope_head_dim"] = rotated;
  config["qk_nope_head_dim"] = key > rotated ? key - rotated : 0;
  if (!config.contains("v_head_dim")) config["v_head_dim"] = IntOr(config, "value_length", 0);

  const int64_t layers = IntOr(config, "num_hidden_layers", 0);
  const int64_t experts = IntOr(config, "num_experts", 0);
  const bool glm_flash = (layers == 47 || layers == 48) && IntOr(config, "vocab_size", 0) == 154880;
  if (glm_flash && !config.contains("expert_gating_func")) config["expert_gating_func"] = 2;
  if (config.contains("n_group")) return;
  const bool v2 = layers == 60 && experts == 160, v3 = layers == 61 && experts == 256;
  if (v2 || v3) {
    config["n_group"] = 8;
    config["topk_group"] = v2 ? 3 : 4;
  }
}

// GGUF keeps by how many standard deviations a gate must exceed the mean, Hugging Face the part of
// gates that do not, were they distributed normally. Where all count, that is minus infinity and 0.
void ScalesToParts(json& scales) {
  if (!scales.is_array()) return;
  for (json& scale : scales) {
    if (scale.is_number()) scale = 0.5 * std::erfc(-scale.get<double>() / std::numbers::sqrt2);
  }
}

// What llama.cpp assumes for an architecture where its converter writes nothing.
void AddArchitectureDefaults(std::string_view architecture, json& config) {
  const auto assume = [&config](const char* key, const json& value) {
    if (!config.contains(key)) config[key] = value;
  };
  if (architecture == "deepseek2") {
    AddDeepseekDefaults(config);
  } else if (architecture == "gemma2") {
    assume("attn_logit_softcapping", 50.0);
    assume("final_logit_softcapping", 30.0);
    assume("sliding_window", 4096);
    assume("sliding_window_pattern", 2);
  } else if (architecture == "gemma3") {
    assume("rope_local_base_freq", 10000.0);
    assume("sliding_window_pattern", 6);
  } else if (architecture == "gemma3n") {
    assume("sliding_window_pattern", 5);
    assume("num_kv_shared_layers",
           std::max<int64_t>(0, IntOr(config, "num_hidden_layers", 0) - 20));
    if (config.contains("activation_sparsity_pattern")) {
      ScalesToParts(config["activation_sparsity_pattern"]);
    }
  }
}

// Switches that have no key, or one that older files have wrong: the tensors tell.
void AddWhatTensorsTell(const GgufFile& gguf, std::string_view architecture, json& config) {
  const auto has = [&gguf](const char* tensor) { return gguf.Find(tensor) != nullptr; };
  config["tie_word_embeddings"] = !has("output.weight");
  if (architecture == "stablelm") {
    config["qk_layernorm"] = has("blk.0.attn_q_norm.weight");
    config["use_parallel_residual"] = !has("blk.0.ffn_norm.weight");
  } else if (architecture == "falcon") {
    config["num_ln_in_parallel_attn"] = has("blk.0.attn_norm_2.weight") ? 2 : 1;
  } else if (architecture == "glm4moe" || architecture == "command-r") {
    config["use_qk_norm"] = has("blk.0.attn_q_norm.weight");
  }
}

// block_count includes the layers that predict further tokens; Hugging Face's count does not.
void SubtractNextTokenLayers(json& config) {
  const int64_t layers = IntOr(config, "num_hidden_layers", 0);
  const int64_t extra = IntOr(config, "num_nextn_predict_layers", 0);
  if (extra > 0 && extra < layers) config["num_hidden_layers"] = layers - extra;
}

}  // namespace

std::string GgufKeyFor(std::string_view architecture, std::string_view key) {
  for (const KeyPair& pair : kCommonKeys) {
    if (pair.hugging_face == key) return absl::StrCat(View(architecture), ".", View(pair.gguf));
  }
  for (const KeyPair& pair : kTokenizerKeys) {
    if (pair.hugging_face == key) return absl::StrCat("tokenizer.ggml.", View(pair.gguf));
  }
  if (key == "partial_rotary_factor")
    return absl::StrCat(View(architecture), ".rope.dimension_count");
  return std::string(key);
}

absl::StatusOr<GgufConfig> TranslateGgufConfig(const GgufFile& gguf) {
  absl::StatusOr<std::string_view> architecture = gguf.Architecture();
  if (!architecture.ok()) return architecture.status();
  const std::string prefix = absl::StrCat(View(*architecture), ".");
  GgufConfig result{.config = json::object(), .generation = json::object()};
  json& config = result.config;
  absl::Status status = Copy(gguf, prefix, kCommonKeys, config);
  if (status.ok()) status = Copy(gguf, "tokenizer.ggml.", kTokenizerKeys, config);
  if (status.ok()) status = Copy(gguf, "general.sampling.", kSamplingKeys, result.generation);
  if (status.ok()) status = CopyRopeScaling(gguf, prefix, config);
  if (status.ok()) status = CopyPartialRotary(gguf, prefix, config);
  if (!status.ok()) return status;

  if (const GgufValue* tokens = gguf.FindValue("tokenizer.ggml.tokens");
      tokens != nullptr && tokens->is_array() && !config.contains("vocab_size")) {
    config["vocab_size"] = tokens->size();
  }
  SubtractNextTokenLayers(config);
  AddArchitectureDefaults(*architecture, config);
  AddWhatTensorsTell(gguf, *architecture, config);
  return result;
}

}  // namespace skep::models
