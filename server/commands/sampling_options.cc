#include "server/commands/sampling_options.h"

#include <CLI/CLI.hpp>

namespace skep::server {

void AddSamplingFlags(CLI::App& command, SamplingFlags& flags) {
  command.add_option("--max-tokens", flags.max_tokens, "Generate at most so many tokens");
  command.add_option("--temperature", flags.temperature, "0: always the most likely token");
  command.add_option("--top-k", flags.top_k, "Draw among the k most likely tokens; 0: all");
  command.add_option("--top-p", flags.top_p, "Draw among the tokens that make up this probability");
  command.add_option("--min-p", flags.min_p, "Drop tokens less likely than this times the best");
  command.add_option("--repetition-penalty", flags.repetition_penalty, "Above 1: less repetition");
  command.add_option("--seed", flags.seed, "Makes the draw repeatable");
  command.add_option("--stop", flags.stop, "End at this text; may be given several times")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

void Apply(const SamplingFlags& flags, engine::GenerationRequest& request) {
  request.max_tokens = flags.max_tokens;
  request.temperature = flags.temperature;
  request.top_k = flags.top_k;
  request.top_p = flags.top_p;
  request.min_p = flags.min_p;
  request.repetition_penalty = flags.repetition_penalty;
  request.seed = flags.seed;
  request.stop_strings = flags.stop;
}

}  // namespace skep::server
