// What the runner promises beside the right logits: nothing allocated in steady-state decoding, and
// plans that do not fit the model refused.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/load_runner.h"
#include "tests/golden/golden_path.h"

namespace {

std::atomic<bool> counting = false;
std::atomic<int> allocations = 0;

}  // namespace

// Not inlined: GCC would see malloc and free meet, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (counting) ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace skep::models {
namespace {

namespace fs = std::filesystem;

constexpr int kSequences = 3;

// Three sequences that decode side by side, on fixed blocks.
class Decoding {
 public:
  explicit Decoding(ModelRunner& runner) : runner_(runner) {
    sampling_.temperature = 0.8f;
    sampling_.top_k = 20;
    const CacheLayout& layout = runner.info().cache;
    for (int s = 0; s < kSequences; ++s) {
      tokens_[s] = {1, 5 + s, 9};
      tokens_[s].reserve(200);
      for (int b = 0; b < 4; ++b) tables_[s].push_back(static_cast<BlockId>(b * kSequences + s));
    }
    groups_ = layout.groups.size();
    plan_.rows.reserve(kSequences);
    plan_.samples.reserve(kSequences);
  }

  // The next token of each; the first step reads the prompts.
  absl::Status Step() {
    plan_.Clear();
    ++plan_.step;
    for (int s = 0; s < kSequences; ++s) {
      PlanRow row;
      row.sequence.id = static_cast<SequenceId>(s) + 1;
      row.sequence.tokens = tokens_[s];
      row.sequence.prompt_length = 3;
      row.sequence.sampling = &sampling_;
      row.first_token = done_[s];
      row.count = static_cast<int32_t>(static_cast<int64_t>(tokens_[s].size()) - done_[s]);
      for (size_t g = 0; g < groups_; ++g) row.block_tables[g] = tables_[s];
      row.first_sample = s;
      row.num_samples = 1;
      done_[s] = static_cast<int64_t>(tokens_[s].size());
      plan_.rows.push_back(row);
      plan_.samples.push_back(row.sequence);
    }
    const auto handle = runner_.Submit(plan_);
    if (!handle.ok()) return handle.status();
    absl::Status status = runner_.Wait(*handle, result_);
    for (int s = 0; status.ok() && s < kSequences; ++s) {
      tokens_[s].push_back(result_.samples[s].token);
    }
    return status;
  }

  std::vector<TokenId>& tokens(int s) { return tokens_[s]; }

 private:
  ModelRunner& runner_;
  SamplingParams sampling_;
  std::vector<TokenId> tokens_[kSequences];
  std::vector<BlockId> tables_[kSequences];
  int64_t done_[kSequences] = {};
  size_t groups_ = 0;
  Plan plan_;
  StepResult result_;
};

fs::path Models() { return GoldenPath("models"); }

std::unique_ptr<ModelRunner> Load(const std::string& model) {
  RunnerOptions options;
  options.threads = 2;
  options.kv_cache_memory = int64_t{16} << 20;
  options.max_sequences = 4;
  options.max_batch_tokens = 32;
  auto runner = LoadModelRunner(Models() / model, options);
  EXPECT_TRUE(runner.ok()) << runner.status();
  return *std::move(runner);
}

TEST(RunnerTest, DecodingAllocatesNothing) {
  for (const char* model : {"llama3_rope/q8_0.gguf", "llama_tied/bfloat16", "gemma3/float32",
                            "qwen3_moe/q8_0.gguf", "deepseek_v3/float32", "chatglm_6b/float32"}) {
    SCOPED_TRACE(model);
    const auto runner = Load(model);
    Decoding decoding(*runner);
    for (int warm_up = 0; warm_up < 40; ++warm_up) ASSERT_TRUE(decoding.Step().ok());
    allocations = 0;
    counting = true;
    for (int step = 0; step < 30; ++step) {
      if (!decoding.Step().ok()) break;
    }
    counting = false;
    EXPECT_EQ(decoding.tokens(0).size(), 3u + 70u);
    EXPECT_EQ(allocations, 0);
  }
}

// Positions are rows of a table there: no scaling of a RoPE that the model has not may stretch
// them.
TEST(RunnerTest, LearnedPositionsBoundTheContext) {
  const fs::path from = Models() / "gpt2/float32";
  const fs::path folder = fs::path(testing::TempDir()) / "stretched_gpt2";
  fs::remove_all(folder);
  fs::copy(from, folder, fs::copy_options::recursive);
  std::ifstream file(folder / "config.json");
  nlohmann::json config = nlohmann::json::parse(file);
  config["rope_scaling"] = {{"rope_type", "dynamic"}, {"factor", 8.0}};
  std::ofstream(folder / "config.json") << config;
  RunnerOptions options;
  options.threads = 1;
  options.kv_cache_memory = int64_t{16} << 20;
  const auto runner = LoadModelRunner(folder, options);
  ASSERT_TRUE(runner.ok()) << runner.status();
  EXPECT_EQ((*runner)->info().context_length, config["n_positions"].get<int64_t>());
}

TEST(RunnerTest, SaysWhichModelsLookAheadAndCutsNoPromptOfTheirs) {
  EXPECT_FALSE(Load("llama_tied/float32")->info().whole_prompts);
  EXPECT_TRUE(Load("llama_tied/float32")->info().generates);
  for (const char* model : {"modern_bert/float32", "chatglm_6b/float32"}) {
    SCOPED_TRACE(model);
    const auto runner = Load(model);
    EXPECT_TRUE(runner->info().whole_prompts);
    EXPECT_EQ(runner->info().generates, std::string(model) == "chatglm_6b/float32");
    Decoding whole(*runner);
    EXPECT_TRUE(whole.Step().ok());
    Decoding cut(*runner);
    cut.tokens(1).pop_back();  // of the prompt's three
    EXPECT_EQ(cut.Step().code(), absl::StatusCode::kInternal);
  }
}

TEST(RunnerTest, RefusesAPlanThatDoesNotFitTheModel) {
  const auto runner = Load("llama_tied/float32");
  for (TokenId bad : {-1, static_cast<TokenId>(runner->info().vocab_size)}) {
    Decoding decoding(*runner);
    decoding.tokens(1)[2] = bad;
    EXPECT_EQ(decoding.Step().code(), absl::StatusCode::kInternal);
  }
  Decoding too_long(*runner);
  too_long.tokens(0).assign(33, 4);
  EXPECT_EQ(too_long.Step().code(), absl::StatusCode::kInternal);
  Decoding fine(*runner);
  EXPECT_TRUE(fine.Step().ok());
}

TEST(RunnerTest, RefusesAPoolThatDoesNotFitTheModel) {
  const auto runner = Load("llama_tied/float32");
  const std::vector<TokenId> tokens = {1, 5, 9, 7};
  const std::vector<BlockId> table = {0};
  SamplingParams sampling;
  const auto run = [&](int64_t first_token, int32_t pool, const std::vector<float>& before) {
    PlanRow row;
    row.sequence.id = 1;
    row.sequence.tokens = tokens;
    row.sequence.prompt_length = 4;
    row.sequence.sampling = &sampling;
    row.first_token = first_token;
    row.count = 2;
    row.pool = pool;
    row.block_tables[0] = table;
    Plan plan;
    plan.step = 1;
    plan.rows.push_back(row);
    plan.pools.push_back({Pooling::kMean, before});
    const auto handle = runner->Submit(plan);
    if (!handle.ok()) return handle.status();
    StepResult result;
    return runner->Wait(*handle, result);
  };
  const size_t hidden = runner->info().hidden_size;
  EXPECT_EQ(run(0, 1, {}).code(), absl::StatusCode::kInternal);  // there is one pool, number 0
  EXPECT_EQ(run(0, 0, std::vector<float>(hidden)).code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(run(0, 0, {}).ok());
  EXPECT_EQ(run(2, 0, {}).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(run(2, 0, std::vector<float>(hidden - 1)).code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(run(2, 0, std::vector<float>(hidden)).ok());
}

}  // namespace
}  // namespace skep::models
