// What holds for every configuration that loads.
#ifndef SKEP_TESTS_FUZZ_CONFIG_CHECKS_H_
#define SKEP_TESTS_FUZZ_CONFIG_CHECKS_H_

#include <cmath>
#include <set>

#include "models/weights/config_view.h"
#include "tests/fuzz/require.h"

namespace skep::fuzz {

inline void CheckRope(const models::ConfigView& config, std::string_view layer_type,
                      const models::RopeDefaults& defaults) {
  const auto rope = config.Rope(layer_type, defaults);
  if (!rope.ok()) return;
  Require(std::isfinite(rope->theta) && rope->theta > 0, "theta is a positive number");
  Require(std::isfinite(rope->factor) && rope->factor > 0, "so is the scaling factor");
  Require(rope->partial_rotary_factor > 0 && rope->partial_rotary_factor <= 1,
          "the rotated part is a fraction of a head");
  const bool reads_context = rope->type != "default" && rope->type != "linear";
  Require(!reads_context || rope->original_max_position_embeddings > 0,
          "no context is shorter than a token");
  Require(rope->original_max_position_embeddings >= 0, "nor negative, even where it is not read");
}

inline void CheckConfig(const models::ConfigView& config) {
  constexpr int64_t kLayers = 12;
  for (const char* key : {"hidden_size", "num_attention_heads", "head_dim", "vocab_size",
                          "sliding_window", "rope_theta", "max_position_embeddings"}) {
    const auto value = config.RequiredIntIn(key, /*low=*/1, /*high=*/1 << 20);
    Require(!value.ok() || (*value >= 1 && *value <= 1 << 20), "a number is in its range");
    const auto ints = config.Ints(key);
    Require(!value.ok() || (ints.ok() && ints->size() == 1 && ints->front() == *value),
            "a number is a list of one");
  }
  for (const char* key : {"rms_norm_eps", "attn_logit_softcapping"}) {
    const auto value = config.OptionalFloat(key);
    Require(!value.ok() || !value->has_value() || std::isfinite(**value), "a number is finite");
  }
  (void)config.StringOr("hidden_act", "silu");
  (void)config.Strings("architectures");
  (void)config.Generation().FloatOr("temperature", 1.0);
  const auto ends = config.EosTokenIds();
  Require(!ends.ok() || std::set<int64_t>(ends->begin(), ends->end()).size() == ends->size(),
          "an end of sequence is named once");
  const auto types = config.LayerTypes(kLayers, /*default_pattern=*/6);
  Require(!types.ok() || types->size() == kLayers, "every layer has a type");
  CheckRope(config, "full_attention", {});
  CheckRope(config, "sliding_attention", {.sliding_theta = 10000.0});
}

}  // namespace skep::fuzz

#endif  // SKEP_TESTS_FUZZ_CONFIG_CHECKS_H_
