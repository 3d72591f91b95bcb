// What architectures are given to build a model from, and the shell most of them share.
#ifndef SKEP_MODELS_LAYERS_BUILDER_H_
#define SKEP_MODELS_LAYERS_BUILDER_H_

#include <cstdint>

#include "models/layers/workspace.h"
#include "models/loading/weights.h"
#include "models/ops/ops.h"
#include "models/state/state_store.h"
#include "models/weights/config_view.h"

namespace skep::models {

struct Builder {
  const ConfigView& config;
  Ops& ops;
  WeightLoader& loader;
  Workspace& workspace;
  StateStore& state;
  int64_t context_length = 0;  // how far sequences can grow on this server
};

// One step on its way through the layers.
struct Step {
  const StepInput& input;
  Ops& ops;
  at::Tensor& residual;  // [max_tokens, hidden]
  int64_t rows = 0;      // tokens of the step
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_BUILDER_H_
