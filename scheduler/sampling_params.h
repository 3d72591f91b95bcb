// How the next token is chosen. Values are those of a *validated* request: every field is inside
// the range written beside it, and unset optional fields have been filled from the model's
// defaults.
#ifndef SKEP_SCHEDULER_SAMPLING_PARAMS_H_
#define SKEP_SCHEDULER_SAMPLING_PARAMS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "scheduler/types.h"

namespace skep {

struct SamplingParams {
  // Order of application, as in Hugging Face and vLLM: bans and bias, penalties, temperature,
  // top-k, typical-p, top-p, min-p, draw.
  float temperature = 1.0f;  // 0 is greedy: the exact argmax, lowest id on ties. [0, 100]
  int32_t top_k = 0;         // 0: off
  float top_p = 1.0f;        // (0, 1]
  float min_p = 0.0f;        // [0, 1]: keep tokens with p >= min_p * p_max
  float typical_p = 1.0f;    // (0, 1]; Meister et al. 2022, "Locally Typical Sampling"
  float repetition_penalty =
      1.0f;  // > 0; divides positive, multiplies negative logits of seen tokens
  float presence_penalty = 0.0f;   // [-2, 2]; subtracted once from tokens already generated
  float frequency_penalty = 0.0f;  // [-2, 2]; subtracted per occurrence among generated tokens

  std::vector<std::pair<TokenId, float>> logit_bias;  // sorted by id, unique
  std::vector<TokenId> allowed_token_ids;             // empty: all; sorted, unique
  std::vector<TokenId> bad_token_ids;                 // never generated; sorted, unique

  uint64_t seed = 0;  // with the sequence's index and the position it keys every random draw

  // Ending. While fewer than min_tokens were generated, eos and stop ids cannot be sampled.
  int32_t max_tokens = 16;  // >= 1
  int32_t min_tokens = 0;
  bool ignore_eos = false;
  std::vector<TokenId> eos_token_ids;   // the model's; not empty unless the model has none
  std::vector<TokenId> stop_token_ids;  // the request's, on top of the model's

  int32_t n = 1;  // sequences for this prompt

  // -1: none. k >= 0: the chosen token's log-probability and those of the k most likely tokens,
  // from the distribution before temperature and truncation (raw logits, log-softmax).
  int32_t logprobs = -1;
  int32_t prompt_logprobs = -1;  // the same for the prompt's tokens, from the second on
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_SAMPLING_PARAMS_H_
