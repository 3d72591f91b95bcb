// One function a family; each file beside this one defines its own. The table is
// models/registry.cc.
#ifndef SKEP_MODELS_ARCHITECTURES_ARCHITECTURES_H_
#define SKEP_MODELS_ARCHITECTURES_ARCHITECTURES_H_

#include "models/registry.h"

namespace skep::models::architectures {

Architecture BigCode();
Architecture ChatGlm();
Architecture Cohere();
Architecture Cohere2();
Architecture DeepseekMoe();
Architecture DeepseekV2();
Architecture Falcon();
Architecture Gemma();
Architecture Gemma2();
Architecture Gemma3();
Architecture Gemma3n();
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
Architecture ModernBert();
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
