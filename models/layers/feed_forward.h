// The part of a layer that works on each token alone: a dense MLP or a mixture of experts.
#ifndef SKEP_MODELS_LAYERS_FEED_FORWARD_H_
#define SKEP_MODELS_LAYERS_FEED_FORWARD_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

#include "models/layers/layer_part.h"
#include "models/layers/options.h"

namespace skep::models {

// `weights`: the place with gate_proj, up_proj, down_proj, or with gate (the router) and experts.
// `input_role`: the workspace's values that this part reads.
std::unique_ptr<FeedForward> MakeFeedForward(Builder& builder, const Weights& weights,
                                             const FeedForwardOptions& options,
                                             std::string_view input_role);

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_FEED_FORWARD_H_
