// How GGUF metadata values are encoded; private to models/weights.

#ifndef SKEP_MODELS_WEIGHTS_GGUF_VALUE_H_
#define SKEP_MODELS_WEIGHTS_GGUF_VALUE_H_

#include "absl/status/statusor.h"
#include "models/weights/byte_reader.h"
#include "models/weights/gguf.h"

namespace skep::models {

// Arrays inside arrays beyond this depth are refused.
inline constexpr int kMaxGgufArrayDepth = 8;

// Reads the type and the value of one key, and checks that all of it is there.
absl::StatusOr<GgufValue> ReadGgufValue(ByteReader& reader);

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_GGUF_VALUE_H_
