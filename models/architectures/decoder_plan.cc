#include "models/architectures/decoder_plan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/loading/quantized_weight.h"
#include "models/weights/text.h"

namespace skep::models::architectures {
namespace {

// Far above any real model, low enough that rows * columns and cache sizes stay in 63 bits.
constexpr int64_t kMaxWidth = int64_t{1} << 24;
constexpr int64_t kMaxLayers = int64_t{1} << 12;
constexpr int64_t kMaxHeads = int64_t{1} << 12;
constexpr int64_t kMaxHeadDim = int64_t{1} << 12;
constexpr int64_t kMaxPositions = int64_t{1} << 30;
constexpr int64_t kMaxWindow = int64_t{1} << 40;  // with room for sums

absl::StatusOr<AttentionShape> ReadShape(const ConfigView& view, int64_t hidden,
                                         const FamilyDefaults& defaults) {
  AttentionShape shape;
  SKEP_ASSIGN_OR_RETURN(shape.query_heads, view.RequiredIntIn("num_attention_heads", 1, kMaxHeads));
  shape.kv_heads = defaults.multi_query ? 1 : shape.query_heads;
  if (view.Has("num_key_value_heads")) {
    SKEP_ASSIGN_OR_RETURN(shape.kv_heads, view.RequiredIntIn("num_key_value_heads", 1, kMaxHeads));
  }
  if (defaults.head_dim_required || view.Has("head_dim")) {
    SKEP_ASSIGN_OR_RETURN(shape.head_dim, view.RequiredIntIn("head_dim", 1, kMaxHeadDim));
  } else if (hidden % shape.query_heads == 0) {
    shape.head_dim = hidden / shape.query_heads;
  } else {
    return absl::InvalidArgumentError(absl::StrCat(view.file(), ": hidden_size ", hidden,
                                                   " is no multiple of ", shape.query_heads,
                                                   " attention heads, and head_dim is not given"));
  }
  if (shape.query_heads % shape.kv_heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(view.file(), ": ", shape.query_heads, " attention heads over ", shape.kv_heads,
                     " key-value heads: the first must be a multiple of the second"));
  }
  if (shape.head_dim % 2 != 0 || shape.head_dim > kMaxHeadDim) {
    return absl::InvalidArgumentError(absl::StrCat(view.file(), ": head_dim ", shape.head_dim,
                                                   " must be even and at most ", kMaxHeadDim));
  }
  return shape;
}

absl::StatusOr<NormOptions> ReadNorm(const ConfigView& view, const FamilyDefaults& defaults) {
  NormOptions norm;
  norm.kind = defaults.norm;
  norm.bias = defaults.norm_bias;
  const bool rms = norm.kind == NormKind::kRms;
  SKEP_ASSIGN_OR_RETURN(
      norm.epsilon, view.FloatOr(rms ? "rms_norm_eps" : "layer_norm_eps", defaults.norm_epsilon));
  if (!(norm.epsilon >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(view.file(), ": the norms' epsilon ", norm.epsilon, " must not be negative"));
  }
  return norm;
}

// "intermediate_size" of each layer: a list, or one for all.
absl::StatusOr<std::vector<int64_t>> ReadMlpWidths(const ConfigView& view, int64_t layers) {
  SKEP_ASSIGN_OR_RETURN(std::vector<int64_t> widths, view.Ints("intermediate_size"));
  if (widths.empty()) return view.RequiredInt("intermediate_size").status();
  if (widths.size() == 1) widths.assign(layers, widths.front());
  if (static_cast<int64_t>(widths.size()) != layers) {
    return absl::InvalidArgumentError(absl::StrCat(view.file(), ": intermediate_size has ",
                                                   widths.size(), " entries, but one for each of ",
                                                   layers, " layers is right"));
  }
  for (int64_t width : widths) {
    if (width >= 1 && width <= kMaxWidth) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(view.file(), ": intermediate_size ", width, " must be 1 to ", kMaxWidth));
  }
  return widths;
}

// Layers after the last that predict further tokens (multi-token prediction) are left alone.
absl::Status IgnoreNextTokenLayers(const ConfigView& view, DecoderPlan& plan) {
  SKEP_ASSIGN_OR_RETURN(const int64_t extra, view.IntOr("num_nextn_predict_layers", 0));
  const auto layers = static_cast<int64_t>(plan.layers.size());
  for (int64_t i = layers; i < layers + std::min(extra, kMaxLayers); ++i) {
    plan.ignored_prefixes.push_back(absl::StrCat(view.is_gguf() ? "blk." : "layers.", i, "."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DecoderPlan> ReadDecoderPlan(const ConfigView& view,
                                            const FamilyDefaults& defaults) {
  SKEP_RETURN_IF_ERROR(ReadQuantizationScheme(view).status());
  DecoderPlan plan;
  DecoderOptions& decoder = plan.decoder;
  SKEP_ASSIGN_OR_RETURN(decoder.hidden, view.RequiredIntIn("hidden_size", 1, kMaxWidth));
  SKEP_ASSIGN_OR_RETURN(decoder.vocab_size, view.RequiredIntIn("vocab_size", 1, kMaxWidth));
  SKEP_ASSIGN_OR_RETURN(const int64_t layers,
                        view.RequiredIntIn("num_hidden_layers", 1, kMaxLayers));
  plan.max_positions = defaults.max_positions;
  if (plan.max_positions == 0 || view.Has("max_position_embeddings")) {
    SKEP_ASSIGN_OR_RETURN(plan.max_positions,
                          view.RequiredIntIn("max_position_embeddings", 1, kMaxPositions));
  }
  SKEP_ASSIGN_OR_RETURN(decoder.norm, ReadNorm(view, defaults));
  SKEP_ASSIGN_OR_RETURN(decoder.tied_head, view.BoolOr("tie_word_embeddings", defaults.tied));

  LayerOptions layer;
  layer.norm = decoder.norm;
  AttentionOptions& attention = layer.attention;
  attention.hidden = decoder.hidden;
  if (defaults.shape) {
    attention.shape = *defaults.shape;
  } else {
    SKEP_ASSIGN_OR_RETURN(attention.shape, ReadShape(view, decoder.hidden, defaults));
  }
  attention.scale = 1.0f / std::sqrt(static_cast<float>(attention.shape.head_dim));
  MlpOptions mlp;
  mlp.hidden = decoder.hidden;
  mlp.gated = defaults.gated;
  std::vector<int64_t> widths(layers, decoder.hidden * defaults.mlp_width);
  if (defaults.mlp_width == 0 || view.Has("intermediate_size")) {
    SKEP_ASSIGN_OR_RETURN(widths, ReadMlpWidths(view, layers));
  }
  SKEP_ASSIGN_OR_RETURN(mlp.function, ReadActivation(view, defaults.activation));
  layer.feed_forward = mlp;
  plan.layers.assign(layers, layer);
  for (int64_t i = 0; i < layers; ++i) plan.mlp(i).intermediate = widths[i];
  SKEP_RETURN_IF_ERROR(IgnoreNextTokenLayers(view, plan));

  RopeDefaults rope{.theta = defaults.rope_theta,
                    .partial_rotary_factor = defaults.partial_rotary_factor};
  SKEP_ASSIGN_OR_RETURN(plan.ropes["rope"].parameters, view.Rope("full_attention", rope));
  return plan;
}

int64_t RotaryDim(const DecoderPlan& plan) {
  const double part = plan.ropes.at("rope").parameters.partial_rotary_factor;
  return static_cast<int64_t>(static_cast<double>(plan.shape().head_dim) * part);
}

absl::StatusOr<GateFunction> ReadActivation(const ConfigView& view, std::string_view fallback,
                                            std::string_view key) {
  struct Name {
    std::string_view name;
    GateFunction function;
  };
  constexpr std::array kNames = {
      Name{"silu", GateFunction::kSilu},
      Name{"swish", GateFunction::kSilu},
      Name{"gelu", GateFunction::kGeluErf},
      Name{"gelu_new", GateFunction::kGeluTanh},
      Name{"gelu_pytorch_tanh", GateFunction::kGeluTanh},
      Name{"relu", GateFunction::kRelu},
      Name{"relu2", GateFunction::kReluSquared},
  };
  SKEP_ASSIGN_OR_RETURN(const std::string wanted, view.StringOr(key, fallback));
  std::string known;
  for (const Name& entry : kNames) {
    if (entry.name == wanted) return entry.function;
    absl::StrAppend(&known, known.empty() ? "" : ", ", View(entry.name));
  }
  return absl::UnimplementedError(
      absl::StrCat(view.file(), ": activation '", wanted, "' is not supported; ", known, " are"));
}

absl::StatusOr<Bias> ReadBias(const ConfigView& view, std::string_view key, bool fallback) {
  if (view.is_gguf()) return Bias::kOptional;
  SKEP_ASSIGN_OR_RETURN(const bool present, view.BoolOr(key, fallback));
  return present ? Bias::kRequired : Bias::kNone;
}

void SetLinearBias(DecoderPlan& plan, Bias attention, Bias mlp) {
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    plan.layers[i].attention.qkv_bias = attention;
    plan.layers[i].attention.output_bias = attention;
    plan.mlp(i).bias = mlp;
  }
}

absl::Status ReadBiases(const ConfigView& view, DecoderPlan& plan) {
  SKEP_ASSIGN_OR_RETURN(const Bias attention, ReadBias(view, "attention_bias", false));
  SKEP_ASSIGN_OR_RETURN(const Bias mlp, ReadBias(view, "mlp_bias", false));
  SetLinearBias(plan, attention, mlp);
  return absl::OkStatus();
}

void Ignore(std::initializer_list<std::string_view> prefixes, DecoderPlan& plan) {
  plan.ignored_prefixes.insert(plan.ignored_prefixes.end(), prefixes.begin(), prefixes.end());
}

std::vector<float> AlibiSlopes(int64_t heads, double max_bias) {
  const auto n = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(heads)));
  std::vector<float> slopes(heads);
  for (int64_t i = 0; i < heads; ++i) {
    int64_t place = i + 1;
    if (n != heads) place = i < n / 2 ? 2 * (i + 1) : 2 * (i - n / 2) + 1;
    slopes[i] = static_cast<float>(
        std::exp2(-max_bias * static_cast<double>(place) / static_cast<double>(n)));
  }
  return slopes;
}

absl::StatusOr<int64_t> ReadWindow(const ConfigView& view) {
  if (!view.Has("sliding_window")) return 0;
  return view.RequiredIntIn("sliding_window", 0, kMaxWindow);
}

absl::Status ReadSlidingLayers(const ConfigView& view, int64_t default_pattern,
                               std::string_view sliding_rope, DecoderPlan& plan) {
  SKEP_ASSIGN_OR_RETURN(const int64_t window, ReadWindow(view));
  SKEP_ASSIGN_OR_RETURN(const auto types, view.LayerTypes(plan.layers.size(), default_pattern));
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    AttentionOptions& attention = plan.layers[i].attention;
    if (types[i] == "sliding_attention") {
      attention.window = window;
      attention.rope = std::string(sliding_rope);
    } else if (types[i] != "full_attention") {
      return absl::UnimplementedError(
          absl::StrCat(view.file(), ": layer_types: '", types[i],
                       "' is not supported here; full_attention and sliding_attention are"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckEquals(const ConfigView& view, std::string_view key, std::string_view value) {
  SKEP_ASSIGN_OR_RETURN(const std::string found, view.StringOr(key, value));
  if (found == value) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(view.file(), ": ", View(key), " '", found,
                                               "' is not supported here; '", View(value), "' is"));
}

absl::Status CheckBool(const ConfigView& view, std::string_view key, bool value) {
  SKEP_ASSIGN_OR_RETURN(const bool found, view.BoolOr(key, value));
  if (found == value) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(view.file(), ": ", View(key),
                                               found ? " true" : " false",
                                               " is not supported for this architecture"));
}

absl::Status CheckNumber(const ConfigView& view, std::string_view key, double value) {
  SKEP_ASSIGN_OR_RETURN(const double found, view.FloatOr(key, value));
  if (found == value) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(view.file(), ": ", View(key), " = ", found,
                                               " is not supported here; ", value, " is"));
}

absl::Status CheckZero(const ConfigView& view, std::string_view key, std::string_view feature) {
  SKEP_ASSIGN_OR_RETURN(const double found, view.FloatOr(key, 0));
  if (found == 0) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(view.file(), ": ", View(feature), " (", View(key),
                                               " = ", found,
                                               ") is not supported for this architecture"));
}

}  // namespace skep::models::architectures
