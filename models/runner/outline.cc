#include "models/outline.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "models/loading/quantized_weight.h"
#include "models/registry.h"
#include "models/weights/model_files.h"

namespace skep::models {
namespace {

constexpr int64_t kCacheValueBytes = 2;

int64_t CacheBytes(const AttentionShape& shape) {
  return kCacheValueBytes * shape.kv_heads * (shape.head_dim + shape.value_width());
}

// As the plan of a supported model has it.
std::optional<int64_t> PlannedCacheBytes(const ConfigView& config) {
  const absl::StatusOr<const Architecture*> architecture = FindArchitecture(config);
  if (!architecture.ok()) return std::nullopt;
  const absl::StatusOr<architectures::DecoderPlan> plan = (*architecture)->plan(config);
  if (!plan.ok()) return std::nullopt;
  int64_t bytes = 0;
  for (const LayerOptions& layer : plan->layers) {
    bytes += CacheBytes(layer.latent ? layer.latent->shape() : layer.attention.shape);
  }
  return bytes;
}

// As most models have it, if the configuration has the usual keys; 0 otherwise.
int64_t UsualCacheBytes(const ConfigView& config) {
  if (config.Has("kv_lora_rank")) return 0;  // latents in place of keys and values
  const int64_t layers = config.IntOr("num_hidden_layers", 0).value_or(0);
  const int64_t heads = config.IntOr("num_attention_heads", 0).value_or(0);
  const int64_t hidden = config.IntOr("hidden_size", 0).value_or(0);
  AttentionShape shape;
  shape.kv_heads = config.IntOr("num_key_value_heads", heads).value_or(0);
  shape.head_dim = config.IntOr("head_dim", heads > 0 ? hidden / heads : 0).value_or(0);
  constexpr int64_t kPlausible = 1 << 16;  // no product of three overflows
  for (int64_t value : {layers, shape.kv_heads, shape.head_dim}) {
    if (value <= 0 || value > kPlausible) return 0;
  }
  return layers * CacheBytes(shape);
}

std::string ByBytes(const std::map<std::string, uint64_t>& bytes_of) {
  std::vector<std::pair<uint64_t, std::string>> kinds;
  kinds.reserve(bytes_of.size());
  for (const auto& [name, bytes] : bytes_of) kinds.emplace_back(bytes, name);
  std::sort(kinds.rbegin(), kinds.rend());
  return absl::StrJoin(kinds, "+",
                       [](std::string* out, const auto& kind) { out->append(kind.second); });
}

}  // namespace

ModelOutline OutlineModel(const ModelFiles& files) {
  ModelOutline outline;
  const auto scheme = ReadQuantizationScheme(files.config);
  const bool quantized = scheme.ok() && *scheme != nullptr;
  std::map<std::string, uint64_t> bytes_of;
  for (const TensorInfo& tensor : files.weights->tensors()) {
    std::optional<int64_t> values;
    if (quantized) values = (*scheme)->CodedValues(*files.weights, tensor);
    outline.parameters += values.value_or(ElementsOf(tensor.shape).value_or(0));
    if (values) {
      bytes_of[(*scheme)->name()] += tensor.bytes;
    } else if (tensor.shape.size() > 1) {
      bytes_of[std::string(TypeName(tensor.type))] += tensor.bytes;
    }
  }
  outline.quantization = ByBytes(bytes_of);
  outline.cache_bytes_per_token =
      PlannedCacheBytes(files.config).value_or(UsualCacheBytes(files.config));
  return outline;
}

}  // namespace skep::models
