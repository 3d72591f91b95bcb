// Speed of whole steps of a model, without the engine: what the kernels leave of a token's time.
//
//   step_bench MODEL [--threads=2] [--prompt=512] [--context=128] [--steps=32]
//              [--streams=1,2,4,8,16,32] [--repeats=3]
//
// Prefill: one prompt in one step. Decode: n streams, each with its own cached prompt of `context`
// tokens, greedy. Prints tokens per second of time (best repeat and median) and per second of
// processor time, which other work on the machine disturbs less (use --threads=1 for that: waiting
// threads spin).
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "models/load_runner.h"

namespace skep {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string Option(int argc, char** argv, const std::string& name, const std::string& fallback) {
  const std::string prefix = "--" + name + "=";
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], prefix.c_str(), prefix.size()) == 0) return argv[i] + prefix.size();
  }
  return fallback;
}

class StepBench {
 public:
  // No sequence is longer than `max_tokens`.
  StepBench(ModelRunner& runner, int64_t max_tokens) : runner_(runner), max_tokens_(max_tokens) {
    sampling_.temperature = 0.0f;
  }

  // Sequences 0 .. streams - 1 compute `count` tokens from `first` on.
  void Step(int streams, int64_t first, int32_t count) {
    const CacheLayout& cache = runner_.info().cache;
    const int64_t blocks = (first + count + cache.block_size - 1) / cache.block_size;
    const int64_t stride = (max_tokens_ + cache.block_size - 1) / cache.block_size;
    plan_.Clear();
    tokens_.resize(streams);
    tables_.resize(streams);
    for (int s = 0; s < streams; ++s) {
      while (static_cast<int64_t>(tokens_[s].size()) < first + count) {
        tokens_[s].push_back(static_cast<TokenId>(100 + (7 * tokens_[s].size() + 13 * s) % 20000));
      }
      tables_[s].resize(blocks);
      for (int64_t b = 0; b < blocks; ++b) tables_[s][b] = static_cast<BlockId>(s * stride + b);
      PlanRow row;
      row.sequence.id = static_cast<SequenceId>(s + 1);
      row.sequence.tokens = tokens_[s];
      row.sequence.prompt_length = first + count;
      row.sequence.sampling = &sampling_;
      row.first_token = first;
      row.count = count;
      for (size_t g = 0; g < cache.groups.size(); ++g) row.block_tables[g] = tables_[s];
      row.first_sample = s;
      row.num_samples = 1;
      plan_.samples.push_back(row.sequence);
      plan_.rows.push_back(row);
      plan_.num_tokens += count;
    }
    ++plan_.step;
    const absl::StatusOr<ModelRunner::Handle> handle = runner_.Submit(plan_);
    absl::Status status = handle.status();
    if (status.ok()) status = runner_.Wait(*handle, result_);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
      std::exit(1);
    }
  }

 private:
  ModelRunner& runner_;
  const int64_t max_tokens_;
  SamplingParams sampling_;
  Plan plan_;
  StepResult result_;
  std::vector<std::vector<TokenId>> tokens_;
  std::vector<std::vector<BlockId>> tables_;
};

double ProcessSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Rates of repeats: tokens over time, and over processor time.
class Rates {
 public:
  template <typename Work>
  void Measure(int64_t tokens, Work&& work) {
    const double processor = ProcessSeconds();
    const Clock::time_point start = Clock::now();
    work();
    wall_.push_back(static_cast<double>(tokens) / SecondsSince(start));
    processor_.push_back(static_cast<double>(tokens) / (ProcessSeconds() - processor));
  }

  void Report(const char* what, int count) {
    std::sort(wall_.begin(), wall_.end());
    std::sort(processor_.begin(), processor_.end());
    std::printf("%-8s %4d  best %8.1f tok/s  median %8.1f  per processor second %8.1f\n", what,
                count, wall_.back(), wall_[wall_.size() / 2], processor_[processor_.size() / 2]);
    std::fflush(stdout);
  }

 private:
  std::vector<double> wall_;
  std::vector<double> processor_;
};

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: step_bench MODEL [options]\n");
    return 2;
  }
  const auto number = [&](const char* name, const char* fallback) {
    return std::atoi(Option(argc, argv, name, fallback).c_str());
  };
  const int repeats = number("repeats", "3");
  const int prompt = number("prompt", "512");
  const int context = number("context", "128");
  const int steps = number("steps", "32");
  const int64_t max_tokens = std::max(prompt, context + steps);
  models::RunnerOptions options;
  options.threads = number("threads", "2");
  options.context_length = max_tokens;
  options.kv_cache_memory = int64_t{3} << 30;
  options.ops = Option(argc, argv, "ops", "fused");
  absl::StatusOr<std::unique_ptr<ModelRunner>> runner = models::LoadModelRunner(argv[1], options);
  if (!runner.ok()) {
    std::fprintf(stderr, "%s\n", std::string(runner.status().message()).c_str());
    return 1;
  }
  StepBench bench(**runner, max_tokens);
  Rates prefill;
  for (int i = 0; i < repeats; ++i) prefill.Measure(prompt, [&] { bench.Step(1, 0, prompt); });
  prefill.Report("prefill", prompt);
  std::string list = Option(argc, argv, "streams", "1,2,4,8,16,32") + ",";
  for (size_t at; (at = list.find(',')) != std::string::npos; list.erase(0, at + 1)) {
    const int streams = std::atoi(list.substr(0, at).c_str());
    if (streams < 1) continue;
    const int chunk = std::max(8, 512 / streams);
    for (int first = 0; first < context; first += chunk) {
      bench.Step(streams, first, std::min(chunk, context - first));
    }
    Rates decode;
    for (int i = 0; i < repeats; ++i) {
      decode.Measure(int64_t{streams} * steps, [&] {
        for (int s = 0; s < steps; ++s) bench.Step(streams, context + s, 1);
      });
    }
    decode.Report("decode", streams);
  }
  return 0;
}

}  // namespace
}  // namespace skep

int main(int argc, char** argv) { return skep::Main(argc, argv); }
