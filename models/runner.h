// The seam between the engine's loop and tensors: a Plan goes in, sampled tokens and pooled hidden
// states come out.
#ifndef SKEP_MODELS_RUNNER_H_
#define SKEP_MODELS_RUNNER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/plan.h"
#include "scheduler/types.h"

namespace skep {

// Sampling defaults that a model's authors ship (generation_config.json).
struct SamplingDefaults {
  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> typical_p;
  std::optional<float> repetition_penalty;
};

// What becomes of hidden states where a request for embeddings does not say.
struct EmbeddingDefaults {
  Pooling pooling = Pooling::kLast;
  bool normalize = true;
};

// Facts about the loaded model. Fixed once the runner exists.
struct ModelInfo {
  std::string name;          // general.name, or the file's or folder's name
  std::string architecture;  // "llama", "gemma3", ...: the registry's name
  std::string quantization;  // "Q4_1", "BF16", "Q4_K+Q6_K": the matrices' types, most bytes first
  std::string format;        // "gguf" or "safetensors"
  std::string device;        // "cpu"
  int64_t vocab_size = 0;    // width of the logits: every token id of a request is below it
  int64_t context_length = 0;
  int64_t hidden_size = 0;
  int64_t num_layers = 0;
  int64_t num_parameters = 0;
  int64_t weight_bytes = 0;
  std::vector<TokenId> eos_token_ids;  // from generation_config.json and config.json; may be empty
  SamplingDefaults sampling_defaults;
  EmbeddingDefaults embedding_defaults;
  // Attention looks ahead within a prompt: a prompt is computed in one step, all of it, and no
  // other sequence can take over its keys and values.
  bool whole_prompts = false;
  bool generates = true;  // false: an encoder, whose hidden states are all that it gives
  CacheLayout cache;
};

// Runs plans on one device. Not thread-safe: all calls come from the engine's loop thread.
class ModelRunner {
 public:
  using Handle = uint64_t;

  virtual ~ModelRunner() = default;

  virtual const ModelInfo& info() const = 0;

  // Starts a step. At most one step is in flight. The plan must stay unchanged until Wait returns.
  virtual absl::StatusOr<Handle> Submit(const Plan& plan) = 0;

  // Blocks until the step is done and fills `result`, reusing its memory. An error means that the
  // step published nothing: no row of it may be committed. Running the same rows again, together or
  // one by one, is allowed.
  virtual absl::Status Wait(Handle handle, StepResult& result) = 0;
};

}  // namespace skep

#endif  // SKEP_MODELS_RUNNER_H_
