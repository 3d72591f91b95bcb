// GGUF names that most decoder families share; families add and change what is their own.
#ifndef SKEP_MODELS_LOADING_GGUF_RULES_H_
#define SKEP_MODELS_LOADING_GGUF_RULES_H_

#include <cstdint>
#include <vector>

#include "models/loading/weights.h"
#include "models/ops/ops.h"

namespace skep::models {

struct DecoderRuleOptions {
  AttentionShape shape;
  // The converter interleaved the rows of q and k (families built on its llama class).
  bool permuted_qk = false;
};

// Embedding, head, final norm, attention projections (separate or fused as attn_qkv), gated MLP and
// the norm before attention: weights and biases.
std::vector<WeightRule> DecoderRules(const DecoderRuleOptions& options);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_GGUF_RULES_H_
