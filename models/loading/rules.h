// The ways in which files differ from the canonical names and layouts: rows of fused or permuted
// matrices, and the names that GGUF gives to a decoder's tensors. Families list what applies to
// them.
#ifndef SKEP_MODELS_LOADING_RULES_H_
#define SKEP_MODELS_LOADING_RULES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/loading/rule.h"

namespace skep::models {

// Rows [first, first + count) of `file_rows`.
RowMap Slice(int64_t first, int64_t count, int64_t file_rows);
// Every `step`-th row, from `first` on.
RowMap Stride(int64_t first, int64_t step, int64_t file_rows);
// Heads of which RoPE turns `rotary_dim` rows from `first` on, in pairs (2i, 2i + 1) in the file
// and (i, i + rotary_dim / 2) here.
RowMap Deinterleave(int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t first = 0);
// From a matrix that keeps, for each of `groups` groups of heads, rows of several parts one after
// another (Falcon's and GPT-NeoX's query_key_value): rows [first, first + count) of each group's
// `group_rows`.
RowMap FromGroups(int64_t groups, int64_t first, int64_t count, int64_t group_rows);
// `inner` chooses among the rows that `outer` chose.
RowMap Compose(const RowMap& outer, const RowMap& inner);

// "<canonical>.weight" and "<canonical>.bias" under the same suffixes of `file`.
void AddWeightAndBias(std::string_view canonical, std::string_view file,
                      const std::optional<RowMap>& rows, std::vector<WeightRule>& rules);

// The same, in place of whatever rules there are for this canonical name.
void ReplaceRule(std::string_view canonical, std::string_view file, std::vector<WeightRule>& rules);

// How a file lays out the projections of a family's attention.
struct QkvLayout {
  AttentionShape shape;
  // Of the rows in a head, so many are in RoPE's interleaved order. 0: none. GGUF files of the
  // families that the converter's Llama class handles are stored so, and GLM's, Helium's and others
  // in every format.
  int64_t interleaved = 0;
};

// GGUF's names for what most decoders have: embedding, head, norms, attention's projections
// (separate or fused as attn_qkv), dense MLP, mixture of experts. Norms are
//   input_layernorm <- attn_norm, post_attention_layernorm <- ffn_norm,
//   self_attn.{q,k}_norm <- attn_{q,k}_norm.
std::vector<WeightRule> GgufDecoderRules(const QkvLayout& qkv);

// Norms before and after each part, as Gemma names them: post_attention_layernorm <-
// post_attention_norm, pre_feedforward_layernorm <- ffn_norm, post_feedforward_layernorm <-
// post_ffw_norm.
void AddGgufSandwichNorms(std::vector<WeightRule>& rules);

// Rules for canonical self_attn.{q,k,v}_proj from `fused` (with its "{}"), rows [q | k | v].
void AddFusedQkv(std::string_view fused, const QkvLayout& qkv, std::vector<WeightRule>& rules);
// The same for separate tensors, where their rows are interleaved: self_attn.{q,k}_proj.
void AddInterleavedQk(const QkvLayout& qkv, std::vector<WeightRule>& rules);
// The same from `fused` whose rows are, for each of `groups` groups of heads, [q | k | v].
void AddGroupedQkv(std::string_view fused, const AttentionShape& shape, int64_t groups,
                   std::vector<WeightRule>& rules);
// Canonical <place>{gate,up,down}_proj under the same names at `file`; both end with a dot.
void AddGatedMlp(std::string_view place, std::string_view file, std::vector<WeightRule>& rules);
// Canonical <place>.{gate,up}_proj from `fused`, rows [gate | up] of `intermediate` each, in place
// of whatever rules there are for them.
void AddFusedGateUp(std::string_view place, std::string_view fused, int64_t intermediate,
                    std::vector<WeightRule>& rules);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_RULES_H_
