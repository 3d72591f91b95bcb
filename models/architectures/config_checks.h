// Reading a decoder's configuration: the numbers every family has, and the refusal of features that
// are not implemented.
#ifndef SKEP_MODELS_ARCHITECTURES_CONFIG_CHECKS_H_
#define SKEP_MODELS_ARCHITECTURES_CONFIG_CHECKS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/layers/status_macros.h"
#include "models/ops/ops.h"
#include "models/weights/config_view.h"

namespace skep::models::architectures {

// Checked: every number is positive and small enough that products do not overflow.
struct DecoderShape {
  int64_t hidden = 0;
  int64_t intermediate = 0;
  int64_t layers = 0;
  int64_t vocab_size = 0;
  int64_t max_positions = 0;
  AttentionShape attention;
};

// What to do without "head_dim".
enum class HeadDim { kRequired, kHiddenOverHeads };

absl::StatusOr<DecoderShape> ReadDecoderShape(const ConfigView& view, HeadDim head_dim);

// Unimplemented if the key is present and has another value.
absl::Status CheckEquals(const ConfigView& view, std::string_view key, std::string_view value);

// Unimplemented, naming `feature`, if the key is present and not zero.
absl::Status CheckZero(const ConfigView& view, std::string_view key, std::string_view feature);

// Unimplemented if the checkpoint's matrices are quantised in a Hugging Face scheme.
absl::Status CheckNotQuantized(const ConfigView& view);

}  // namespace skep::models::architectures

#endif  // SKEP_MODELS_ARCHITECTURES_CONFIG_CHECKS_H_
