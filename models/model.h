// A model as the runner drives it: hidden states of a ragged batch, then of chosen rows the states
// themselves, or logits.
#ifndef SKEP_MODELS_MODEL_H_
#define SKEP_MODELS_MODEL_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "models/ops/ops.h"

namespace skep::models {

class Model {
 public:
  virtual ~Model() = default;

  // Width of the logits; every token id of a step is below it.
  virtual int64_t vocab_size() const = 0;

  // Computes the step's hidden states, kept inside, and writes its keys and values to the cache.
  // The step stays open for Logits and Hidden; EndStep must follow, also when this throws.
  virtual void Forward(const StepInput& input) = 0;

  // Logits of the rows `row_ids` of the last Forward: float32 [row_ids.size(), vocab_size] at the
  // start of `logits`.
  virtual void Logits(std::span<const int32_t> row_ids, at::Tensor& logits) = 0;

  // Hidden states, after the final norm, of the rows `row_ids` of the last Forward: float32
  // [row_ids.size(), hidden_size] at the start of `hidden`, which the host can read.
  virtual void Hidden(std::span<const int32_t> row_ids, at::Tensor& hidden) = 0;

  virtual void EndStep() = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_MODEL_H_
