// From a path to a model that runs. No tensor in this header.
#ifndef SKEP_MODELS_LOAD_RUNNER_H_
#define SKEP_MODELS_LOAD_RUNNER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "models/runner.h"

namespace skep::models {

struct RunnerOptions {
  std::string device = "cpu";
  // "fused": the device's own kernels. "reference": plain libtorch in float32, the oracle of tests.
  std::string ops = "fused";
  int32_t threads = 0;                // 0: what the cgroup and the machine give
  int64_t kv_cache_memory = 0;        // bytes; 0: a share of the memory that is free
  std::string kv_cache_type = "f16";  // "f16", "bf16", "int8" or "f32"
  int64_t context_length = 0;         // 0: the model's own, at most
  int32_t max_sequences = 64;
  int32_t max_batch_tokens = 512;
  // Called now and then while loading, with the share that is done, 0 to 1.
  std::function<void(double)> progress;
};

// `path` is a .gguf file (the first of a split one) or a folder with config.json and SafeTensors.
absl::StatusOr<std::unique_ptr<ModelRunner>> LoadModelRunner(const std::string& path,
                                                             const RunnerOptions& options);

// The architectures this build can serve: one line each, "llama (LlamaForCausalLM, gguf: llama)".
std::vector<std::string> SupportedArchitectures();

// OK if the model at `path` has an architecture and features that Skep implements, judged from its
// configuration alone; otherwise the error that loading would give.
absl::Status CheckSupported(const std::string& path);

}  // namespace skep::models

#endif  // SKEP_MODELS_LOAD_RUNNER_H_
