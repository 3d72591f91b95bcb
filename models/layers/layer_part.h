// The two parts of a layer: one that mixes tokens, one that works on each token alone.
#ifndef SKEP_MODELS_LAYERS_LAYER_PART_H_
#define SKEP_MODELS_LAYERS_LAYER_PART_H_

#include "models/layers/builder.h"

namespace skep::models {

class LayerPart {
 public:
  virtual ~LayerPart() = default;
  // Where the norm before this part has to put its result.
  virtual Activation* input() const = 0;
  // residual += multiplier * post_norm(this part(x)); post_norm may be null.
  virtual void AddTo(Step& step, const Activation& x, const NormWeights* post_norm,
                     float multiplier) const = 0;
};

// Attention, and what stands in its place.
using Mixer = LayerPart;
// A dense MLP or a mixture of experts.
using FeedForward = LayerPart;

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_LAYER_PART_H_
