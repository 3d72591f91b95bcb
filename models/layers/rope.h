// Rotary position embeddings: which angle each pair of channels turns by, for every scaling in use.
#ifndef SKEP_MODELS_LAYERS_ROPE_H_
#define SKEP_MODELS_LAYERS_ROPE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/ops/ops.h"
#include "models/weights/config_view.h"

namespace skep::models {

// angle(position, i) = position * frequency[i]; cos and sin are multiplied by `attention_factor`.
// Su et al. 2021 (RoPE); Peng et al. 2023 (YaRN); Ding et al. 2024 (LongRoPE); the "llama3" rule is
// that of the Llama 3.1 model card.
class Rope final {
 public:
  // `context_length` is how far sequences can grow on this server: it decides between LongRoPE's
  // short and long factors once and for all, so that keys in the cache stay comparable.
  // `divisors`, if not empty, divide the frequencies (GGUF's rope_freqs.weight).
  static absl::StatusOr<Rope> Create(const RopeParameters& parameters, int64_t head_dim,
                                     int64_t max_position_embeddings, int64_t context_length,
                                     std::span<const float> divisors);

  int64_t rotary_dim() const { return 2 * static_cast<int64_t>(frequencies_.size()); }

  // Writes cos and sin of each position: [positions.size(), stride] each, of which rotary_dim / 2
  // are written.
  void Fill(std::span<const int32_t> positions, int64_t stride, float* cosine, float* sine) const;

 private:
  // Frequencies at this position. Only "dynamic" scaling depends on it: beyond the trained length,
  // NTK-aware scaling for a sequence that ends at the position, as step-by-step decoding gives.
  void FrequenciesAt(int64_t position, std::span<float> out) const;

  std::vector<float> frequencies_;  // [rotary_dim / 2]
  float attention_factor_ = 1.0f;

  bool dynamic_ = false;
  double theta_ = 0;
  double factor_ = 1;
  int64_t trained_length_ = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_ROPE_H_
