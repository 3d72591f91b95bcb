// Times of tokens, and the figures of `skep bench` computed from them.
#ifndef SKEP_SERVER_COMMANDS_BENCH_REPORT_H_
#define SKEP_SERVER_COMMANDS_BENCH_REPORT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/time/time.h"

namespace skep::server {

// Tokens that arrived together.
struct Arrival {
  absl::Time time;
  int64_t tokens = 0;
};

// One stream, from its submission to its end.
struct StreamTrace {
  absl::Time start;
  std::vector<Arrival> arrivals;  // not empty
};

struct BenchShape {
  int32_t concurrency = 1;
  int32_t prompt_tokens = 512;
  int32_t generate_tokens = 128;
};

// One entry of "runs". All streams started together, so the run has two phases: until the last
// stream has its first token, and the rest, in which every stream decodes. Prefill is the prompts'
// tokens over the first phase; decode the tokens of the second over its length.
nlohmann::ordered_json Report(const BenchShape& shape, const std::vector<StreamTrace>& streams);

// The value below which the share `quantile` of `values` lies (nearest rank); 0 for none.
double Quantile(std::vector<double> values, double quantile);

}  // namespace skep::server

#endif  // SKEP_SERVER_COMMANDS_BENCH_REPORT_H_
