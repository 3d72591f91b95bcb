#include "models/loading/gguf_rules.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "models/weights/text.h"

namespace skep::models {

std::vector<WeightRule> DecoderRules(const DecoderRuleOptions& options) {
  const int64_t q_rows = options.shape.query_heads * options.shape.head_dim;
  const int64_t kv_rows = options.shape.kv_heads * options.shape.head_dim;
  const int64_t q_heads = options.permuted_qk ? options.shape.query_heads : 0;
  const int64_t k_heads = options.permuted_qk ? options.shape.kv_heads : 0;

  std::vector<WeightRule> rules = {
      {"model.embed_tokens.weight", "token_embd.weight"},
      {"model.norm.weight", "output_norm.weight"},
      {"lm_head.weight", "output.weight"},
      {"model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight"},
  };
  for (std::string suffix : {".weight", ".bias"}) {
    const auto add = [&](std::string_view canonical, std::string_view gguf, int64_t heads = 0,
                         int64_t first_row = 0, int64_t num_rows = -1) {
      rules.push_back({absl::StrCat("model.layers.{}.", View(canonical), suffix),
                       absl::StrCat("blk.{}.", View(gguf), suffix), heads, first_row, num_rows});
    };
    add("self_attn.q_proj", "attn_q", q_heads);
    add("self_attn.k_proj", "attn_k", k_heads);
    add("self_attn.v_proj", "attn_v");
    add("self_attn.q_proj", "attn_qkv", q_heads, 0, q_rows);
    add("self_attn.k_proj", "attn_qkv", k_heads, q_rows, kv_rows);
    add("self_attn.v_proj", "attn_qkv", 0, q_rows + kv_rows, kv_rows);
    add("self_attn.o_proj", "attn_output");
    add("mlp.gate_proj", "ffn_gate");
    add("mlp.up_proj", "ffn_up");
    add("mlp.down_proj", "ffn_down");
  }
  return rules;
}

}  // namespace skep::models
