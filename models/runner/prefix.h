// Models whose attention looks ahead: which tokens of a sequence every query sees, and how
// positions are counted there. Both follow from the sequence's tokens.
#ifndef SKEP_MODELS_RUNNER_PREFIX_H_
#define SKEP_MODELS_RUNNER_PREFIX_H_

#include <cstdint>
#include <vector>

#include "scheduler/plan.h"
#include "scheduler/types.h"

namespace skep::models {

struct PrefixOptions {
  enum class End {
    kNone,      // no prefix: every token sees itself and those before it
    kSequence,  // the prefix is the whole sequence: an encoder
    kToken,     // it ends before the prompt's first `end_token`, or with the prompt
  };
  End end = End::kNone;
  TokenId end_token = 0;
  // Positions on two axes (Du et al. 2022, "GLM"): in the prefix they are (0, 0), (1, 0), ...;
  // behind it (m, 1), (m, 2), ... for the place m that the answer is meant for. That is where the
  // prompt has the first of the `mask_tokens` that it has at all, or else the last token of the
  // prefix.
  bool two_axes = false;
  std::vector<TokenId> mask_tokens;
};

// Of one sequence.
struct Prefix {
  int32_t length = 0;
  int32_t mask_position = 0;
};

Prefix FindPrefix(const PrefixOptions& options, const SequenceView& sequence);

}  // namespace skep::models

#endif  // SKEP_MODELS_RUNNER_PREFIX_H_
