#include "models/architectures/config_checks.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "models/weights/text.h"

namespace skep::models::architectures {
namespace {

// Far above any real model, low enough that rows * columns and cache sizes stay in 63 bits.
constexpr int64_t kMaxWidth = int64_t{1} << 24;
constexpr int64_t kMaxLayers = int64_t{1} << 12;
constexpr int64_t kMaxHeads = int64_t{1} << 12;
constexpr int64_t kMaxHeadDim = int64_t{1} << 12;
constexpr int64_t kMaxPositions = int64_t{1} << 30;

}  // namespace

absl::StatusOr<DecoderShape> ReadDecoderShape(const ConfigView& view, HeadDim head_dim) {
  DecoderShape shape;
  SKEP_ASSIGN_OR_RETURN(shape.hidden, view.RequiredIntIn("hidden_size", 1, kMaxWidth));
  SKEP_ASSIGN_OR_RETURN(shape.intermediate, view.RequiredIntIn("intermediate_size", 1, kMaxWidth));
  SKEP_ASSIGN_OR_RETURN(shape.layers, view.RequiredIntIn("num_hidden_layers", 1, kMaxLayers));
  SKEP_ASSIGN_OR_RETURN(shape.vocab_size, view.RequiredIntIn("vocab_size", 1, kMaxWidth));
  SKEP_ASSIGN_OR_RETURN(shape.max_positions,
                        view.RequiredIntIn("max_position_embeddings", 1, kMaxPositions));
  AttentionShape& attention = shape.attention;
  SKEP_ASSIGN_OR_RETURN(attention.query_heads,
                        view.RequiredIntIn("num_attention_heads", 1, kMaxHeads));
  attention.kv_heads = attention.query_heads;
  if (view.Has("num_key_value_heads")) {
    SKEP_ASSIGN_OR_RETURN(attention.kv_heads,
                          view.RequiredIntIn("num_key_value_heads", 1, kMaxHeads));
  }
  if (head_dim == HeadDim::kRequired || view.Has("head_dim")) {
    SKEP_ASSIGN_OR_RETURN(attention.head_dim, view.RequiredIntIn("head_dim", 1, kMaxHeadDim));
  } else if (shape.hidden % attention.query_heads == 0) {
    attention.head_dim = shape.hidden / attention.query_heads;
  } else {
    return absl::InvalidArgumentError(absl::StrCat(view.file(), ": hidden_size ", shape.hidden,
                                                   " is no multiple of ", attention.query_heads,
                                                   " attention heads, and head_dim is not given"));
  }
  if (attention.query_heads % attention.kv_heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        view.file(), ": ", attention.query_heads, " attention heads over ", attention.kv_heads,
        " key-value heads: the first must be a multiple of the second"));
  }
  if (attention.head_dim % 2 != 0 || attention.head_dim > kMaxHeadDim) {
    return absl::InvalidArgumentError(absl::StrCat(view.file(), ": head_dim ", attention.head_dim,
                                                   " must be even and at most ", kMaxHeadDim));
  }
  return shape;
}

absl::Status CheckEquals(const ConfigView& view, std::string_view key, std::string_view value) {
  SKEP_ASSIGN_OR_RETURN(const std::string found, view.StringOr(key, value));
  if (found == value) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(view.file(), ": ", View(key), " '", found,
                                               "' is not supported here; '", View(value), "' is"));
}

absl::Status CheckZero(const ConfigView& view, std::string_view key, std::string_view feature) {
  SKEP_ASSIGN_OR_RETURN(const double found, view.FloatOr(key, 0));
  if (found == 0) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(view.file(), ": ", View(feature), " (", View(key),
                                               " = ", found,
                                               ") is not supported for this architecture"));
}

absl::Status CheckNotQuantized(const ConfigView& view) {
  if (view.is_gguf() || !view.Has("quantization_config")) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat(view.file(),
                   ": quantization_config: checkpoints quantised in a Hugging Face scheme are not "
                   "supported; unquantised SafeTensors and every GGUF type are"));
}

}  // namespace skep::models::architectures
