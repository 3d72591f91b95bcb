// Every architecture Skep can serve, in one table.
#ifndef SKEP_MODELS_REGISTRY_H_
#define SKEP_MODELS_REGISTRY_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "models/architectures/decoder_plan.h"

namespace skep::models {

class Block;
struct Builder;

struct Architecture {
  std::string_view name;  // Skep's: the file in architectures/
  // Names under which it is found: architectures[0] or model_type of config.json ...
  std::span<const std::string_view> hugging_face_names;
  // ... and general.architecture of GGUF.
  std::span<const std::string_view> gguf_names;
  // What its models are made of; says what cannot be served. Loads nothing.
  absl::StatusOr<architectures::DecoderPlan> (*plan)(const ConfigView& config);
  // How its files name and store weights, where they differ from the canonical way.
  absl::StatusOr<std::vector<WeightRule>> (*rules)(const ConfigView& config);
  // What stands between the embedding and the head, where that is not a TransformerLayer for each
  // layer of the plan; null.
  absl::StatusOr<std::vector<std::unique_ptr<Block>>> (*blocks)(
      Builder& builder, const architectures::DecoderPlan& plan) = nullptr;
};

std::span<const Architecture> Architectures();

// The architecture this configuration names; Unimplemented with the list of what is supported.
absl::StatusOr<const Architecture*> FindArchitecture(const ConfigView& config);

}  // namespace skep::models

#endif  // SKEP_MODELS_REGISTRY_H_
