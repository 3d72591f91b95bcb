// One function a family; each file beside this one defines its own. The table is
// models/registry.cc.
#ifndef SKEP_MODELS_ARCHITECTURES_ARCHITECTURES_H_
#define SKEP_MODELS_ARCHITECTURES_ARCHITECTURES_H_

#include "models/registry.h"

namespace skep::models::architectures {

Architecture Llama();
Architecture Gemma3();

}  // namespace skep::models::architectures

#endif  // SKEP_MODELS_ARCHITECTURES_ARCHITECTURES_H_
