#include "models/loading/rules.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/weights/text.h"

namespace skep::models {

RowMap Slice(int64_t first, int64_t count, int64_t file_rows) {
  return {count, file_rows, [first](int64_t i) { return first + i; }};
}

RowMap Stride(int64_t first, int64_t step, int64_t file_rows) {
  return {file_rows / step, file_rows, [first, step](int64_t i) { return first + i * step; }};
}

RowMap Deinterleave(int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t first) {
  const auto row = [head_dim, first, half = rotary_dim / 2](int64_t i) {
    const int64_t head = i / head_dim, within = i % head_dim - first;
    if (within < 0 || within >= 2 * half) return i;
    return head * head_dim + first + 2 * (within % half) + within / half;
  };
  return {heads * head_dim, heads * head_dim, row};
}

RowMap FromGroups(int64_t groups, int64_t first, int64_t count, int64_t group_rows) {
  const auto row = [=](int64_t i) { return i / count * group_rows + first + i % count; };
  return {groups * count, groups * group_rows, row};
}

RowMap Compose(const RowMap& outer, const RowMap& inner) {
  return {inner.rows, outer.file_rows,
          [outer, inner](int64_t i) { return outer.row(inner.row(i)); }};
}

void AddWeightAndBias(std::string_view canonical, std::string_view file,
                      const std::optional<RowMap>& rows, std::vector<WeightRule>& rules) {
  for (const char* suffix : {".weight", ".bias"}) {
    rules.push_back(
        {absl::StrCat(View(canonical), suffix), absl::StrCat(View(file), suffix), rows});
  }
}

namespace {

void EraseRules(std::string_view canonical, std::vector<WeightRule>& rules) {
  std::erase_if(rules, [&](const WeightRule& rule) {
    return rule.canonical == absl::StrCat(View(canonical), ".weight") ||
           rule.canonical == absl::StrCat(View(canonical), ".bias");
  });
}

constexpr std::string_view kAttention = "model.layers.{}.self_attn.";

std::optional<RowMap> HeadRows(const QkvLayout& qkv, int64_t heads) {
  if (qkv.interleaved == 0) return std::nullopt;
  return Deinterleave(heads, qkv.shape.head_dim, qkv.interleaved);
}

std::string Name(std::string_view place, std::string_view name) {
  return absl::StrCat(View(place), View(name));
}

}  // namespace

void ReplaceRule(std::string_view canonical, std::string_view file,
                 std::vector<WeightRule>& rules) {
  EraseRules(canonical, rules);
  AddWeightAndBias(canonical, file, std::nullopt, rules);
}

void AddFusedQkv(std::string_view fused, const QkvLayout& qkv, std::vector<WeightRule>& rules) {
  const int64_t q = qkv.shape.query_heads * qkv.shape.head_dim;
  const int64_t k = qkv.shape.kv_heads * qkv.shape.head_dim;
  const int64_t v = qkv.shape.kv_heads * qkv.shape.value_width();
  const auto heads = [&](const RowMap& slice, int64_t count) {
    const std::optional<RowMap> rows = HeadRows(qkv, count);
    return rows ? Compose(slice, *rows) : slice;
  };
  AddWeightAndBias(Name(kAttention, "q_proj"), fused,
                   heads(Slice(0, q, q + k + v), qkv.shape.query_heads), rules);
  AddWeightAndBias(Name(kAttention, "k_proj"), fused,
                   heads(Slice(q, k, q + k + v), qkv.shape.kv_heads), rules);
  AddWeightAndBias(Name(kAttention, "v_proj"), fused, Slice(q + k, v, q + k + v), rules);
}

void AddGroupedQkv(std::string_view fused, const AttentionShape& shape, int64_t groups,
                   std::vector<WeightRule>& rules) {
  const int64_t q = shape.query_heads / groups * shape.head_dim;
  const int64_t kv = shape.kv_heads / groups * shape.head_dim;
  const int64_t rows = q + 2 * kv;
  AddWeightAndBias(Name(kAttention, "q_proj"), fused, FromGroups(groups, 0, q, rows), rules);
  AddWeightAndBias(Name(kAttention, "k_proj"), fused, FromGroups(groups, q, kv, rows), rules);
  AddWeightAndBias(Name(kAttention, "v_proj"), fused, FromGroups(groups, q + kv, kv, rows), rules);
}

void AddInterleavedQk(const QkvLayout& qkv, std::vector<WeightRule>& rules) {
  AddWeightAndBias(Name(kAttention, "q_proj"), Name(kAttention, "q_proj"),
                   HeadRows(qkv, qkv.shape.query_heads), rules);
  AddWeightAndBias(Name(kAttention, "k_proj"), Name(kAttention, "k_proj"),
                   HeadRows(qkv, qkv.shape.kv_heads), rules);
}

void AddGatedMlp(std::string_view place, std::string_view file, std::vector<WeightRule>& rules) {
  for (std::string_view part : {"gate_proj", "up_proj", "down_proj"}) {
    AddWeightAndBias(Name(place, part), Name(file, part), std::nullopt, rules);
  }
}

void AddFusedGateUp(std::string_view place, std::string_view fused, int64_t intermediate,
                    std::vector<WeightRule>& rules) {
  EraseRules(Name(place, ".gate_proj"), rules);
  EraseRules(Name(place, ".up_proj"), rules);
  AddWeightAndBias(Name(place, ".gate_proj"), fused, Slice(0, intermediate, 2 * intermediate),
                   rules);
  AddWeightAndBias(Name(place, ".up_proj"), fused,
                   Slice(intermediate, intermediate, 2 * intermediate), rules);
}

void AddGgufSandwichNorms(std::vector<WeightRule>& rules) {
  const std::string layer = "model.layers.{}.";
  ReplaceRule(layer + "post_attention_layernorm", "blk.{}.post_attention_norm", rules);
  ReplaceRule(layer + "pre_feedforward_layernorm", "blk.{}.ffn_norm", rules);
  ReplaceRule(layer + "post_feedforward_layernorm", "blk.{}.post_ffw_norm", rules);
}

std::vector<WeightRule> GgufDecoderRules(const QkvLayout& qkv) {
  std::vector<WeightRule> rules;
  const auto global = [&](std::string_view canonical, std::string_view gguf) {
    AddWeightAndBias(canonical, gguf, std::nullopt, rules);
  };
  global("model.embed_tokens", "token_embd");
  global("model.norm", "output_norm");
  global("lm_head", "output");
  for (const char* factors : {"rope_factors_long.weight", "rope_factors_short.weight"}) {
    rules.push_back({factors, factors, {}});
  }
  const auto layer = [&](std::string_view canonical, std::string_view gguf,
                         const std::optional<RowMap>& rows = std::nullopt) {
    AddWeightAndBias(Name("model.layers.{}.", canonical), Name("blk.{}.", gguf), rows, rules);
  };
  layer("input_layernorm", "attn_norm");
  layer("post_attention_layernorm", "ffn_norm");
  layer("self_attn.q_proj", "attn_q", HeadRows(qkv, qkv.shape.query_heads));
  layer("self_attn.k_proj", "attn_k", HeadRows(qkv, qkv.shape.kv_heads));
  layer("self_attn.v_proj", "attn_v");
  AddFusedQkv("blk.{}.attn_qkv", qkv, rules);
  layer("self_attn.o_proj", "attn_output");
  layer("self_attn.q_norm", "attn_q_norm");
  layer("self_attn.k_norm", "attn_k_norm");
  for (std::string_view part : {"gate", "up", "down"}) {
    layer(absl::StrCat("mlp.", View(part), "_proj"), absl::StrCat("ffn_", View(part)));
    layer(absl::StrCat("mlp.experts.{}.", View(part), "_proj"),
          absl::StrCat("ffn_", View(part), "_exps"));
    layer(absl::StrCat("mlp.shared_experts.", View(part), "_proj"),
          absl::StrCat("ffn_", View(part), "_shexp"));
  }
  layer("mlp.gate", "ffn_gate_inp");
  layer("mlp.shared_expert_gate", "ffn_gate_inp_shexp");
  rules.push_back(
      {"model.layers.{}.mlp.gate.e_score_correction_bias", "blk.{}.exp_probs_b.bias", {}});
  return rules;
}

}  // namespace skep::models
