// One function a family; each file beside this one defines its own. The table is
// models/registry.cc.
#ifndef SKEP_MODELS_ARCHITECTURES_ARCHITECTURES_H_
#define SKEP_MODELS_ARCHITECTURES_ARCHITECTURES_H_

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "models/architectures/decoder_plan.h"
#include "models/registry.h"

namespace skep::models::architectures {

// A family whose models are decoders as a plan describes them; kRead makes the plan.
template <absl::StatusOr<DecoderPlan> (*kRead)(const ConfigView&)>
Architecture DecoderFamily(std::string_view name,
                           std::span<const std::string_view> hugging_face_names,
                           std::span<const std::string_view> gguf_names,
                           absl::StatusOr<std::vector<WeightRule>> (*rules)(const ConfigView&)) {
  return {name,
          hugging_face_names,
          gguf_names,
          [](const ConfigView& config) { return kRead(config).status(); },
          rules,
          [](Builder& builder) -> absl::StatusOr<std::unique_ptr<Model>> {
            SKEP_ASSIGN_OR_RETURN(const DecoderPlan plan, kRead(builder.config));
            return BuildDecoder(builder, plan);
          }};
}

Architecture BigCode();
Architecture DeepseekMoe();
Architecture DeepseekV2();
Architecture Falcon();
Architecture Gemma();
Architecture Gemma2();
Architecture Gemma3();
Architecture Glm();
Architecture Glm4();
Architecture Glm4Moe();
Architecture Gpt2();
Architecture GptJ();
Architecture GptNeoX();
Architecture GptOss();
Architecture Granite();
Architecture GraniteMoe();
Architecture Helium();
Architecture Llama();
Architecture Llama4();
Architecture MiniMaxM2();
Architecture Mpt();
Architecture Olmo();
Architecture Olmo2();
Architecture Olmoe();
Architecture Persimmon();
Architecture Phi();
Architecture Phi3();
Architecture PhiMoe();
Architecture Qwen2();
Architecture Qwen2Moe();
Architecture Qwen3();
Architecture Qwen3Moe();
Architecture SmolLm3();
Architecture StableLm();
Architecture Starcoder2();

}  // namespace skep::models::architectures

#endif  // SKEP_MODELS_ARCHITECTURES_ARCHITECTURES_H_
