// What a decoder is made of, as data: an architecture reads its configuration into a plan, and the
// plan is checked, built from weights, and run. Families that are no plain stack of such layers
// make their own blocks: see models/registry.h.
#ifndef SKEP_MODELS_ARCHITECTURES_DECODER_PLAN_H_
#define SKEP_MODELS_ARCHITECTURES_DECODER_PLAN_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/layers/options.h"
#include "models/layers/status_macros.h"
#include "models/loading/rules.h"
#include "models/runner/prefix.h"
#include "models/weights/config_view.h"

namespace skep::models::architectures {

// A rotary embedding that layers name (AttentionOptions::rope).
struct Rotation {
  RopeParameters parameters;
  int64_t dim = 0;  // of what it turns a part of; 0: a head of the model
  // A vector of the file that divides frequencies ("rope_freqs.weight" of GGUF), where it is there.
  std::string divisors;
  bool rotates = true;                        // false: only query_scale
  bool two_axes = false;                      // see Workspace::AddRotation; `dim` is of one axis
  std::function<float(int64_t)> query_scale;  // of a position; null: 1
};

struct DecoderPlan {
  DecoderOptions decoder;
  int64_t max_positions = 0;
  std::vector<LayerOptions> layers;
  std::map<std::string, Rotation> ropes;
  PrefixOptions prefix;   // which tokens attention looks ahead to
  bool generates = true;  // false: an encoder
  // decoder.embedding_scale is held in the type of the table, as models do that were trained in it.
  bool round_embedding_scale = false;
  // Tensors that checkpoints carry and this model does not need.
  std::vector<std::string> ignored_prefixes;

  // Of the first layer: most families have one shape and one width throughout.
  const AttentionShape& shape() const { return layers.front().attention.shape; }
  MlpOptions& mlp(size_t layer) { return std::get<MlpOptions>(layers[layer].feed_forward); }
};

// What a family assumes where its files are silent, and what none of its files says.
struct FamilyDefaults {
  NormKind norm = NormKind::kRms;
  Bias norm_bias = Bias::kNone;
  double norm_epsilon = 1e-6;
  bool head_dim_required = false;  // else hidden_size / num_attention_heads
  double rope_theta = 10000.0;
  double partial_rotary_factor = 1.0;
  std::string_view activation = "silu";
  bool gated = true;
  bool tied = false;
  std::optional<AttentionShape> shape;  // where no keys are to be read for it
  bool multi_query = false;   // key-value heads, where not given: 1, or as many as query heads
  int64_t mlp_width = 0;      // times hidden_size, where intermediate_size is not given
  int64_t max_positions = 0;  // where not given; 0: required
};

// A stack of equal layers in Llama's order, with one RoPE named "rope": the keys that nearly all
// families have, checked so that no product of theirs overflows. Refuses what is not implemented.
absl::StatusOr<DecoderPlan> ReadDecoderPlan(const ConfigView& view, const FamilyDefaults& defaults);

// How many channels of a head the RoPE "rope" turns.
int64_t RotaryDim(const DecoderPlan& plan);

// The function that `key` (hidden_act in all its spellings) names; `fallback` where it is absent.
absl::StatusOr<GateFunction> ReadActivation(const ConfigView& view, std::string_view fallback,
                                            std::string_view key = "hidden_act");

// Of a flag that says whether there are biases. GGUF says nothing of them: they are there or not.
absl::StatusOr<Bias> ReadBias(const ConfigView& view, std::string_view key, bool fallback);

// attention_bias, of q, k, v and o, and mlp_bias, as Llama has them, for every layer.
absl::Status ReadBiases(const ConfigView& view, DecoderPlan& plan);
// Biases of every linear map in every layer.
void SetLinearBias(DecoderPlan& plan, Bias attention, Bias mlp);

// Of ALiBi's `heads`, the first part of the sequence 2^(-max_bias / n), 2^(-2 max_bias / n), ...
// for the next power of two n: where there are fewer heads than n, every second one first.
std::vector<float> AlibiSlopes(int64_t heads, double max_bias);

// Tensors whose names begin so are left alone.
void Ignore(std::initializer_list<std::string_view> prefixes, DecoderPlan& plan);

// "sliding_window", 0 where it is absent.
absl::StatusOr<int64_t> ReadWindow(const ConfigView& view);
// Gives the window to those layers that are sliding (see ConfigView::LayerTypes for
// `default_pattern`), and the RoPE of this name.
absl::Status ReadSlidingLayers(const ConfigView& view, int64_t default_pattern,
                               std::string_view sliding_rope, DecoderPlan& plan);

// Unimplemented if the key is present and has another value.
absl::Status CheckEquals(const ConfigView& view, std::string_view key, std::string_view value);
absl::Status CheckBool(const ConfigView& view, std::string_view key, bool value);
absl::Status CheckNumber(const ConfigView& view, std::string_view key, double value);

// Unimplemented, naming `feature`, if the key is present and not zero.
absl::Status CheckZero(const ConfigView& view, std::string_view key, std::string_view feature);

}  // namespace skep::models::architectures

#endif  // SKEP_MODELS_ARCHITECTURES_DECODER_PLAN_H_
