#include "models/architectures/build_decoder.h"

#include <string>
#include <utility>
#include <vector>

#include "models/layers/decoder.h"
#include "models/layers/rope.h"
#include "models/layers/transformer_layer.h"

namespace skep::models::architectures {
namespace {

// GGUF keeps LongRoPE's lists as tensors.
RopeParameters WithTensors(RopeParameters parameters, const Weights& root) {
  if (parameters.type != "longrope" || !parameters.long_factor.empty()) return parameters;
  const std::vector<float> longer = root.OptionalVector("rope_factors_long.weight");
  const std::vector<float> shorter = root.OptionalVector("rope_factors_short.weight");
  parameters.long_factor.assign(longer.begin(), longer.end());
  parameters.short_factor.assign(shorter.begin(), shorter.end());
  return parameters;
}

absl::StatusOr<std::vector<std::unique_ptr<Block>>> MakeTransformerLayers(Builder& builder,
                                                                          const DecoderPlan& plan) {
  const Weights layers = builder.loader.root().at("model.layers");
  std::vector<std::unique_ptr<Block>> blocks;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    blocks.push_back(std::make_unique<TransformerLayer>(builder, layers.at(static_cast<int64_t>(i)),
                                                        plan.layers[i]));
  }
  return blocks;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Model>> BuildDecoder(Builder& builder,
                                                    const Architecture& architecture,
                                                    const DecoderPlan& plan) {
  for (const std::string& prefix : plan.ignored_prefixes) builder.loader.IgnorePrefix(prefix);
  const Weights root = builder.loader.root();
  for (const auto& [name, rotation] : plan.ropes) {
    Rope rope;
    if (rotation.rotates) {
      std::vector<float> divisors;
      if (!rotation.divisors.empty()) divisors = root.OptionalVector(rotation.divisors);
      const int64_t dim = rotation.dim > 0 ? rotation.dim : plan.shape().head_dim;
      SKEP_ASSIGN_OR_RETURN(
          rope, Rope::Create(WithTensors(rotation.parameters, root), dim, plan.max_positions,
                             builder.context_length, divisors));
    }
    builder.workspace.AddRotation(name, rope, rotation.query_scale, rotation.two_axes);
  }
  const auto make_blocks =
      architecture.blocks != nullptr ? architecture.blocks : MakeTransformerLayers;
  SKEP_ASSIGN_OR_RETURN(std::vector<std::unique_ptr<Block>> blocks, make_blocks(builder, plan));
  DecoderOptions options = plan.decoder;
  // GGUF files leave a tied head out, and have one wherever it is not tied.
  if (builder.config.is_gguf()) options.tied_head = !root.Has("lm_head.weight");
  if (plan.round_embedding_scale) {
    options.embedding_scale =
        root.RoundAsStored("model.embed_tokens.weight", options.embedding_scale);
  }
  return std::make_unique<Decoder>(builder, options, std::move(blocks));
}

}  // namespace skep::models::architectures
