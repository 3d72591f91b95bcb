// --temperature, --max-tokens and their like, shared by `generate` and `chat`.
#ifndef SKEP_SERVER_COMMANDS_SAMPLING_OPTIONS_H_
#define SKEP_SERVER_COMMANDS_SAMPLING_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/request.h"

namespace CLI {
class App;
}

namespace skep::server {

struct SamplingFlags {
  std::optional<int32_t> max_tokens;
  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  std::optional<uint64_t> seed;
  std::vector<std::string> stop;
};

void AddSamplingFlags(CLI::App& command, SamplingFlags& flags);

void Apply(const SamplingFlags& flags, engine::GenerationRequest& request);

}  // namespace skep::server

#endif  // SKEP_SERVER_COMMANDS_SAMPLING_OPTIONS_H_
