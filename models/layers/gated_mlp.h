// down(act(gate(x)) * up(x)), from normed input to the residual stream.
// Shazeer 2020, "GLU Variants Improve Transformer".
#ifndef SKEP_MODELS_LAYERS_GATED_MLP_H_
#define SKEP_MODELS_LAYERS_GATED_MLP_H_

#include <cstdint>

#include "models/layers/builder.h"

namespace skep::models {

struct GatedMlpOptions {
  int64_t hidden = 0;
  int64_t intermediate = 0;
  GateFunction function = GateFunction::kSilu;
  Bias bias = Bias::kNone;
};

class GatedMlp final {
 public:
  // `weights`: the place with gate_proj, up_proj, down_proj.
  GatedMlp(Builder& builder, const Weights& weights, const GatedMlpOptions& options);

  Activation* input() const { return input_; }

  // residual += post_norm(mlp(x)); post_norm may be null.
  void AddTo(Step& step, const Activation& x, const NormWeights* post_norm = nullptr) const;

 private:
  GateFunction function_;
  LinearWeights gate_, up_, down_;
  Activation* input_;
  Activation* gated_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_GATED_MLP_H_
