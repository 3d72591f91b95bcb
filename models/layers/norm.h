// A norm of the residual stream into the input of a part.
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

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_NORM_H_
