#include "engine/embedding.h"

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "scheduler/types.h"

namespace skep::engine {

std::vector<float> FinishEmbedding(std::vector<float> pooled, const EmbeddingParams& params,
                                   int64_t num_tokens) {
  pooled.resize(params.dimensions);
  if (params.pooling == Pooling::kMean) {
    for (float& value : pooled) value /= static_cast<float>(num_tokens);
  }
  if (!params.normalize) return pooled;
  double squares = 0;
  for (const float value : pooled) squares += static_cast<double>(value) * value;
  if (squares == 0) return pooled;
  const double length = std::sqrt(squares);
  for (float& value : pooled) value = static_cast<float>(value / length);
  return pooled;
}

}  // namespace skep::engine
