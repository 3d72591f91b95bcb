// A model with everything it needs to run a step.
#ifndef SKEP_MODELS_RUNNER_LOADED_MODEL_H_
#define SKEP_MODELS_RUNNER_LOADED_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/layers/workspace.h"
#include "models/load_runner.h"
#include "models/model.h"
#include "models/ops/ops.h"
#include "models/runner.h"
#include "models/runner/prefix.h"
#include "models/state/state_store.h"
#include "models/weights/weight_source.h"

namespace skep::models {

// The parts of a loaded model, in the order in which they depend on each other.
struct LoadedModel {
  std::unique_ptr<WeightSource> files;  // some matrices are read in place
  std::unique_ptr<Ops> ops;
  std::unique_ptr<Workspace> workspace;
  std::unique_ptr<StateStore> state;
  std::unique_ptr<Model> model;
  ModelInfo info;
  PrefixOptions prefix;
  int32_t max_batch_tokens = 0;
  int32_t max_sequences = 0;
};

// The operations that `options` name.
absl::StatusOr<std::unique_ptr<Ops>> MakeOps(const RunnerOptions& options);

// What LoadModelRunner runs, on these operations. May throw what libtorch throws.
absl::StatusOr<LoadedModel> LoadModel(const std::string& path, const RunnerOptions& options,
                                      std::unique_ptr<Ops> ops);

}  // namespace skep::models

#endif  // SKEP_MODELS_RUNNER_LOADED_MODEL_H_
