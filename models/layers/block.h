// One layer, as the shell of a model sees it.
#ifndef SKEP_MODELS_LAYERS_BLOCK_H_
#define SKEP_MODELS_LAYERS_BLOCK_H_

#include "models/layers/builder.h"

namespace skep::models {

// Reads and adds to the residual stream.
class Block {
 public:
  virtual ~Block() = default;
  virtual void Forward(Step& step) const = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_BLOCK_H_
