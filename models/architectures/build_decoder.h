// From a plan to a model that runs.
#ifndef SKEP_MODELS_ARCHITECTURES_BUILD_DECODER_H_
#define SKEP_MODELS_ARCHITECTURES_BUILD_DECODER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/layers/builder.h"
#include "models/model.h"
#include "models/registry.h"

namespace skep::models::architectures {

// Loads the weights that the architecture's plan asks for; what is wrong with them, the builder's
// loader tells.
absl::StatusOr<std::unique_ptr<Model>> BuildDecoder(Builder& builder,
                                                    const Architecture& architecture,
                                                    const DecoderPlan& plan);

}  // namespace skep::models::architectures

#endif  // SKEP_MODELS_ARCHITECTURES_BUILD_DECODER_H_
