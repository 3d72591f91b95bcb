// Logits of every family and format against transformers', on tiny random models (models.py).
//
// Each checkpoint runs twice: with the reference operations, which compute in float32 what
// transformers computes and must agree to rounding; and with the fused operations, whose error has
// the sources that FusedTolerance names.
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/ops/cpu/cpu_features.h"
#include "models/runner/batch.h"
#include "models/runner/loaded_model.h"
#include "tests/golden/golden_path.h"

namespace skep::models {
namespace {

using nlohmann::json;

std::string Folder() { return GoldenPath("models/"); }

std::vector<float> ReadFloats(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  std::vector<float> values(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
  return values;
}

// How a set of sequences is cut into steps: for each step, how many tokens of each sequence.
using Schedule = std::vector<std::vector<int32_t>>;

Schedule WholePrompts(const std::vector<size_t>& lengths) {
  Schedule schedule(1);
  for (size_t length : lengths) schedule[0].push_back(static_cast<int32_t>(length));
  return schedule;
}

// Chunks of `sizes`, round and round, each sequence starting elsewhere in the round; a sequence
// that has come to its end takes no further part, so that rows of all kinds meet in a step. Where
// `prompts` are given, sequence s begins in step s with its prompt, all of it.
Schedule Chunks(const std::vector<size_t>& lengths, const std::vector<int32_t>& sizes,
                const std::vector<size_t>& prompts = {}) {
  Schedule schedule;
  std::vector<int32_t> done(lengths.size(), 0);
  for (size_t step = 0;; ++step) {
    std::vector<int32_t> counts;
    for (size_t s = 0; s < lengths.size(); ++s) {
      const int32_t left = static_cast<int32_t>(lengths[s]) - done[s];
      int32_t count = sizes[(step + s) % sizes.size()];
      if (!prompts.empty() && done[s] == 0) {
        count = step < s ? 0 : static_cast<int32_t>(prompts[s]);
      }
      counts.push_back(std::min(left, count));
      done[s] += counts.back();
    }
    if (std::all_of(counts.begin(), counts.end(), [](int32_t c) { return c == 0; })) break;
    schedule.push_back(counts);
  }
  return schedule;
}

// All logits of all sequences, [sequence][token][vocab], computed step by step.
std::vector<float> RunSchedule(LoadedModel& loaded, const std::vector<std::vector<TokenId>>& tokens,
                               const std::vector<size_t>& prompts, const Schedule& schedule) {
  const CacheLayout& layout = loaded.info.cache;
  const int64_t vocab = loaded.info.vocab_size;
  // Blocks of the sequences alternate, so that no table is a plain run.
  const int64_t blocks_each =
      (loaded.info.context_length + layout.block_size - 1) / layout.block_size;
  std::vector<std::vector<BlockId>> tables(tokens.size());
  for (int64_t b = 0; b < blocks_each; ++b) {
    for (size_t s = 0; s < tokens.size(); ++s) {
      tables[s].push_back(static_cast<BlockId>(b * tokens.size() + s));
    }
  }
  Batch batch(layout, loaded.max_batch_tokens, loaded.max_sequences, loaded.info.context_length,
              loaded.prefix);
  at::Tensor step_logits = loaded.ops->MakeBuffer(loaded.max_batch_tokens, vocab);
  std::vector<int64_t> done(tokens.size(), 0), offsets(tokens.size(), 0);
  for (size_t s = 1; s < tokens.size(); ++s) {
    offsets[s] = offsets[s - 1] + static_cast<int64_t>(tokens[s - 1].size());
  }
  std::vector<float> logits((offsets.back() + tokens.back().size()) * vocab);
  for (const std::vector<int32_t>& counts : schedule) {
    Plan plan;
    std::vector<int64_t> targets;
    for (size_t s = 0; s < tokens.size(); ++s) {
      if (counts[s] == 0) continue;
      PlanRow row;
      row.sequence.tokens = tokens[s];
      row.sequence.prompt_length = static_cast<int64_t>(prompts[s]);
      row.first_token = done[s];
      row.count = counts[s];
      for (size_t g = 0; g < layout.groups.size(); ++g) row.block_tables[g] = tables[s];
      plan.rows.push_back(row);
      for (int32_t i = 0; i < counts[s]; ++i) targets.push_back(offsets[s] + done[s] + i);
      done[s] += counts[s];
    }
    loaded.model->Forward(batch.Build(plan));
    std::vector<int32_t> rows(targets.size());
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(i);
    loaded.model->Logits(rows, step_logits);
    loaded.model->EndStep();
    for (size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(step_logits.data_ptr<float>() + i * vocab, vocab,
                  logits.begin() + targets[i] * vocab);
    }
  }
  return logits;
}

struct Difference {
  double largest = 0;           // |difference|, over the range of the expected logits
  double root_mean_square = 0;  // over the root mean square of the expected logits
};

// The root mean square over the three quarters of the tokens (`vocab` logits each) that differ
// least, over that of what is expected.
double TypicalDifference(const std::vector<float>& actual, const std::vector<float>& expected,
                         size_t vocab) {
  std::vector<double> squares(expected.size() / vocab, 0.0);
  double expected_squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    squares[i / vocab] += std::pow(static_cast<double>(actual[i]) - expected[i], 2);
    expected_squares += static_cast<double>(expected[i]) * expected[i];
  }
  std::sort(squares.begin(), squares.end());
  squares.resize(squares.size() * 3 / 4);
  const double sum = std::accumulate(squares.begin(), squares.end(), 0.0);
  return std::sqrt(sum / (expected_squares * 3 / 4));
}

Difference Compare(const std::vector<float>& actual, const std::vector<float>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  double largest = 0, squares = 0, expected_squares = 0;
  for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
    const double difference = static_cast<double>(actual[i]) - expected[i];
    if (!(std::abs(difference) <= largest)) largest = std::abs(difference);  // NaN counts
    squares += difference * difference;
    expected_squares += static_cast<double>(expected[i]) * expected[i];
  }
  return {largest / (*high - *low), std::sqrt(squares / expected_squares)};
}

RunnerOptions Options(const std::string& ops, int64_t context_length) {
  RunnerOptions options;
  options.ops = ops;
  options.threads = 2;
  options.kv_cache_memory = int64_t{64} << 20;
  options.kv_cache_type = "f32";
  options.max_batch_tokens = 128;
  options.max_sequences = 4;
  options.context_length = context_length;
  return options;
}

struct Case {
  std::string family;  // models.py
  std::string oracle;  // models.py
  std::string path;
  std::string format;
  std::string type;      // of the matrices
  std::string schedule;  // models.py
  bool routes = false;   // models.py
  std::vector<std::vector<TokenId>> tokens;
  std::vector<size_t> prompts;  // lengths
  std::vector<float> expected;  // logits, [sequence][token][vocab]
  LoadedModel* loaded = nullptr;
};

// Models whose RoPE depends on a sequence's whole length are run one sequence at a time, with a
// context of just that length; all others with all their sequences in one batch.
template <typename Check>
void RunCases(const std::string& ops, const json& model, const json& checkpoint,
              const Check& check) {
  const json& reference = model["references"][std::string(checkpoint["reference"])];
  const std::vector<float> expected = ReadFloats(Folder() + std::string(reference["logits"]));
  Case c{model["family"],    model["oracle"],   checkpoint["path"], checkpoint["format"],
         checkpoint["type"], model["schedule"], model["routes"]};
  SCOPED_TRACE(c.path);
  const auto run = [&](int64_t context_length) {
    const RunnerOptions options = Options(ops, context_length);
    auto operations = MakeOps(options);
    ASSERT_TRUE(operations.ok()) << operations.status();
    auto loaded = LoadModel(Folder() + c.path, options, *std::move(operations));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    c.loaded = &*loaded;
    check(c);
  };
  size_t offset = 0;
  for (const json& sequence : model["sequences"]) {
    c.tokens.push_back(sequence["tokens"].get<std::vector<TokenId>>());
    c.prompts.push_back(sequence["prompt"].get<size_t>());
    if (c.schedule != "whole") continue;
    const size_t size = c.tokens[0].size() * model["vocab_size"].get<size_t>();
    c.expected.assign(expected.begin() + offset, expected.begin() + offset + size);
    offset += size;
    run(static_cast<int64_t>(c.tokens[0].size()));
    c.tokens.clear();
    c.prompts.clear();
  }
  if (c.schedule == "whole") return;
  c.expected = expected;
  run(/*context_length=*/0);
}

template <typename Check>
void ForEachCheckpoint(const std::string& ops, const Check& check) {
  std::ifstream file(Folder() + "index.json");
  const json index = json::parse(file);
  const c10::InferenceMode inference;
  int checked = 0;
  for (const json& model : index["models"]) {
    for (const json& checkpoint : model["checkpoints"]) {
      RunCases(ops, model, checkpoint, check);
      ++checked;
    }
  }
  EXPECT_GT(checked, 20);
}

std::vector<size_t> Lengths(const std::vector<std::vector<TokenId>>& tokens) {
  std::vector<size_t> lengths;
  lengths.reserve(tokens.size());
  for (const auto& sequence : tokens) lengths.push_back(sequence.size());
  return lengths;
}

// float32 against float32 with other summation orders.
constexpr double kReferenceTolerance = 1e-4;

// Chunks of any size, but for prompts that have to come in one step.
Schedule ChunksOf(const Case& c, const std::vector<int32_t>& sizes) {
  const bool whole_prompts = c.schedule == "prompt";
  return Chunks(Lengths(c.tokens), sizes, whole_prompts ? c.prompts : std::vector<size_t>());
}

std::vector<Schedule> SchedulesOf(const Case& c) {
  const auto lengths = Lengths(c.tokens);
  if (c.schedule == "whole") return {WholePrompts(lengths)};
  if (c.schedule == "steps") return {ChunksOf(c, {1})};
  return {WholePrompts(lengths), ChunksOf(c, {7, 1, 13}), ChunksOf(c, {1})};
}

TEST(ReferenceOps, GiveTransformersLogitsForWholePromptsChunksAndSteps) {
  ForEachCheckpoint("reference", [](const Case& c) {
    for (const Schedule& schedule : SchedulesOf(c)) {
      const std::vector<float> actual = RunSchedule(*c.loaded, c.tokens, c.prompts, schedule);
      EXPECT_LT(Compare(actual, c.expected).largest, kReferenceTolerance)
          << schedule.size() << " steps";
    }
  });
}

// Every quantised type's kernel takes activations rounded to 8 bits.
bool RoundsActivations(const std::string& type) {
  static const std::set<std::string>* const floats =
      new std::set<std::string>({"F64", "F32", "F16", "BF16", "F8_E4M3"});
  return floats->count(type) == 0;
}

// FP8 is BF16 in memory.
bool IsBfloat(const std::string& type) { return type == "BF16" || type == "F8_E4M3"; }

bool RoundsToBfloat(const std::string& type) {
  return IsBfloat(type) && cpu::FastBfloatDots(*cpu::SelectCpuLevelFromEnvironment());
}

// Tells tools/model_support.py, which reads it from the test's JSON output, what was compared, with
// which kind of arithmetic, and the largest difference of all schedules.
void Record(const Case& c, bool passed, double difference) {
  const char* arithmetic = RoundsActivations(c.type) ? "int8" : IsBfloat(c.type) ? "bf16" : "float";
  testing::Test::RecordProperty(
      "checkpoint " + c.path,
      absl::StrJoin({c.family, c.format, c.type, std::string(passed ? "passed" : "failed"),
                     c.oracle, std::string(arithmetic), absl::StrCat(difference)},
                    "|"));
}

// The kernels of floats compute in float32 and differ from the reference in summation order only.
// Where activations are rounded to 8 bits in blocks of 32, a rounded value is off by at most 1/254
// of its block's largest, which for bell-shaped values is a root mean square of 0.5 %; each of the
// two to six layers adds four such roundings to the residual stream, independent of each other, and
// the head one more: sqrt(25) * 0.5 % bounds their sum.
//
// Where a router chooses experts, rounding also decides between experts that are nearly level: a
// few tokens then go another way than in float32, and are off by a whole expert. The others, of
// which there must be three quarters, differ by no more than elsewhere.
// Where bfloat16 has dot products of its own, matrices of that type round activations to it: off by
// at most 2^-8, a root mean square of 0.17 %. It goes through the same layers as the 0.5 % of 8
// bits, and so gets the same share of their tolerance. (transformers' own models, with the inputs
// of their linear layers rounded to bfloat16, move by 0.4 to 1.1 % of these logits.)
constexpr double kFloatTolerance = 1e-5;
constexpr double kRoundedTolerance = 0.04;
constexpr double kBfloatTolerance = kRoundedTolerance * 0.17 / 0.5;

TEST(Registry, NamesEveryArchitectureThatIsCompared) {
  const std::vector<std::string> lines = SupportedArchitectures();
  for (size_t i = 0; i < lines.size(); ++i) {
    RecordProperty("architecture " + std::to_string(i), lines[i]);
  }
  std::ifstream file(Folder() + "index.json");
  std::set<std::string> compared;
  const json index = json::parse(file);
  for (const json& model : index["models"]) compared.insert(model["family"].get<std::string>());
  for (const std::string& line : lines) {
    // Families in the index are Hugging Face's model types, which the line lists.
    EXPECT_TRUE(std::any_of(compared.begin(), compared.end(), [&](const std::string& family) {
      return line.find(" " + family) != std::string::npos;
    })) << line;
  }
}

TEST(FusedOps, GiveTransformersLogitsWithinTheErrorOfTheirType) {
  ForEachCheckpoint("fused", [](const Case& c) {
    const bool rounds = RoundsActivations(c.type) || RoundsToBfloat(c.type);
    bool passed = true;
    double largest = 0;
    for (const Schedule& schedule : SchedulesOf(c)) {
      const std::vector<float> actual = RunSchedule(*c.loaded, c.tokens, c.prompts, schedule);
      const double difference =
          rounds && c.routes ? TypicalDifference(actual, c.expected, c.loaded->info.vocab_size)
                             : Compare(actual, c.expected).root_mean_square;
      const double tolerance = RoundsActivations(c.type) ? kRoundedTolerance
                               : RoundsToBfloat(c.type)  ? kBfloatTolerance
                                                         : kFloatTolerance;
      EXPECT_LT(difference, tolerance) << schedule.size() << " steps";
      passed = passed && difference < tolerance;
      largest = std::max(largest, difference);
    }
    Record(c, passed, largest);
  });
}

// Not one bit of a sequence's logits depends on how its tokens are cut into steps, or on what runs
// beside it.
TEST(FusedOps, AreBatchInvariant) {
  ForEachCheckpoint("fused", [](const Case& c) {
    if (c.schedule != "any" && c.schedule != "prompt") return;
    const std::vector<float> whole =
        RunSchedule(*c.loaded, c.tokens, c.prompts, WholePrompts(Lengths(c.tokens)));
    for (const std::vector<int32_t>& sizes :
         std::vector<std::vector<int32_t>>{{1}, {7, 1, 13}, {2, 16, 3}, {31, 5}}) {
      EXPECT_EQ(RunSchedule(*c.loaded, c.tokens, c.prompts, ChunksOf(c, sizes)), whole)
          << sizes.size();
    }
    std::vector<float> alone;
    for (size_t s = 0; s < c.tokens.size(); ++s) {
      const auto logits =
          RunSchedule(*c.loaded, {c.tokens[s]}, {c.prompts[s]}, WholePrompts({c.tokens[s].size()}));
      alone.insert(alone.end(), logits.begin(), logits.end());
    }
    EXPECT_EQ(alone, whole);
  });
}

}  // namespace
}  // namespace skep::models
