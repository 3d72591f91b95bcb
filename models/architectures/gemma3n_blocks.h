// What stands between Gemma 3n's embedding and its head: see gemma3n.cc.
#ifndef SKEP_MODELS_ARCHITECTURES_GEMMA3N_BLOCKS_H_
#define SKEP_MODELS_ARCHITECTURES_GEMMA3N_BLOCKS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "models/architectures/decoder_plan.h"
#include "models/layers/block.h"

namespace skep::models::architectures {

// What the plan does not say.
struct Gemma3nOptions {
  int64_t streams = 0;
  int64_t active = 0;           // the stream that layers compute
  bool scales_output = true;    // "altup.correct_output_scale"
  int64_t per_layer_width = 0;  // of a token's embedding for one layer
  int64_t per_layer_rows = 0;   // of the table of these embeddings, at least
  int64_t first_shared = 0;     // the first layer that reads another's keys and values
};

// The block that makes the streams of the embedding, the layers, and the block that makes one of
// the streams again.
std::vector<std::unique_ptr<Block>> MakeGemma3nBlocks(Builder& builder, const DecoderPlan& plan,
                                                      const Gemma3nOptions& options);

}  // namespace skep::models::architectures

#endif  // SKEP_MODELS_ARCHITECTURES_GEMMA3N_BLOCKS_H_
