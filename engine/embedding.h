// From the hidden states of a prompt to its embedding.
#ifndef SKEP_ENGINE_EMBEDDING_H_
#define SKEP_ENGINE_EMBEDDING_H_

#include <cstdint>
#include <vector>

#include "engine/request.h"
#include "scheduler/types.h"

namespace skep::engine {

// The options of a request that was validated, the unset ones filled.
struct EmbeddingParams {
  Pooling pooling = Pooling::kLast;
  int64_t dimensions = 0;  // 1 to the model's hidden size
  bool normalize = true;
  Truncation truncation = Truncation::kNone;
};

// The embedding of a prompt of `num_tokens` tokens. `pooled` is PoolResult::values of all of them;
// at least params.dimensions long. First the mean is taken, if that is the pooling, then the first
// dimensions (Kusupati et al. 2022, "Matryoshka Representation Learning"), then the length becomes
// 1; a vector of zeros stays one.
std::vector<float> FinishEmbedding(std::vector<float> pooled, const EmbeddingParams& params,
                                   int64_t num_tokens);

}  // namespace skep::engine

#endif  // SKEP_ENGINE_EMBEDDING_H_
