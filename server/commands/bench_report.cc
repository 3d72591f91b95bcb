#include "server/commands/bench_report.h"

#include <algorithm>
#include <cmath>

namespace skep::server {
namespace {

double Rate(double amount, absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  return seconds > 0 ? amount / seconds : 0;
}

// k tokens that came together after a pause count as k intervals of a k-th of it each.
void AddIntervals(const StreamTrace& stream, std::vector<double>& intervals) {
  for (size_t i = 1; i < stream.arrivals.size(); ++i) {
    const Arrival& arrival = stream.arrivals[i];
    const double pause = absl::ToDoubleSeconds(arrival.time - stream.arrivals[i - 1].time);
    intervals.insert(intervals.end(), arrival.tokens,
                     pause / static_cast<double>(std::max<int64_t>(1, arrival.tokens)));
  }
}

nlohmann::ordered_json Percentiles(const std::vector<double>& values) {
  return {{"p50", Quantile(values, 0.5)}, {"p99", Quantile(values, 0.99)}};
}

}  // namespace

double Quantile(std::vector<double> values, double quantile) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(quantile * static_cast<double>(values.size()));
  return values[static_cast<size_t>(std::max(1.0, rank)) - 1];
}

nlohmann::ordered_json Report(const BenchShape& shape, const std::vector<StreamTrace>& streams) {
  absl::Time start = absl::InfiniteFuture();
  absl::Time all_decode = absl::InfinitePast();
  absl::Time end = absl::InfinitePast();
  std::vector<double> first_token;
  std::vector<double> intervals;
  for (const StreamTrace& stream : streams) {
    start = std::min(start, stream.start);
    all_decode = std::max(all_decode, stream.arrivals.front().time);
    end = std::max(end, stream.arrivals.back().time);
    first_token.push_back(absl::ToDoubleSeconds(stream.arrivals.front().time - stream.start));
    AddIntervals(stream, intervals);
  }
  int64_t decoded = 0;
  for (const StreamTrace& stream : streams) {
    for (const Arrival& arrival : stream.arrivals) {
      if (arrival.time > all_decode) decoded += arrival.tokens;
    }
  }
  const double streams_count = static_cast<double>(streams.size());
  const double decode = Rate(static_cast<double>(decoded), end - all_decode);
  return {
      {"concurrency", shape.concurrency},
      {"prompt_tokens", shape.prompt_tokens},
      {"generate_tokens", shape.generate_tokens},
      {"prefill_tokens_per_second", Rate(streams_count * shape.prompt_tokens, all_decode - start)},
      {"decode_tokens_per_second", decode},
      {"decode_tokens_per_second_per_stream", decode / streams_count},
      {"requests_per_second", Rate(streams_count, end - start)},
      {"ttft_seconds", Percentiles(first_token)},
      {"itl_seconds", Percentiles(intervals)}};
}

}  // namespace skep::server
