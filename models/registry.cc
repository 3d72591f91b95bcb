#include "models/registry.h"

#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/architectures/architectures.h"

namespace skep::models {
namespace {

const std::array kArchitectures = {
    architectures::BigCode(),    architectures::ChatGlm(),     architectures::Cohere(),
    architectures::Cohere2(),    architectures::DeepseekMoe(), architectures::DeepseekV2(),
    architectures::Falcon(),     architectures::Gemma(),       architectures::Gemma2(),
    architectures::Gemma3(),     architectures::Gemma3n(),     architectures::Glm(),
    architectures::Glm4(),       architectures::Glm4Moe(),     architectures::Gpt2(),
    architectures::GptJ(),       architectures::GptNeoX(),     architectures::GptOss(),
    architectures::Granite(),    architectures::GraniteMoe(),  architectures::Helium(),
    architectures::Llama(),      architectures::Llama4(),      architectures::MiniMaxM2(),
    architectures::ModernBert(), architectures::Mpt(),         architectures::Olmo(),
    architectures::Olmo2(),      architectures::Olmoe(),       architectures::Persimmon(),
    architectures::Phi(),        architectures::Phi3(),        architectures::PhiMoe(),
    architectures::Qwen2(),      architectures::Qwen2Moe(),    architectures::Qwen3(),
    architectures::Qwen3Moe(),   architectures::SmolLm3(),     architectures::StableLm(),
    architectures::Starcoder2(),
};

}  // namespace

std::span<const Architecture> Architectures() { return kArchitectures; }

absl::StatusOr<const Architecture*> FindArchitecture(const ConfigView& config) {
  for (const Architecture& architecture : kArchitectures) {
    const std::span<const std::string_view> names =
        config.is_gguf() ? architecture.gguf_names : architecture.hugging_face_names;
    for (const std::string& wanted : {config.architecture(), config.model_type()}) {
      if (std::find(names.begin(), names.end(), wanted) != names.end()) return &architecture;
    }
  }
  std::vector<std::string> supported;
  for (const Architecture& entry : kArchitectures) {
    const auto names = config.is_gguf() ? entry.gguf_names : entry.hugging_face_names;
    supported.insert(supported.end(), names.begin(), names.end());
  }
  return absl::UnimplementedError(
      absl::StrCat(config.file(), ": architecture '", config.architecture(),
                   "' is not supported; supported are ", absl::StrJoin(supported, ", ")));
}

}  // namespace skep::models
