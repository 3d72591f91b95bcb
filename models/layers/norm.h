// Norms of the residual stream: into the input of a part, or in place.
#ifndef SKEP_MODELS_LAYERS_NORM_H_
#define SKEP_MODELS_LAYERS_NORM_H_

#include <utility>

#include "models/layers/builder.h"

namespace skep::models {

class Norm final {
 public:
  Norm(NormWeights weights, Activation* output) : weights_(std::move(weights)), output_(output) {}

  const Activation& operator()(Step& step) const {
    step.ops.Norm(step.residual, weights_, step.rows, *output_);
    return *output_;
  }

 private:
  NormWeights weights_;
  Activation* output_;
};

// x = norm(x).
class StreamNorm final {
 public:
  explicit StreamNorm(NormWeights weights) : weights_(std::move(weights)) {}

  void operator()(Step& step) const {
    Activation stream{step.residual, {}, step.residual.size(1)};
    step.ops.Norm(step.residual, weights_, step.rows, stream);
  }

 private:
  NormWeights weights_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_NORM_H_
